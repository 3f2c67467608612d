// OneHot: a new axis of size `depth` that holds values[1] at the index and values[0] elsewhere.
#include <cmath>

#include "ops/move.h"

namespace tenon::ops::one_hot {
namespace {

int64_t checked_depth(double depth) {
  if (!(depth >= 0 && depth <= static_cast<double>(kMaxElements)))
    fail("depth is {}, expected [0, {}]", depth, kMaxElements);
  return static_cast<int64_t>(depth);
}

void infer(InferContext& c) {
  const DType t = c.dtype(2);
  if (c.has_rank(2)) {
    expect_rank(c, 2, 1);
    expect_equal(c, c.dims(2)[0], 2, "size of values");
  }
  if (c.has_rank(1)) expect_equal(c, c.sym.product(c.dims(1)), 1, "size of depth");
  int64_t depth = c.fresh();
  if (is_int(c.dtype(1))) {
    if (const auto d = c.scalar_int(1)) depth = is_symbol(*d) ? *d : checked_depth(static_cast<double>(*d));
  } else if (const auto d = c.floats(1)) {
    depth = checked_depth(d->front());
  }
  if (!c.has_rank(0)) return c.set_unranked(0, t);
  Dims out = c.dims(0);
  const int64_t axis = resolve_axis(c.attrs().get_int("axis", -1), out.size() + 1);
  out.insert(static_cast<size_t>(axis), depth);
  limit_elements(out);
  c.set(0, t, std::move(out));
}

struct OneHot final : Kernel {
  explicit OneHot(const NodeInfo& info) : axis(info.attrs.get_int("axis", -1)) {}

  void run(KernelContext& c) const override {
    const TensorRef &indices = c.input(0), &values = c.input(2), &y = c.output(0);
    if (y.count == 0) return;
    const auto a = static_cast<size_t>(resolve_axis(axis, y.rank));
    const int64_t depth = y.dim[a], inner = extent(y.dims(), a + 1, y.rank);
    fill_elements(c.par, y.dtype, values.data, y.data, y.count);
    visit_size(y.dtype, [&]<class T>() {
      const T& on = values.as<T>()[1];
      Poll poll(c.par.cancel);
      for (int64_t i = 0; i < indices.count; ++i) {
        poll(10);
        const double index = std::trunc(number_at(indices, i));
        if (!(index >= static_cast<double>(-depth) && index < static_cast<double>(depth))) continue;  // all off
        const int64_t k = static_cast<int64_t>(index) + (index < 0 ? depth : 0);
        y.out<T>()[(i / inner * depth + k) * inner + i % inner] = on;
      }
    });
  }
  int64_t axis;
};

constexpr AttrDef kAttrs[] = {int_attr("axis", -1)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"indices", kOldNumericSet, "T1"},
                                 {"depth", kOldNumericSet, "T2"},
                                 {"values", T, "T3"}},
                        kOut[] = {{"output", T, "T3"}};
};
constexpr OpDef kRow = {.name = "OneHot", .attrs = kAttrs, .infer = infer, .make = make<OneHot>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 9, 10), row_of<Ports<kIr3Set>>(kRow, 11, 27),
                          row_of<Ports<kIr4Set>>(kRow, 28, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::one_hot
