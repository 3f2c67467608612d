// ConcatFromSequence: the items of a sequence one after the other along `axis`, or stacked along a new one.
#include "ops/move.h"

namespace tenon::ops::concat_from_sequence {
namespace {

bool stacks(const graph::Attrs& attrs) {
  const int64_t v = attrs.get_int("new_axis", 0);
  if (v != 0 && v != 1) fail("new_axis is {}, expected 0 or 1", v);
  return v == 1;
}

void infer(InferContext& c) {
  const ValueType& item = expect_items(c, 0);
  if (!item.has_rank) return c.set_unranked(0, item.elem);
  Dims d = item.dims;
  const bool stack = stacks(c.attrs());
  const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), d.size() + stack));
  if (stack) d.insert(axis, 0);
  d[axis] = c.fresh();
  c.set(0, item.elem, std::move(d));
}

struct ConcatFromSequence final : Kernel {
  explicit ConcatFromSequence(const NodeInfo& info) : axis(info.attrs.get_int("axis", 0)), stack(stacks(info.attrs)) {}

  void run(KernelContext& c) const override {
    const Value s = c.input_value(0);
    if (s.items().empty()) fail("the sequence is empty");
    const Value& first = s.items()[0];
    const auto a = static_cast<size_t>(resolve_axis(axis, first.dims().size() + stack));
    Dims d(first.dims());
    if (stack) d.insert(a, 1);
    int64_t total = 0;
    for (const Value& v : s.items()) {
      Dims item(v.dims());
      if (stack && item.size() + 1 == d.size()) item.insert(a, 1);
      total += item.size() == d.size() ? item[a] : 0;
      if (item.size() == d.size()) item[a] = d[a];
      if (!(item == d) || v.dtype() != first.dtype())
        fail("items of shapes {} and {} do not fit along axis {}", to_string(first.dims()), to_string(v.dims()), axis);
    }
    d[a] = total;
    const TensorRef& y = c.output(0, first.dtype(), d);
    const int64_t outer = extent(d, 0, a), row = extent(d, a, d.size());
    if (outer == 0 || row == 0) return;
    int64_t at = 0;
    for (const Value& v : s.items()) {
      const int64_t block = v.count() / outer;
      StridedCopy copy;
      copy.loop(outer, block, row);
      copy.loop(block, 1, 1);
      copy.run(c.par, y.dtype, v.data(), element(y.data, y.dtype, at));
      at += block;
    }
  }
  int64_t axis;
  bool stack;
};

constexpr AttrDef kAttrs[] = {required_attr("axis", AttrKind::kInt), int_attr("new_axis", 0)};
constexpr Port kIn[] = {{"input_sequence", kIr3Set, "S", PortUse::kSingle, kSequences}};
constexpr Port kOut[] = {{"concat_result", kIr3Set}};
constexpr OpDef kOps[] = {{.name = "ConcatFromSequence",
                           .since = 11,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<ConcatFromSequence>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::concat_from_sequence
