// Pad (and com.microsoft's): grows (or, with negative pads, crops) axes; new elements are constant, edges, reflections
// or wrapped around.
#include "ops/move.h"

namespace tenon::ops::pad {
namespace {

enum class Mode { kConstant, kReflect, kEdge, kWrap };

/// com.microsoft Pad has version 1 without this attribute.
const char* attr_name(int since) { return since == 1 ? "paddings" : "pads"; }

Mode mode_of(const graph::Attrs& attrs, int since) {
  const std::string_view m = attrs.get_string("mode", "constant");
  if (m == "constant") return Mode::kConstant;
  if (m == "reflect") return Mode::kReflect;
  if (m == "edge") return Mode::kEdge;
  if (m == "wrap" && (since >= 19 || (since == 1 && !attrs.has("paddings")))) return Mode::kWrap;
  fail("mode is \"{}\", expected constant, reflect, edge{}", m, since >= 19 ? " or wrap" : " (wrap from opset 19 on)");
}

void infer(InferContext& c) {
  const Mode mode = mode_of(c.attrs(), c.since());
  const DType t = c.dtype(0);
  const IntsArg pads = ints_arg(c, 1, attr_name(c.since())), axes = ints_arg(c, 3, "axes");
  if (!pads.present) fail("pads are missing");
  if (c.has_rank(2)) {
    const int64_t n = c.sym.product(c.dims(2));
    if (differ(n, 1)) fail("constant_value has {} elements, expected 1", n);
  }
  if (!c.has_rank(0)) return c.set_unranked(0, t);
  Dims out = c.dims(0);
  if (!pads.values || (axes.present && !axes.values)) return c.set(0, t, fresh_dims(c, out.size()));
  const size_t n = axes.present ? axes.values->size() : out.size();
  if (pads.values->size() != 2 * n) fail("pads have {} entries, expected {}", pads.values->size(), 2 * n);
  std::vector<bool> seen(out.size());
  for (size_t k = 0; k < n; ++k) {
    const int64_t axis = axes.present ? (*axes.values)[k] : static_cast<int64_t>(k);
    if (is_symbol(axis)) return c.set(0, t, fresh_dims(c, out.size()));
    const auto a = static_cast<size_t>(resolve_axis(axis, out.size()));
    if (seen[a]) fail("axis {} is given twice", axis);
    seen[a] = true;
    const int64_t lo = (*pads.values)[k], hi = (*pads.values)[k + n], d = out[a];
    for (int64_t p : {lo, hi})
      if (!is_symbol(p) && (p > kMaxElements || p < -kMaxElements))
        fail_limit("tensor_elements", "pad of {} elements", p);
    out[a] = c.sym.add(d, c.sym.add(lo, hi));
    if (!is_symbol(out[a]) && out[a] < 0) fail("axis {} of size {} is cropped by {} and {}", axis, d, lo, hi);
    if (mode != Mode::kConstant && d == 0 && !is_symbol(out[a]) && out[a] > 0)
      fail("axis {} is empty: only mode constant can pad it", axis);
  }
  limit_elements(out);
  c.set(0, t, std::move(out));
}

/// Where element i of an axis of n comes from, -1 for a new constant.
int64_t source(Mode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case Mode::kConstant:
      return -1;
    case Mode::kEdge:
      return i < 0 ? 0 : n - 1;
    case Mode::kWrap:
      return (i % n + n) % n;
    case Mode::kReflect: {  // period 0 1 .. n-1 n-2 .. 1
      if (n == 1) return 0;
      const int64_t period = 2 * (n - 1), r = (i % period + period) % period;
      return r < n ? r : period - r;
    }
  }
  return -1;
}

struct Pad final : Kernel {
  explicit Pad(const NodeInfo& info)
      : mode(mode_of(info.attrs, info.since)),
        pads(info, 1, attr_name(info.since)),
        axes(info, 3, "axes"),
        value(bits_of(info.attrs.get_float("value", 0), info.dtype(0))) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    if (y.rank == 0) return copy_tensor(c.par, x, y);
    const TensorRef in = addressable(c, x), out = addressable_output(c, y);
    // Per axis: how far its first element is to the left, and the source of each element.
    auto* low = c.scratch<int64_t>(out.rank);
    auto* from = c.scratch<const int64_t*>(out.rank);
    std::fill_n(low, out.rank, 0);
    const int64_t n = axes.present() ? axes.size(c) : out.rank;
    for (int64_t k = 0; k < n; ++k) low[resolve_axis(axes.present() ? axes.at(c, k) : k, out.rank)] = pads.at(c, k);
    for (size_t a = 0; a < out.rank; ++a) {
      auto* table = c.scratch<int64_t>(out.dim[a]);
      for (int64_t i = 0; i < out.dim[a]; ++i) table[i] = source(mode, i - low[a], in.dim[a]);
      from[a] = table;
    }
    visit_size(in.dtype, [&]<class T>() {
      T filler{};
      if constexpr (std::is_integral_v<T>) filler = static_cast<T>(value);
      if (c.has_input(2)) filler = *addressable(c, c.input(2)).as<T>();
      rows(c.par, in, out, low[out.rank - 1], from, filler);
    });
    finish(out, y);
  }

