// Test loading.
#include "support/load_model.h"

#include "ops/infer.h"
#include "ops/op.h"

namespace tenon::test {
namespace {

using namespace graph;

constexpr uint8_t kAnyKind = kTensors | kSequences | kOptionals;
constexpr Port kAny[] = {{"v", kAllSet, "V", PortUse::kVariadic, kAnyKind, true, 0}};
constexpr Port kCond[] = {{"cond", kBoolSet, "B"}};
constexpr Port kOut[] = {{"outputs", kAllSet, "V", PortUse::kVariadic, kAnyKind, true, 1}};
constexpr Port kLoopIn[] = {{"M", dtype_bit(DType::kInt64), "I", PortUse::kOptional},
                            {"cond", kBoolSet, "B", PortUse::kOptional},
                            {"v_initial", kAllSet, "V", PortUse::kVariadic, kAnyKind, true, 0}};
constexpr AttrDef kIfAttrs[] = {required_attr("then_branch", AttrKind::kGraph),
                                required_attr("else_branch", AttrKind::kGraph)};
constexpr AttrDef kLoopAttrs[] = {required_attr("body", AttrKind::kGraph)};
constexpr AttrDef kScanAttrs[] = {required_attr("body", AttrKind::kGraph),
                                  required_attr("num_scan_inputs", AttrKind::kInt)};

void infer_if(ops::InferContext& c) {
  for (size_t k = 0; k < 2; ++k) {
    std::vector<ValueType> results;
    if (!c.infer_region(k, {}, &results)) return;
    for (size_t j = 0; j < results.size(); ++j) c.set_type(j, results[j]);
  }
}
void infer_body(ops::InferContext& c) {
  std::vector<ValueType> args, results;
  const bool loop = c.node().op == "Loop";
  if (loop) args = {ValueType::tensor(DType::kInt64, {}), ValueType::tensor(DType::kBool, {})};
  for (size_t i = loop ? 2 : 0; i < c.num_inputs(); ++i) args.push_back(c.type(i));
  if (!c.infer_region(0, args, &results)) return;
  for (size_t j = loop ? 1 : 0; j < results.size(); ++j) c.set_type(j - loop, results[j]);
}

constexpr OpDef kControl[] = {
    {"If", "", 1, 0, kCond, kOut, kIfAttrs, infer_if, nullptr, Lowering::kIf},
    {"Loop", "", 1, 0, kLoopIn, kOut, kLoopAttrs, infer_body, nullptr, Lowering::kLoop},
    {"Scan", "", 9, 0, kAny, kOut, kScanAttrs, infer_body, nullptr, Lowering::kScan},
};

}  // namespace

const OpSet& loader_ops() {
  static const OpSet all = [] {
    OpSet set = ops::builtin_ops();
    for (const OpDef& row : kControl)
      if (!set.find("", row.name, 17)) set.add({&row, 1});
    return set;
  }();
  return all;
}

std::unique_ptr<Graph> load(std::string_view model, onnx::Limits limits) {
  return onnx::load_bytes(std::as_bytes(std::span(model)), {.ops = loader_ops(), .limits = limits});
}

LoadError load_error(std::string_view model, onnx::Limits limits) {
  try {
    load(model, limits);
    return {};
  } catch (const Error& e) {
    return {static_cast<int>(e.code()), e.reason(), e.what(), e.limit()};
  }
}

}  // namespace tenon::test
