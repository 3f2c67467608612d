// Concat: inputs one after the other along `axis`.
#include "ops/move.h"

namespace tenon::ops::concat {
namespace {

int64_t axis_of(const graph::Attrs& attrs) { return attrs.get_int("axis", 1); }  // the default is opset 1's

/// Integers of all inputs in a row, where inputs are 1-D; single unknown ones become unknowns of any sign at load.
void join_ints(InferContext& c) {
  std::vector<int64_t> all;
  for (size_t i = 0; i < c.num_inputs(); ++i) {
    if (!c.has_rank(i) || c.rank(i) != 1) return;
    if (auto v = c.data_ints(i)) {
      all.insert(all.end(), v->begin(), v->end());
    } else {
      const int64_t n = c.dims(i)[0];
      if (c.is_computed(i) || is_symbol(n) || n > 16) return;
      for (int64_t k = 0; k < n; ++k) all.push_back(c.sym.fresh_any_sign());
    }
    if (all.size() > 4096) return;
  }
  c.set_ints(0, std::move(all));
}

void infer(InferContext& c) {
  const DType t = c.dtype(0);
  std::optional<Dims> out;
  bool ranked = true;
  size_t axis = 0;
  for (size_t i = 0; i < c.num_inputs(); ++i) {
    if (c.dtype(i) != t) fail("input {} has type {}, expected {}", i, dtype_name(c.dtype(i)), dtype_name(t));
    if (!c.has_rank(i)) {
      ranked = false;
    } else if (!out) {
      out = c.dims(i);
      axis = static_cast<size_t>(resolve_axis(axis_of(c.attrs()), out->size()));
    } else {
      const Dims& d = c.dims(i);
      if (d.size() != out->size()) fail("input {} has rank {}, expected {}", i, d.size(), out->size());
      for (size_t k = 0; k < d.size(); ++k) {
        if (k == axis) {
          (*out)[k] = c.sym.add((*out)[k], d[k]);
        } else {
          if (differ((*out)[k], d[k]))
            fail("input {} has shape {}, expected {} outside axis {}", i, to_string(d), to_string(*out), axis);
          if (is_symbol((*out)[k])) (*out)[k] = d[k];
        }
      }
    }
  }
  if (!out) return c.set_unranked(0, t);
  if (!ranked) (*out)[axis] = c.fresh();
  c.set(0, t, std::move(*out));
  if (contains(kIntSet, t) && ranked) join_ints(c);
}

struct Concat final : Kernel {
  explicit Concat(const NodeInfo& info) : axis(axis_of(info.attrs)) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const TensorRef out = addressable_output(c, y);
    const auto k = static_cast<size_t>(resolve_axis(axis, out.rank));
    const int64_t outer = extent(out.dims(), 0, k), row = extent(out.dims(), k, out.rank);
    int64_t at = 0;
    for (size_t i = 0; i < c.num_inputs(); ++i) {
      const TensorRef in = addressable(c, c.input(i));
      const int64_t block = in.count / outer;
      StridedCopy copy;
      copy.loop(outer, block, row);
      copy.loop(block, 1, 1);
      copy.run(c.par, in.dtype, in.data, element(out.data, out.dtype, at));
      at += block;
    }
    finish(out, y);
  }
  int64_t axis;
};

constexpr AttrDef kAttrs1[] = {optional_attr("axis", AttrKind::kInt)};
constexpr AttrDef kAttrs[] = {required_attr("axis", AttrKind::kInt)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"inputs", T, "T", PortUse::kVariadic}}, kOut[] = {{"concat_result", T}};
};
constexpr OpDef kRow = {.name = "Concat", .attrs = kAttrs, .infer = infer, .make = make<Concat>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 1, 3, kAttrs1), row_of<Ports<kIr3Set>>(kRow, 4, 10),
                          row_of<Ports<kIr3Set>>(kRow, 11, 12), row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::concat
