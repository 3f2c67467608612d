// ConvTranspose (com.microsoft ConvTransposeWithDynamicPads: with pads as operand 2): Y(n, m, i stride + k dilation -
// pad) += W(c, m, k) X(n, c, i), plus B(m).
#include <algorithm>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/move.h"
#include "ops/nn/plain_conv.h"
#include "ops/staging.h"
#include "ops/window.h"

namespace tenon::ops::conv_transpose {
namespace {

/// The window plus what only the transposed form has.
struct Form : Window {
  Dims output_padding, output_shape;

  /// pads: those of an operand instead of the attribute's (empty: the attribute's).
  Form(const graph::Attrs& attrs, size_t axes, std::span<const int64_t> kernel, std::span<const int64_t> pads = {})
      : Window(attrs, axes, kernel) {
    if (!pads.empty()) {
      if (pads.size() != 2 * axes) fail("Pads has {} elements, expected {}", pads.size(), 2 * axes);
      for (int64_t p : pads)
        if (p < 0 || p >= int64_t{1} << 31) fail("Pads has {}, expected at least 0", p);
      begin = Dims(pads.first(axes)), end = Dims(pads.subspan(axes));
    }
    const auto padding = attrs.get_ints("output_padding");
    output_padding = padding.empty() ? Dims(axes, 0) : Dims(padding);
    if (output_padding.size() != axes)
      fail("attribute output_padding: {} entries, expected {}", output_padding.size(), axes);
    for (int64_t p : output_padding)
      if (p < 0 || p >= int64_t{1} << 31) fail("attribute output_padding: {} found, expected at least 0", p);
    auto shape = attrs.get_ints("output_shape");
    if (shape.size() == axes + 2) shape = shape.subspan(2);  // opset 1 models give all dims
    if (!shape.empty() && shape.size() != axes)
      fail("attribute output_shape: {} entries, expected {}", shape.size(), axes);
    for (int64_t s : shape)
      if (s < 0) fail("attribute output_shape: {} found, expected at least 0", s);
    output_shape = Dims(shape);
  }
  /// Extent before padding is cut away.
  int64_t full(Symbols& s, size_t i, int64_t in) const {
    const int64_t reach = s.add(s.mul(s.sub(kernel[i], 1), dilation[i]), 1);
    return s.add(s.add(s.mul(s.sub(in, 1), stride[i]), reach), output_padding[i]);
  }
  int64_t extent(Symbols& s, size_t i, int64_t in) const {
    if (!output_shape.empty()) return output_shape[i];
    if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower) return s.mul(in, stride[i]);
    const int64_t n = s.sub(full(s, i, in), begin[i] + end[i]);
    if (!is_symbol(n) && n < 0) fail("spatial axis {}: pads leave an extent of {}", i, n);
    return n;
  }
  int64_t pad(size_t i, int64_t in, int64_t out) const {
    const bool same = auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower;
    if (output_shape.empty() && !same) return begin[i];
    const int64_t cut = (in - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 + output_padding[i] - out;
    if (cut <= 0) return 0;
    return auto_pad == AutoPad::kSameUpper ? cut / 2 : cut - cut / 2;
  }
};

template <size_t kBias>
void infer(InferContext& c) {
  const int64_t groups = c.attrs().get_int("group", 1);
  if (groups < 1) fail("attribute group: {} found, expected at least 1", groups);
  if (!c.has_rank(0) || !c.has_rank(1)) return c.set_unranked(0, c.dtype(0));
  const Dims &x = c.dims(0), &w = c.dims(1);
  if (x.size() < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", x.size());
  expect_rank(c, 1, x.size());
  expect_equal(c, x[1], w[0], "channels of X and W");
  if (!is_symbol(w[0]) && w[0] % groups != 0)
    fail("X has {} channels, expected a multiple of group = {}", w[0], groups);
  Dims out{x[0], c.sym.mul(w[1], groups)};
  if (c.has_rank(kBias)) {
    expect_rank(c, kBias, 1);
    expect_equal(c, c.dims(kBias)[0], out[1], "bias and output channels");
  }
  std::optional<std::vector<int64_t>> pads;
  if (kBias == 3 && c.has_input(2)) {
    pads = c.ints(2);
    if (!pads && c.contents(2)) fail("Pads holds no {} numbers of at least 0", 2 * (x.size() - 2));
    if (!pads || std::any_of(pads->begin(), pads->end(), [](int64_t p) { return is_symbol(p); })) {
      while (out.size() < x.size()) out.push_back(c.fresh());
      return c.set(0, c.dtype(0), std::move(out));
    }
  }
  const Form f(c.attrs(), x.size() - 2, std::span<const int64_t>(w).subspan(2),
               pads ? std::span<const int64_t>(*pads) : std::span<const int64_t>());
  for (size_t i = 0; i + 2 < x.size(); ++i) out.push_back(f.extent(c.sym, i, x[i + 2]));
  c.set(0, c.dtype(0), std::move(out));
}

template <size_t kBias>
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : attrs_(info.attrs), groups_(info.attrs.get_int("group", 1)), table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &w = c.input(1), &y = c.output(0);
    if (y.count == 0) return;
    std::span<const int64_t> pads;
    if (kBias == 3 && c.has_input(2)) pads = {c.input(2).as<int64_t>(), static_cast<size_t>(c.input(2).count)};
    const Form f(attrs_, x.rank - 2, w.dims().subspan(2), pads);
    if (y.dtype == DType::kDouble)
      return run_plain(c, f, x.as<double>(), w.as<double>(), c.has_input(kBias) ? c.input(kBias).as<double>() : nullptr,
                       y.out<double>());
    const F32Result out(c, y, table_);
    const float *xf = load_f32(c, 0, table_), *wf = load_f32(c, 1, table_), *bias = load_f32(c, kBias, table_);
    if (f.axes() <= kernels::kMaxSpatial && x.count > 0) {
      kernels::ConvArgs a;
      a.shape.batch = x.dim[0];
      a.shape.in_channels = x.dim[1];
      a.shape.out_channels = y.dim[1];
      a.shape.groups = groups_;
      set_spatial(a.shape, f, x.dims(), y.dims());
      for (size_t i = 0; i < f.axes(); ++i) a.shape.pad[i] = f.pad(i, x.dim[i + 2], y.dim[i + 2]);
      a.x = xf, a.w = wf, a.y = out.data();
      a.epilogue.bias = bias;
      if (bias) a.epilogue.bias_kind = kernels::BiasKind::kPerRow;
      char* scratch = c.scratch(static_cast<int64_t>(kernels::conv_transpose_scratch(a.shape)));
      kernels::conv_transpose(a, scratch, c.par, table_);
    } else {
      run_plain(c, f, xf, wf, bias, out.data());
    }
    out.store(c);
  }

