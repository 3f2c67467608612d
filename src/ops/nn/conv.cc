// Conv: Y(n, m, o) = B(m) + sum over c, k of W(m, c, k) X(n, c, o stride + k dilation - pad).
#include "ops/nn/conv.h"

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/nn/plain_conv.h"
#include "ops/staging.h"

namespace tenon::ops::conv {
namespace {

kernels::ConvShape channels(std::span<const int64_t> x, std::span<const int64_t> w, int64_t groups) {
  kernels::ConvShape s;
  s.batch = x[0];
  s.in_channels = x[1];
  s.out_channels = w[0];
  s.groups = groups;
  return s;
}

}  // namespace

void infer(InferContext& c) {
  const int64_t groups = c.attrs().get_int("group", 1);
  if (groups < 1) fail("attribute group: {} found, expected at least 1", groups);
  if (!c.has_rank(0) && !c.has_rank(1)) return c.set_unranked(0, c.dtype(0));
  const size_t rank = c.has_rank(0) ? c.rank(0) : c.rank(1);
  if (rank < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", rank);
  expect_rank(c, 1, rank);
  const Dims x = c.has_rank(0) ? c.dims(0) : Dims(), w = c.has_rank(1) ? c.dims(1) : Dims();
  if (!x.empty() && !w.empty()) expect_equal(c, x[1], c.sym.mul(w[1], groups), "channels of X and W dim 1 times group");
  if (!w.empty() && !is_symbol(w[0]) && w[0] % groups != 0)
    fail("W has {} output channels, expected a multiple of group = {}", w[0], groups);
  if (c.has_input(2)) {
    expect_rank(c, 2, 1);
    if (!w.empty() && c.has_rank(2)) expect_equal(c, c.dims(2)[0], w[0], "bias and output channels");
  }
  Dims out{x.empty() ? c.fresh() : x[0], w.empty() ? c.fresh() : w[0]};
  const bool known = !w.empty() || !c.attrs().get_ints("kernel_shape").empty();
  if (!known || x.empty()) {
    for (size_t i = 2; i < rank; ++i) out.push_back(c.fresh());
  } else {
    const Window window(c.attrs(), rank - 2, w.empty() ? std::span<const int64_t>() : std::span(w).subspan(2));
    for (size_t i = 0; i + 2 < rank; ++i) out.push_back(window.out(c, i, x[i + 2]));
  }
  c.set(0, c.dtype(0), std::move(out));
}

Kernel::Kernel(const NodeInfo& info) : Kernel(info, {}, 0) {}

Kernel::Kernel(const NodeInfo& info, const kernels::Epilogue& activation, size_t residual)
    : attrs_(info.attrs),
      groups_(info.attrs.get_int("group", 1)),
      activation_(activation),
      residual_(residual),
      table_(kernels::kernels_for(info.isa)) {
  const Value w = info.constant(1);
  if (!w || w.dims().size() < 3) return;
  window_.emplace(attrs_, w.dims().size() - 2, w.dims().subspan(2));
  if (w.dtype() == DType::kDouble || w.dims().size() > 2 + kernels::kMaxSpatial) return;
  weights_ = f32_constant(w, table_);
  bias_ = f32_constant(info.constant(2), table_);
  kernels::ConvShape s = channels(Dims{1, w.dims()[1] * groups_}, w.dims(), groups_);
  s.rank = static_cast<int>(window_->axes());
  std::string kind = fmt::format("conv {} g{}", isa_name(info.isa), groups_);
  for (int i = 0; i < s.rank; ++i) {
    s.kernel[i] = window_->kernel[i];
    s.stride[i] = window_->stride[i];
    s.dilation[i] = window_->dilation[i];
    kind += fmt::format(" s{}d{}", s.stride[i], s.dilation[i]);
  }
  const size_t bytes = kernels::conv_packed_bytes(s, table_);
  if (bytes == 0) return;
  packed_ = info.pack(w, kind, bytes, [&](void* dst) {
    kernels::conv_pack(s, static_cast<const float*>(weights_.data()), dst, table_);
  });
  weights_ = Value();
}

const Window& Kernel::window(KernelContext& c, std::optional<Window>& local) const {
  if (window_) return *window_;
  const TensorRef& w = c.input(1);
  return local.emplace(attrs_, w.rank - 2, w.dims().subspan(2));
}

void Kernel::run(KernelContext& c) const {
  const TensorRef& y = c.output(0);
  if (y.count == 0) return;
  std::optional<Window> local;
  const Window& w = window(c, local);
  if (y.dtype == DType::kDouble)
    return run_plain(c, w, c.input(0).as<double>(), c.input(1).as<double>(),
                     c.has_input(2) ? c.input(2).as<double>() : nullptr, y.out<double>());
  if (w.axes() <= kernels::kMaxSpatial) return run_f32(c, w);
  const F32Result out(c, y, table_);
  run_plain(c, w, load_f32(c, 0, table_), load_f32(c, 1, table_), load_f32(c, 2, table_), out.data());
  if (activation_.activation != kernels::Activation::kNone || residual_)
    fail(ErrorCode::kNotImplemented, "fused convolutions take up to {} spatial dims, found {}", kernels::kMaxSpatial,
         w.axes());
  out.store(c);
}

void Kernel::run_f32(KernelContext& c, const Window& w) const {
  const TensorRef &x = c.input(0), &y = c.output(0);
  kernels::ConvArgs a;
  a.shape = channels(x.dims(), c.input(1).dims(), groups_);
  set_spatial(a.shape, w, x.dims(), y.dims());
  const F32Result out(c, y, table_);
  a.x = load_f32(c, x, table_);
  a.packed_w = packed_.get();
  if (!packed_) a.w = weights_ ? static_cast<const float*>(weights_.data()) : load_f32(c, 1, table_);
  a.y = out.data();
  a.epilogue = activation_;
  if (c.has_input(2)) {
    a.epilogue.bias = bias_ ? static_cast<const float*>(bias_.data()) : load_f32(c, 2, table_);
    a.epilogue.bias_kind = kernels::BiasKind::kPerRow;
  }
  if (residual_ && c.has_input(residual_)) a.epilogue.residual = load_f32(c, residual_, table_);
  kernels::conv(a, c.par, table_);
  out.store(c);
}

template <class T>
void Kernel::run_plain(KernelContext& c, const Window& w, const T* x, const T* weights, const T* bias, T* y) const {
  const std::span<const int64_t> in = c.input(0).dims(), out = c.output(0).dims();
  PlainConv<T> p;
  p.batch = in[0];
  p.in_channels = in[1];
  p.out_channels = out[1];
  p.groups = groups_;
  p.in = Dims(in.subspan(2));
  p.out = Dims(out.subspan(2));
  p.kernel = w.kernel;
  p.stride = w.stride;
  p.dilation = w.dilation;
  for (size_t i = 0; i < w.axes(); ++i) p.pad.push_back(w.pad_begin(i, in[i + 2], out[i + 2]));
  p.x = x, p.w = weights, p.bias = bias, p.y = y;
  p.run(c.par);
}

namespace {
constexpr OpDef kRow = {.name = "Conv", .attrs = kConvAttrs, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<ConvPorts<kOldFloatSet>>(kRow, 1, 10), row_of<ConvPorts<kOldFloatSet>>(kRow, 11, 21),
                          row_of<ConvPorts<kFloatSet>>(kRow, 22, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::conv
