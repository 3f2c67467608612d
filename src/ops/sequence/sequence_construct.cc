// SequenceConstruct: a sequence of the operands. SequenceEmpty: a sequence of nothing, of a given element type.
#include "ops/move.h"

namespace tenon::ops::sequence_construct {
namespace {

void infer(InferContext& c) {
  ValueType item = c.type(0);
  for (size_t i = 1; i < c.num_inputs(); ++i) item = widen(c, item, c.type(i));
  c.set_type(0, ValueType::sequence(std::move(item)));
}

DType empty_type(const graph::Attrs& attrs) { return dtype_attr(attrs, "dtype", kIr3Set, DType::kFloat); }
void infer_empty(InferContext& c) { c.set_type(0, ValueType::sequence(ValueType::tensor(empty_type(c.attrs())))); }

struct SequenceConstruct final : Kernel {
  explicit SequenceConstruct(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    std::vector<Value> items;
    for (size_t i = 0; i < c.num_inputs(); ++i) items.push_back(copy_of(c.par, c.input(i)));
    c.set_output(0, Value::sequence(std::move(items)));
  }
};
struct SequenceEmpty final : Kernel {
  explicit SequenceEmpty(const NodeInfo& info) : type(empty_type(info.attrs)) {}
  void run(KernelContext& c) const override { c.set_output(0, Value::sequence({}, type)); }
  DType type;
};

constexpr AttrDef kAttrs[] = {optional_attr("dtype", AttrKind::kInt)};
constexpr Port kIn[] = {{"inputs", kIr3Set, "T", PortUse::kVariadic}};
constexpr Port kOut[] = {{"output_sequence", kIr3Set, "S", PortUse::kSingle, kSequences}};
constexpr Port kOutEmpty[] = {{"output", kIr3Set, "S", PortUse::kSingle, kSequences}};
constexpr OpDef kOps[] = {
    {.name = "SequenceConstruct",
     .since = 11,
     .inputs = kIn,
     .outputs = kOut,
     .infer = infer,
     .make = make<SequenceConstruct>},
    {.name = "SequenceEmpty",
     .since = 11,
     .outputs = kOutEmpty,
     .attrs = kAttrs,
     .infer = infer_empty,
     .make = make<SequenceEmpty>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sequence_construct
