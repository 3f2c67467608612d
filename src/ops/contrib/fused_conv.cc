// com.microsoft FusedConv: activation(Conv(X, W, B) + Z).
#include "ops/activation_attr.h"
#include "ops/map.h"
#include "ops/move.h"
#include "ops/nn/conv.h"

namespace tenon::ops::fused_conv {
namespace {

void infer(InferContext& c) {
  read_epilogue(c.attrs());
  if (!is_single(c.dtype(0)))
    fail(ErrorCode::kNotImplemented, "FusedConv of {}, expected float or float16", dtype_name(c.dtype(0)));
  conv::infer(c);
  const ValueType& y = *c.result(0);
  if (!y.has_rank || !c.has_rank(3)) return;
  expect_rank(c, 3, y.dims.size());
  for (size_t i = 0; i < y.dims.size(); ++i) expect_equal(c, c.dims(3)[i], y.dims[i], "dims of Z and Y");
}

std::unique_ptr<const ops::Kernel> make_kernel(const NodeInfo& info) {
  return std::make_unique<const conv::Kernel>(info, read_epilogue(info.attrs), 3);
}

constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {
    {"X", kOldFloatSet}, {"W", kOldFloatSet}, {"B", kOldFloatSet, "T", kOpt}, {"Z", kOldFloatSet, "T", kOpt}};
constexpr Port kOut[] = {{"Y", kOldFloatSet}};
constexpr auto kAttrs = joined(std::to_array<AttrDef>({optional_attr("activation", AttrKind::kString),
                                                       optional_attr("activation_params", AttrKind::kFloats)}),
                               kConvAttrs);
constexpr OpDef kOps[] = {{"FusedConv", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make_kernel}};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::fused_conv
