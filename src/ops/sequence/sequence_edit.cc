// SequenceAt, SequenceInsert, SequenceErase, SequenceLength: items by position; negative positions count from the back.
#include "ops/move.h"

namespace tenon::ops::sequence_edit {
namespace {

void expect_position(InferContext& c, size_t i) {
  if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, "number of positions");
}

void infer_at(InferContext& c) {
  expect_position(c, 1);
  c.set_type(0, expect_items(c, 0));
}
void infer_insert(InferContext& c) {
  expect_position(c, 2);
  // An empty sequence says nothing about dims, and one of unknown length may be empty: keep what both allow.
  c.set_type(0, ValueType::sequence(widen(c, expect_items(c, 0), c.type(1))));
}
void infer_erase(InferContext& c) {
  expect_position(c, 1);
  expect_items(c, 0);
  c.set_type(0, c.type(0));
}
void infer_length(InferContext& c) {
  expect_items(c, 0);
  c.set(0, DType::kInt64, {});
}

int64_t position(KernelContext& c, size_t i, int64_t size, int64_t missing) {
  return c.has_input(i) ? resolve_index(int_at(c.input(i), 0), size) : missing;
}

struct SequenceAt final : Kernel {
  explicit SequenceAt(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const Value s = c.input_value(0);
    const auto n = static_cast<int64_t>(s.items().size());
    c.set_output(0, s.items()[static_cast<size_t>(position(c, 1, n, 0))]);
  }
};
struct SequenceInsert final : Kernel {
  explicit SequenceInsert(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const Value s = c.input_value(0);
    std::vector<Value> items(s.items().begin(), s.items().end());
    const auto n = static_cast<int64_t>(items.size());
    int64_t at = n;
    if (c.has_input(2)) {
      at = int_at(c.input(2), 0);
      if (at < -n || at > n) fail("position {} out of range [{}, {}]", at, -n, n);
      if (at < 0) at += n;
    }
    items.insert(items.begin() + at, copy_of(c.par, c.input(1)));
    c.set_output(0, Value::sequence(std::move(items)));
  }
};
struct SequenceErase final : Kernel {
  explicit SequenceErase(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const Value s = c.input_value(0);
    std::vector<Value> items(s.items().begin(), s.items().end());
    const auto n = static_cast<int64_t>(items.size());
    if (n == 0) fail("the sequence is empty");
    items.erase(items.begin() + position(c, 1, n, n - 1));
    c.set_output(0, Value::sequence(std::move(items), s.dtype()));
  }
};
struct SequenceLength final : Kernel {
  explicit SequenceLength(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    *c.output(0).out<int64_t>() = static_cast<int64_t>(c.input_value(0).items().size());
  }
};

constexpr Port kInAt[] = {{"input_sequence", kIr3Set, "S", PortUse::kSingle, kSequences}, {"position", kIndexSet, "I"}};
constexpr Port kInInsert[] = {{"input_sequence", kIr3Set, "S", PortUse::kSingle, kSequences},
                              {"tensor", kIr3Set},
                              {"position", kIndexSet, "I", PortUse::kOptional}};
constexpr Port kInErase[] = {{"input_sequence", kIr3Set, "S", PortUse::kSingle, kSequences},
                             {"position", kIndexSet, "I", PortUse::kOptional}};
constexpr Port kInLength[] = {{"input_sequence", kIr3Set, "S", PortUse::kSingle, kSequences}};
constexpr Port kOutAt[] = {{"tensor", kIr3Set}};
constexpr Port kOut[] = {{"output_sequence", kIr3Set, "S", PortUse::kSingle, kSequences}};
constexpr Port kOutLength[] = {{"length", kInt64Set, "I"}};
constexpr OpDef row(const char* name, std::span<const Port> in, std::span<const Port> out, void (*infer)(InferContext&),
                    std::unique_ptr<const Kernel> (*maker)(const NodeInfo&)) {
  return {.name = name, .since = 11, .inputs = in, .outputs = out, .infer = infer, .make = maker};
}
constexpr OpDef kOps[] = {
    row("SequenceAt", kInAt, kOutAt, infer_at, make<SequenceAt>),
    row("SequenceInsert", kInInsert, kOut, infer_insert, make<SequenceInsert>),
    row("SequenceErase", kInErase, kOut, infer_erase, make<SequenceErase>),
    row("SequenceLength", kInLength, kOutLength, infer_length, make<SequenceLength>),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sequence_edit
