// ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp,
// ReduceSumSquare: y = data reduced over `axes` (attribute, or input from opsets 13 / 18 on).
#include <limits>

#include "kernels/table.h"
#include "ops/convert.h"
#include "ops/map_rows.h"
#include "ops/reduce_loops.h"
#include "ops/staging.h"

namespace tenon::ops::reduce {
namespace {

using kernels::Reduce;

// Smallest and largest value of an integer or bool type, as T.
template <class T>
std::pair<T, T> limits(DType t) {
  if (t == DType::kBool) return {T(0), T(1)};
  return visit<IntTypes>(t, []<class S>() -> std::pair<T, T> {
    return {static_cast<T>(std::numeric_limits<S>::min()), static_cast<T>(std::numeric_limits<S>::max())};
  });
}

template <Reduce kOp>
class ReduceKernel final : public Kernel {
 public:
  explicit ReduceKernel(const NodeInfo& n)
      : axes_(n.attrs.get_ints("axes").begin(), n.attrs.get_ints("axes").end()),
        noop_(n.attrs.get_int("noop_with_empty_axes", 0) != 0),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    std::span<const int64_t> axes = axes_;
    if (c.has_input(1)) axes = {c.input(1).as<int64_t>(), static_cast<size_t>(c.input(1).count)};
    const ReducedAxes reduced(x.rank, axes, noop_);
    if (is_single(x.dtype)) {
      const F32Result out(c, y, table_);
      kernels::reduce(kOp, load_f32(c, x, table_), x.dims(), reduced.flags(), out.data(), c.par, table_);
      out.store(c);
    } else if (x.dtype == DType::kDouble) {
      constexpr double kInf = std::numeric_limits<double>::infinity();
      reduce_loops(kOp, x.as<double>(), x.dims(), reduced.flags(), y.out<double>(), -kInf, kInf, c);
    } else if (x.dtype == DType::kUint64) {
      integers<uint64_t>(c, x, y, reduced);
    } else {
      integers<int64_t>(c, x, y, reduced);
    }
  }

 private:
  template <class T>
  static void integers(KernelContext& c, const TensorRef& x, const TensorRef& y, const ReducedAxes& reduced) {
    const auto [low, high] = limits<T>(x.dtype);
    constexpr DType kWide = DTypeOf<T>::value;
    if (x.dtype == kWide) return reduce_loops(kOp, x.as<T>(), x.dims(), reduced.flags(), y.out<T>(), low, high, c);
    T *in = c.scratch<T>(x.count), *out = c.scratch<T>(y.count);
    Converter(x.dtype, kWide).run(c.par, x.data, in, x.count);
    reduce_loops(kOp, in, x.dims(), reduced.flags(), out, low, high, c);
    Converter(kWide, y.dtype).run(c.par, out, y.data, y.count);
  }

