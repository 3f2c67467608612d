// com.microsoft.nchwc Conv: activation(Conv(X, W, B) + Sum) on blocked channels, W in onnxruntime's blocked orders:
// [M / b, C, H, W, c, m] for blocked inputs, [M / b, C, H, W, m] where X has fewer channels than a block (then X is
// plain) and where every group has one channel.
#include "ops/activation_attr.h"
#include "ops/nchwc.h"
#include "ops/nn/conv.h"
#include "ops/relayout.h"

namespace tenon::ops::nchwc_conv {
namespace {

enum In : size_t { kX, kW, kB, kSum };

/// W [M, C / group, kernel...] as ONNX lays it out.
void unblock(const Parallel& par, const TensorRef& w, void* to) {
  const int64_t b = nchwc::block(), m = w.dim[0], c = w.dim[1], s = extent(w.dims(), 2, w.rank);
  StridedCopy copy;
  copy.loop(m / b, b * c * s, b * c * s);
  if (c >= b) {
    copy.loop(b, 1, c * s);  // m
    copy.loop(c / b, b * b * s, b * s);
    copy.loop(b, b, s);  // c
    copy.loop(s, b * b, 1);
  } else {
    copy.loop(b, 1, c * s);
    copy.loop(c, s * b, s);
    copy.loop(s, b, 1);
  }
  copy.run(par, w.dtype, w.data, to);
}

/// conv::Kernel on plain operands; W is unblocked at load where it is constant.
class Plain {
 public:
  explicit Plain(const NodeInfo& info) {
    std::vector<Value> constants(info.constants.begin(), info.constants.end());
    NodeInfo inner{info.op, info.name, 11, info.attrs, info.inputs, info.outputs, constants, nullptr, info.isa};
    if (const Value w = info.constant(kW)) {
      weights_ = Value::tensor(w.dtype(), w.dims());
      unblock({}, ref_of(w), weights_.mutable_data());
      constants[kW] = weights_;
    }
    conv_.emplace(inner, read_epilogue(info.attrs), kSum);
  }
  void run(KernelContext& c) const {
    TensorRef slots[5];
    uint32_t in[4], out[] = {4};
    for (size_t i = 0; i < 4; ++i) {
      in[i] = c.has_input(i) ? static_cast<uint32_t>(i) : UINT32_MAX;
      if (c.has_input(i)) slots[i] = c.input(i);
    }
    slots[4] = c.output(0);
    TensorRef& w = slots[kW];
    if (weights_) {
      w.data = const_cast<void*>(weights_.data());
    } else {
      w.data = c.scratch(static_cast<int64_t>(w.bytes()));
      unblock(c.par, c.input(kW), w.data);
    }
    KernelContext inner = c.over(slots, in, out);
    conv_->run(inner);
  }

 private:
  Value weights_;
  std::optional<conv::Kernel> conv_;
};

bool is_plain(const ValueType& x) { return x.has_rank && !is_symbol(x.dims[1]) && x.dims[1] < nchwc::block(); }

void infer(InferContext& c) {
  read_epilogue(c.attrs());
  expect_rank(c, kX, 4);
  expect_rank(c, kW, 4);
  if (!is_plain(c.type(kX))) nchwc::expect_blocked(c);
  if (c.has_rank(kW)) {
    const Dims& w = c.dims(kW);
    if (!is_symbol(w[0]) && w[0] % nchwc::block() != 0)
      fail("W has {} filters, expected a multiple of {}, the block of this machine", w[0], nchwc::block());
    if (!is_symbol(w[1]) && w[1] > nchwc::block() && w[1] % nchwc::block() != 0)
      fail("W has {} channels, expected fewer than {} or a multiple of it", w[1], nchwc::block());
  }
  conv::infer(c);
  const ValueType& y = *c.result(0);
  if (!y.has_rank || !c.has_rank(kSum)) return;
  expect_rank(c, kSum, y.dims.size());
  for (size_t i = 0; i < y.dims.size(); ++i) expect_equal(c, c.dims(kSum)[i], y.dims[i], "dims of Sum and Y");
}
std::unique_ptr<const Kernel> make_kernel(const NodeInfo& info) {
  constexpr uint32_t kBlockedX = 1, kBlockedSum = 1 << kSum;
  if (is_plain(*info.inputs[kX])) return std::make_unique<const Relayout<Plain, nchwc::Layout, kBlockedSum>>(info);
  return std::make_unique<const Relayout<Plain, nchwc::Layout, kBlockedX | kBlockedSum>>(info);
}

constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {
    {"X", kFloat32Set}, {"W", kFloat32Set}, {"B", kFloat32Set, "T", kOpt}, {"Sum", kFloat32Set, "T", kOpt}};
constexpr Port kOut[] = {{"Y", kFloat32Set}};
constexpr auto kAttrs = joined(std::to_array<AttrDef>({optional_attr("activation", AttrKind::kString),
                                                       optional_attr("activation_params", AttrKind::kFloats)}),
                               kConvAttrs);
constexpr OpDef kOps[] = {{"Conv", "com.microsoft.nchwc", 1, 0, kIn, kOut, kAttrs, infer, make_kernel}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::nchwc_conv
