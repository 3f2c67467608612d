// Slice: every step-th element of [start, end) along some axes; bounds are clamped, steps may be negative.
#include <algorithm>

#include "ops/move.h"

namespace tenon::ops::slice {
namespace {

constexpr int64_t kFar = int64_t{1} << 31;  // bounds at least this far out mean "to the end" for a symbolic dim

/// First index and number of elements of a slice of a concrete dim.
struct Range {
  int64_t first, count;
};
Range clamped(int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start = start < -dim ? -1 : start + dim;
  if (end < 0) end = end < -dim ? -1 : end + dim;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, dim);
    end = std::clamp<int64_t>(end, 0, dim);
    return {start, end > start ? (end - start - 1) / step + 1 : 0};
  }
  if (dim == 0) return {0, 0};
  start = std::clamp<int64_t>(start, 0, dim - 1);  // an element even where numpy, which clamps to -1, gives none
  end = std::clamp<int64_t>(end, -1, dim - 1);
  // -(step + 1) does not overflow for the lowest step.
  return {
      start,
      start > end
          ? static_cast<int64_t>(static_cast<uint64_t>(start - end - 1) / (static_cast<uint64_t>(-(step + 1)) + 1)) + 1
          : 0};
}

/// Number of elements of a slice when dim or bounds are symbols.
int64_t symbolic_count(InferContext& c, int64_t dim, int64_t start, int64_t end, int64_t step) {
  Symbols& s = c.sym;
  const auto unknown_sign = [&](int64_t x) { return is_symbol(x) && s.lower_bound(x) < 0; };
  if (is_symbol(step) || unknown_sign(start) || unknown_sign(end)) return c.fresh();
  if (step < 0) {
    const bool whole = (start == -1 || (!is_symbol(start) && start >= kFar)) && !is_symbol(end) && end <= -kFar;
    return whole ? s.ceil_div(dim, -std::max(step, -kFar)) : c.fresh();
  }
  // Bounds within [0, dim].
  const auto bound = [&](int64_t x) {
    if (!is_symbol(x) && x < 0) return x <= -kFar ? 0 : s.max(s.add(dim, x), 0);
    if (!is_symbol(x) && x >= kFar) return dim;
    return s.min(x, dim);
  };
  const int64_t hi = bound(end);
  int64_t count;
  if (hi == dim && !is_symbol(start) && start >= 0 && start < kFar) {
    count = s.max(s.sub(dim, start), 0);
  } else if (hi == dim && !is_symbol(start) && start < 0 && start > -kFar) {
    count = s.min(dim, -start);
  } else {
    const int64_t lo = bound(start);
    count = lo == 0 ? hi : s.max(s.sub(hi, lo), 0);
  }
  return s.ceil_div(count, step);
}

/// A bound that lies in the range of symbols means "as far as it goes" (exporters write INT64_MIN); ints() refuses it.
IntsArg bounds_arg(InferContext& c, size_t i, std::string_view name) {
  IntsArg arg = ints_arg(c, i, name);
  if (arg.present && !arg.values && c.dtype(i) == DType::kInt64)
    if (const Value v = c.contents(i); v && v.count() <= 64) {
      arg.values.emplace();
      for (int64_t x : v.as<int64_t>()) arg.values->push_back(std::max(x, kSymbolEnd));
    }
  return arg;
}