 private:
  template <class T>
  void run_plain(KernelContext& c, const Form& f, const T* x, const T* w, const T* bias, T* y) const {
    const std::span<const int64_t> in = c.input(0).dims(), out = c.output(0).dims();
    PlainConv<T> p;
    p.transposed = true;
    p.batch = in[0];
    p.in_channels = in[1];
    p.out_channels = out[1];
    p.groups = groups_;
    p.in = Dims(in.subspan(2));
    p.out = Dims(out.subspan(2));
    p.kernel = f.kernel;
    p.stride = f.stride;
    p.dilation = f.dilation;
    for (size_t i = 0; i < f.axes(); ++i) p.pad.push_back(f.pad(i, in[i + 2], out[i + 2]));
    p.x = x, p.w = w, p.bias = bias, p.y = y;
    p.run(c.par);
  }

  graph::Attrs attrs_;
  int64_t groups_;
  const kernels::KernelTable& table_;
};

constexpr AttrDef kAttrs[] = {string_attr("auto_pad", "NOTSET"),
                              optional_attr("dilations", AttrKind::kInts),
                              int_attr("group", 1),
                              optional_attr("kernel_shape", AttrKind::kInts),
                              optional_attr("output_padding", AttrKind::kInts),
                              optional_attr("output_shape", AttrKind::kInts),
                              optional_attr("pads", AttrKind::kInts),
                              optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kDynamicAttrs[] = {string_attr("auto_pad", "NOTSET"),
                                     optional_attr("dilations", AttrKind::kInts),
                                     int_attr("group", 1),
                                     optional_attr("kernel_shape", AttrKind::kInts),
                                     optional_attr("output_padding", AttrKind::kInts),
                                     optional_attr("strides", AttrKind::kInts)};
struct DynamicPorts {
  static constexpr Port kIn[] = {{"X", kOldFloatSet},
                                 {"W", kOldFloatSet},
                                 {"Pads", kInt64Set, "", PortUse::kOptional},
                                 {"B", kOldFloatSet, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"Y", kOldFloatSet}};
};
constexpr OpDef kDynamic = {.name = "ConvTransposeWithDynamicPads",
                            .domain = "com.microsoft",
                            .attrs = kDynamicAttrs,
                            .infer = infer<3>,
                            .make = make<Kernel<3>>};
constexpr OpDef kRow = {.name = "ConvTranspose", .attrs = kAttrs, .infer = infer<2>, .make = make<Kernel<2>>};
constexpr OpDef kOps[] = {row_of<DynamicPorts>(kDynamic, 1, 0), row_of<ConvPorts<kOldFloatSet>>(kRow, 1, 10),
                          row_of<ConvPorts<kOldFloatSet>>(kRow, 11, 21), row_of<ConvPorts<kFloatSet>>(kRow, 22, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::conv_transpose