  std::vector<int64_t> axes_;
  bool noop_;
  const kernels::KernelTable& table_;
};

// Integers that inference knows, reduced over everything.
template <Reduce kOp>
void derive(InferContext& c) {
  if (kOp != Reduce::kProd && kOp != Reduce::kSum && kOp != Reduce::kMax && kOp != Reduce::kMin) return;
  if (!is_int(c.dtype(0))) return;
  const auto v = c.data_ints(0);
  if (!v || v->empty()) return;
  int64_t total = v->front();
  for (size_t i = 1; i < v->size(); ++i) {
    const int64_t x = (*v)[i];
    total = kOp == Reduce::kProd  ? c.sym.mul(total, x)
            : kOp == Reduce::kSum ? c.sym.add(total, x)
            : kOp == Reduce::kMax ? c.sym.max(total, x)
                                  : c.sym.min(total, x);
  }
  if (is_symbol(total) || fits(c.dtype(0), total)) c.set_ints(0, {total});
}

template <Reduce kOp>
void infer(InferContext& c) {
  const bool keepdims = c.attrs().get_int("keepdims", 1) != 0;
  std::vector<int64_t> axes(c.attrs().get_ints("axes").begin(), c.attrs().get_ints("axes").end());
  bool known = true;
  if (c.has_input(1)) {
    expect_rank(c, 1, 1);
    const auto v = c.ints(1);
    known = v.has_value();
    if (v) axes = *v;
    for (int64_t a : axes) known = known && !is_symbol(a);
  }
  const DType t = c.dtype(0);
  if (!c.has_rank(0)) return c.set_unranked(0, t);
  if (known) {
    const ReducedAxes reduced(c.rank(0), axes, c.attrs().get_int("noop_with_empty_axes", 0) != 0);
    c.set(0, t, reduced_dims(c.dims(0), reduced, keepdims));
    if (c.result(0)->dims.size() <= 1 && (reduced.any() || c.rank(0) == 0) && c.rank(0) <= 1) derive<kOp>(c);
    return;
  }
  if (!keepdims) return c.set_unranked(0, t);
  Dims out = c.dims(0);
  for (int64_t& d : out) d = d == 1 ? 1 : c.fresh();
  c.set(0, t, std::move(out));
}

constexpr DTypeSet kSet1 = kOldFloatSet | kWideSet, kSet13 = kFloatSet | kWideSet,
                   kBytes = dtype_set({DType::kInt8, DType::kUint8}), kSet12 = kSet1 | kBytes,
                   kBytes13 = kSet13 | kBytes, kSet20 = kBytes13 | kBoolSet;
template <DTypeSet S>
constexpr Port kData[] = {{"data", S}};
template <DTypeSet S>
constexpr Port kDataAxes[] = {{"data", S}, {"axes", kInt64Set, "", PortUse::kOptional}};
template <DTypeSet S>
constexpr Port kReduced[] = {{"reduced", S}};
constexpr AttrDef kAxesAttr[] = {optional_attr("axes", AttrKind::kInts), int_attr("keepdims", 1)};
constexpr AttrDef kAxesInput[] = {int_attr("keepdims", 1), int_attr("noop_with_empty_axes", 0)};

template <Reduce kOp, DTypeSet S>
constexpr OpDef row(const char* name, int since, int until, bool input) {
  return {name,
          "",
          since,
          until,
          input ? std::span<const Port>(kDataAxes<S>) : std::span<const Port>(kData<S>),
          kReduced<S>,
          input ? std::span<const AttrDef>(kAxesInput) : std::span<const AttrDef>(kAxesAttr),
          infer<kOp>,
          make<ReduceKernel<kOp>>};
}
template <Reduce kOp>
constexpr std::array<OpDef, 4> rows(const char* name, int last = 0) {
  return {row<kOp, kSet1>(name, 1, 10, false), row<kOp, kSet1>(name, 11, 12, false),
          row<kOp, kSet13>(name, 13, 17, false), row<kOp, kSet13>(name, 18, last, true)};
}
template <Reduce kOp>
constexpr std::array<OpDef, 6> extreme_rows(const char* name) {
  return {row<kOp, kSet1>(name, 1, 10, false),    row<kOp, kSet1>(name, 11, 11, false),
          row<kOp, kSet12>(name, 12, 12, false),  row<kOp, kBytes13>(name, 13, 17, false),
          row<kOp, kBytes13>(name, 18, 19, true), row<kOp, kSet20>(name, 20, 0, true)};
}
template <Reduce kOp>
constexpr std::array<OpDef, 1> row_28(const char* name) {
  return {row<kOp, kFloatSet>(name, 28, 0, true)};
}
constexpr std::array<OpDef, 3> kSum = {row<Reduce::kSum, kSet1>("ReduceSum", 1, 10, false),
                                       row<Reduce::kSum, kSet1>("ReduceSum", 11, 12, false),
                                       row<Reduce::kSum, kSet13>("ReduceSum", 13, 0, true)};
constexpr auto kOps =
    joined(kSum, rows<Reduce::kMean>("ReduceMean"), extreme_rows<Reduce::kMax>("ReduceMax"),
           extreme_rows<Reduce::kMin>("ReduceMin"), rows<Reduce::kProd>("ReduceProd"), rows<Reduce::kL1>("ReduceL1"),
           rows<Reduce::kL2>("ReduceL2"), rows<Reduce::kLogSum>("ReduceLogSum", 27),
           row_28<Reduce::kLogSum>("ReduceLogSum"), rows<Reduce::kLogSumExp>("ReduceLogSumExp", 27),
           row_28<Reduce::kLogSumExp>("ReduceLogSumExp"), rows<Reduce::kSumSquare>("ReduceSumSquare"));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::reduce