void infer(InferContext& c) {
  const DType t = c.dtype(0);
  const IntsArg starts = bounds_arg(c, 1, "starts"), ends = bounds_arg(c, 2, "ends"), axes = ints_arg(c, 3, "axes"),
                steps = bounds_arg(c, 4, "steps");
  if (!starts.present || !ends.present) fail("starts and ends are missing");
  if (!c.has_rank(0)) return c.set_unranked(0, t);
  Dims out = c.dims(0);
  const size_t rank = out.size();
  std::optional<size_t> count = starts.values ? starts.values->size() : int_count(c, 1);
  if (axes.present && !axes.values) return c.set(0, t, fresh_dims(c, rank));
  if (axes.values) count = axes.values->size();
  if (!count) return c.set(0, t, fresh_dims(c, rank));
  if ((starts.values && starts.values->size() != *count) || (ends.values && ends.values->size() != *count) ||
      (steps.values && steps.values->size() != *count) || (!axes.present && *count > rank))
    fail("starts, ends, axes and steps must have one length, at most the rank {}", rank);
  uint64_t seen = 0;
  for (size_t k = 0; k < *count; ++k) {
    const int64_t axis = axes.values ? (*axes.values)[k] : static_cast<int64_t>(k);
    if (is_symbol(axis)) return c.set(0, t, fresh_dims(c, rank));
    const auto a = static_cast<size_t>(resolve_axis(axis, rank));
    if (a < 64 && (seen >> a & 1)) fail("axis {} is given twice", axis);
    if (a < 64) seen |= uint64_t{1} << a;
    if (!starts.values || !ends.values || (steps.present && !steps.values)) {
      out[a] = c.fresh();
      continue;
    }
    const int64_t start = (*starts.values)[k], end = (*ends.values)[k], step = steps.values ? (*steps.values)[k] : 1;
    if (step == 0) fail("step of axis {} is 0", axis);
    if (!is_symbol(out[a]) && !is_symbol(start) && !is_symbol(end) && !is_symbol(step)) {
      const Range r = clamped(out[a], start, end, step);
      if (rank == 1 && contains(kIntSet, t))
        if (const auto v = c.data_ints(0)) {
          std::vector<int64_t> picked;
          for (int64_t i = 0; i < r.count; ++i) picked.push_back((*v)[static_cast<size_t>(r.first + i * step)]);
          c.set_ints(0, std::move(picked));
        }
      out[a] = r.count;
    } else {
      out[a] = symbolic_count(c, out[a], start, end, step);
    }
  }
  c.set(0, t, std::move(out));
}

struct Slice final : Kernel {
  explicit Slice(const NodeInfo& info)
      : starts(info, 1, "starts"), ends(info, 2, "ends"), axes(info, 3, "axes"), steps(info, 4, "steps") {}

  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const TensorRef in = addressable(c, c.input(0)), out = addressable_output(c, y);
    const int64_t count = axes.present() ? axes.size(c) : starts.size(c);
    int64_t first = 0;
    StridedCopy copy;
    for (size_t a = 0; a < in.rank; ++a) {
      int64_t stride = extent(in.dims(), a + 1, in.rank);
      for (int64_t k = 0; k < count; ++k) {
        if (resolve_axis(axes.present() ? axes.at(c, k) : k, in.rank) != static_cast<int64_t>(a)) continue;
        const int64_t step = steps.present() ? steps.at(c, k) : 1;
        first += clamped(in.dim[a], starts.at(c, k), ends.at(c, k), step).first * stride;
        if (out.dim[a] > 1) stride *= step;
      }
      copy.loop(out.dim[a], stride, extent(out.dims(), a + 1, out.rank));
    }
    copy.run(c.par, in.dtype, element(in.data, in.dtype, first), out.data);
    finish(out, y);
  }
  IntsParam starts, ends, axes, steps;
};

constexpr AttrDef kAttrs1[] = {required_attr("starts", AttrKind::kInts), required_attr("ends", AttrKind::kInts),
                               optional_attr("axes", AttrKind::kInts)};
struct OldPorts {
  static constexpr Port kIn[] = {{"data", kIr3Set}}, kOut[] = {{"output", kIr3Set}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T},
                                 {"starts", kIndexSet, "Tind"},
                                 {"ends", kIndexSet, "Tind"},
                                 {"axes", kIndexSet, "Tind", PortUse::kOptional},
                                 {"steps", kIndexSet, "Tind", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"output", T}};
};
template <DTypeSet T>
struct StepOne : Ports<T> {
  static constexpr std::span<const Port> kIn = std::span(Ports<T>::kIn).first(4);
};
constexpr OpDef kRow = {.name = "Slice", .infer = infer, .make = make<Slice>};
// onnxruntime keeps DynamicSlice in the ONNX domain up to opset 9.
constexpr OpDef kDynamic = {.name = "DynamicSlice", .infer = infer, .make = make<Slice>};
constexpr OpDef kOps[] = {row_of<StepOne<kIr3Set>>(kDynamic, 1, 9), row_of<OldPorts>(kRow, 1, 9, kAttrs1),
                          row_of<Ports<kIr3Set>>(kRow, 10, 10), row_of<Ports<kIr3Set>>(kRow, 11, 12),
                          row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::slice
