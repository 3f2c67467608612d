// com.microsoft NhwcFusedConv: activation(Conv(X, W, B) + Z) with channels last in X, Z and Y.
#include "ops/activation_attr.h"
#include "ops/channels_last.h"
#include "ops/map.h"
#include "ops/nn/conv.h"
#include "ops/relayout.h"

namespace tenon::ops::nhwc_fused_conv {
namespace {

constexpr uint32_t kPlanes = 1 | 1 << 3;  // X and Z

void infer_planes(InferContext& c) {
  conv::infer(c);
  const ValueType& y = *c.result(0);
  if (!y.has_rank || !c.has_rank(3)) return;
  expect_rank(c, 3, y.dims.size());
  for (size_t i = 0; i < y.dims.size(); ++i) expect_equal(c, c.dims(3)[i], y.dims[i], "dims of Z and Y");
}
void infer(InferContext& c) {
  read_epilogue(c.attrs());
  infer_channels_last(c, kPlanes, infer_planes);
}
std::unique_ptr<const Kernel> make_kernel(const NodeInfo& info) {
  return std::make_unique<const Relayout<conv::Kernel, ChannelsLast, kPlanes>>(info, read_epilogue(info.attrs),
                                                                               size_t{3});
}

constexpr DTypeSet kFloats = dtype_set({DType::kFloat, DType::kFloat16});
constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"X", kFloats}, {"W", kFloats}, {"B", kFloats, "T", kOpt}, {"Z", kFloats, "T", kOpt}};
constexpr Port kOut[] = {{"Y", kFloats}};
constexpr auto kAttrs = joined(std::to_array<AttrDef>({optional_attr("activation", AttrKind::kString),
                                                       optional_attr("activation_params", AttrKind::kFloats)}),
                               kConvAttrs);
constexpr OpDef kOps[] = {{"NhwcFusedConv", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make_kernel}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::nhwc_fused_conv
