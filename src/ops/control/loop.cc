// Loop: runs the body up to M times while its condition holds; carried values, then scan outputs stacked by iteration.
#include "ops/carried.h"
#include "ops/move.h"

namespace tenon::ops::loop {
namespace {

void infer(InferContext& c) {
  for (size_t i = 0; i < 2; ++i)
    if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, "number of elements of M and cond");
  const size_t n = c.num_inputs() > 2 ? c.num_inputs() - 2 : 0;
  std::vector<ValueType> carried, results;
  for (size_t k = 0; k < n; ++k) carried.push_back(c.type(2 + k));
  const ValueType before[] = {ValueType::tensor(DType::kInt64, {}), ValueType::tensor(DType::kBool, {})};
  if (!infer_carried(c, before, carried, {}, 1, &results)) return set_known_outputs(c);
  if (c.num_outputs() > results.size() - 1)
    fail(ErrorCode::kInvalidGraph, "the node has {} outputs, its body {} besides the condition", c.num_outputs(),
         results.size() - 1);
  for (size_t k = 0; k < n; ++k) c.set_type(k, carried[k]);
  const int64_t trips = c.fresh();  // the body may stop early
  for (size_t j = n; j < results.size() - 1; ++j) {
    const ValueType& item = results[1 + j];
    if (!item.is_tensor()) fail(ErrorCode::kInvalidGraph, "scan output {} is no tensor", j - n);
    if (!item.has_rank) {
      c.set_unranked(j, item.elem);
    } else {
      Dims d = item.dims;
      d.insert(0, trips);
      c.set(j, item.elem, std::move(d));
    }
  }
}

constexpr AttrDef kAttrs[] = {required_attr("body", AttrKind::kGraph)};
template <DTypeSet T, uint8_t K = kTensors | kSequences | kOptionals, uint8_t Min = 0>
struct PortsOf {
  static constexpr Port kIn[] = {{"M", kInt64Set, "I", PortUse::kOptional},
                                 {"cond", kBoolSet, "B", PortUse::kOptional},
                                 {"v_initial", T, "V", PortUse::kVariadic, K, true, Min}};
  static constexpr Port kOut[] = {{"v_final_and_scan_outputs", T, "V", PortUse::kVariadic, K, true}};
};
template <DTypeSet T>
using Ports = PortsOf<T>;
constexpr OpDef kRow = {.name = "Loop", .attrs = kAttrs, .infer = infer, .lowering = Lowering::kLoop};
constexpr auto kOps = joined(
    std::array{row_of<PortsOf<kIr3Set, kTensors, 1>>(kRow, 1, 10), row_of<PortsOf<kIr3Set, kTensors>>(kRow, 11, 12),
               row_of<PortsOf<kIr3Set, kTensors | kSequences>>(kRow, 13, 15), row_of<Ports<kIr4Set>>(kRow, 16, 18)},
    rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::loop