  /// Opsets before 11: the attribute `value` as bits of the tensor's float type.
  static uint64_t bits_of(float value, DType t) {
    if (t == DType::kFloat) return std::bit_cast<uint32_t>(value);
    if (t == DType::kDouble) return std::bit_cast<uint64_t>(static_cast<double>(value));
    return t == DType::kFloat16 ? to_half(value).bits : 0;
  }

  template <class T>
  static void rows(const Parallel& par, const TensorRef& in, const TensorRef& out, int64_t low,
                   const int64_t* const* from, const T& filler) {
    const size_t last = out.rank - 1;
    const int64_t width = out.dim[last], in_width = in.dim[last];
    const int64_t begin_copy = std::clamp<int64_t>(low, 0, width);
    const int64_t end_copy = std::clamp<int64_t>(low + in_width, begin_copy, width);
    par.loop(out.count / width, static_cast<double>(width) * 0.5 + 10, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t flat = row, base = 0, stride = in_width;
        bool outside = false;
        for (size_t a = last; a-- > 0;) {
          const int64_t i = from[a][flat % out.dim[a]];
          outside = outside || i < 0;
          base += i * stride;
          flat /= out.dim[a];
          stride *= in.dim[a];
        }
        T* to = out.out<T>() + row * width;
        if (outside) {
          std::fill(to, to + width, filler);
          continue;
        }
        const T* source_row = in.as<T>() + base;
        const auto single = [&](int64_t i) { to[i] = from[last][i] < 0 ? filler : source_row[from[last][i]]; };
        for (int64_t i = 0; i < begin_copy; ++i) single(i);
        std::copy(source_row + (begin_copy - low), source_row + (end_copy - low), to + begin_copy);
        for (int64_t i = end_copy; i < width; ++i) single(i);
      }
    });
  }

  Mode mode;
  IntsParam pads, axes;
  uint64_t value;
};

constexpr AttrDef kAttrs1[] = {required_attr("paddings", AttrKind::kInts), string_attr("mode", "constant"),
                               float_attr("value", 0)};
constexpr AttrDef kAttrs2[] = {required_attr("pads", AttrKind::kInts), string_attr("mode", "constant"),
                               float_attr("value", 0)};
constexpr AttrDef kAttrs11[] = {string_attr("mode", "constant")};
struct OldPorts {
  static constexpr Port kIn[] = {{"data", kOldFloatSet}}, kOut[] = {{"output", kOldFloatSet}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T},
                                 {"pads", kInt64Set, ""},
                                 {"constant_value", T, "T", PortUse::kOptional},
                                 {"axes", kIndexSet, "Tind", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"output", T}};
};
template <DTypeSet T>
struct Ports11 : Ports<T> {  // all axes
  static constexpr std::span<const Port> kIn = std::span(Ports<T>::kIn).first(3);
};
struct MicrosoftPorts {
  static constexpr Port kIn[] = {
      {"data", kOldFloatSet}, {"pads", kInt64Set, ""}, {"value", kOldFloatSet, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"output", kOldFloatSet}};
};
constexpr OpDef kMicrosoft = {
    .name = "Pad", .domain = "com.microsoft", .attrs = kAttrs11, .infer = infer, .make = make<Pad>};
constexpr OpDef kRow = {.name = "Pad", .attrs = kAttrs11, .infer = infer, .make = make<Pad>};
constexpr auto kOps =
    joined(std::array{row_of<MicrosoftPorts>(kMicrosoft, 1, 0), row_of<OldPorts>(kRow, 1, 1, kAttrs1),
                      row_of<OldPorts>(kRow, 2, 10, kAttrs2), row_of<Ports11<kOldNumericSet>>(kRow, 11, 12),
                      row_of<Ports11<kIr4Set>>(kRow, 13, 17), row_of<Ports<kIr4Set>>(kRow, 18, 18),
                      row_of<Ports<kIr4Set>>(kRow, 19, 20)},
           rows_from_21<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::pad
