// ArgMax and ArgMin: index of the largest or smallest element along an axis; ties go to the first, or the last.
#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/convert.h"
#include "ops/map_rows.h"
#include "ops/staging.h"

namespace tenon::ops::arg_reduce {
namespace {

template <class T>
void arg_loops(const T* x, int64_t* y, int64_t outer, int64_t axis, int64_t inner, bool max, bool last,
               const Parallel& par) {
  par.loop(outer * inner, 1.5 * static_cast<double>(axis), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* in = x + r / inner * axis * inner + r % inner;
      int64_t best = 0;
      for (int64_t i = 1; i < axis; ++i) {
        const T v = in[i * inner], b = in[best * inner];
        if (b != b) break;  // the first NaN
        if (v != v || (max ? v > b : v < b) || (last && v == b)) best = i;
      }
      y[r] = best;
    }
  });
}

template <bool kMax>
class ArgReduce final : public Kernel {
 public:
  explicit ArgReduce(const NodeInfo& n)
      : axis_(n.attrs.get_int("axis", 0)),
        last_(n.attrs.get_int("select_last_index", 0) != 0),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    // A scalar counts as one element along its only axis.
    const size_t at = x.rank == 0 ? 0 : static_cast<size_t>(resolve_axis(axis_, x.rank));
    const int64_t outer = extent(x.dims(), 0, at), axis = x.rank == 0 ? 1 : x.dim[at],
                  inner = x.rank == 0 ? 1 : extent(x.dims(), at + 1, x.rank);
    if (axis == 0) fail("axis {} of {} has no elements to choose from", axis_, to_string(x.dims()));
    int64_t* out = y.out<int64_t>();
    if (is_single(x.dtype)) {
      kernels::arg_reduce(load_f32(c, x, table_), out, outer, axis, inner, kMax, last_, c.par, table_);
    } else if (x.dtype == DType::kDouble) {
      arg_loops(x.as<double>(), out, outer, axis, inner, kMax, last_, c.par);
    } else if (x.dtype == DType::kUint64) {
      arg_loops(x.as<uint64_t>(), out, outer, axis, inner, kMax, last_, c.par);
    } else {
      const int64_t* in = x.as<int64_t>();
      if (x.dtype != DType::kInt64) {
        int64_t* wide = c.scratch<int64_t>(x.count);
        Converter(x.dtype, DType::kInt64).run(c.par, x.data, wide, x.count);
        in = wide;
      }
      arg_loops(in, out, outer, axis, inner, kMax, last_, c.par);
    }
  }

 private:
  int64_t axis_;
  bool last_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  if (!c.has_rank(0)) return c.set_unranked(0, DType::kInt64);
  Dims dims = c.dims(0);
  const int64_t axis = c.attrs().get_int("axis", 0);
  if (!dims.empty()) {
    const auto at = static_cast<size_t>(resolve_axis(axis, dims.size()));
    if (c.attrs().get_int("keepdims", 1) != 0)
      dims[at] = 1;
    else
      dims.erase(at);
  } else if (axis != 0 && axis != -1) {
    fail("axis {} of a scalar, expected 0 or -1", axis);
  }
  c.set(0, DType::kInt64, std::move(dims));
}

constexpr DTypeSet kSet1 = kOldFloatSet | kIntSet;
template <DTypeSet S>
constexpr Port kData[] = {{"data", S}};
constexpr Port kReduced[] = {{"reduced", kInt64Set, ""}};
constexpr AttrDef kAttrs1[] = {int_attr("axis", 0), int_attr("keepdims", 1)};
constexpr AttrDef kAttrs12[] = {int_attr("axis", 0), int_attr("keepdims", 1), int_attr("select_last_index", 0)};
template <bool kMax>
constexpr std::array<OpDef, 4> rows(const char* name) {
  constexpr MakeKernel kMake = make<ArgReduce<kMax>>;
  return {{{name, "", 1, 10, kData<kSet1>, kReduced, kAttrs1, infer, kMake},
           {name, "", 11, 11, kData<kSet1>, kReduced, kAttrs1, infer, kMake},
           {name, "", 12, 12, kData<kSet1>, kReduced, kAttrs12, infer, kMake},
           {name, "", 13, 0, kData<kNumericSet>, kReduced, kAttrs12, infer, kMake}}};
}
constexpr auto kOps = joined(rows<true>("ArgMax"), rows<false>("ArgMin"));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::arg_reduce
