// com.microsoft FusedGemm: activation(alpha A' B' + beta C).
#include "ops/activation_attr.h"
#include "ops/linear/gemm.h"
#include "ops/map.h"
#include "ops/move.h"

namespace tenon::ops::fused_gemm {
namespace {

kernels::Epilogue read_epilogue(const graph::Attrs& attrs) {
  float params[2];
  size_t n = 0;
  for (const char* name : {"activation_alpha", "activation_beta"})
    if (attrs.has(name)) params[n++] = attrs.get_float(name, 0);
  kernels::Epilogue e;
  set_activation(attrs.get_string("activation", ""), {params, n}, &e);
  return e;
}

void infer(InferContext& c) {
  const kernels::Epilogue e = read_epilogue(c.attrs());
  if (e.activation != kernels::Activation::kNone && !is_single(c.dtype(0)))
    fail(ErrorCode::kNotImplemented, "activation {} for {}", c.attrs().get_string("activation", ""),
         dtype_name(c.dtype(0)));
  gemm::infer(c);
}

std::unique_ptr<const ops::Kernel> make_kernel(const NodeInfo& info) {
  return std::make_unique<const gemm::Kernel>(info, read_epilogue(info.attrs));
}

constexpr DTypeSet kSet = kOldFloatSet | kWideSet;
constexpr Port kIn[] = {{"A", kSet}, {"B", kSet}, {"C", kSet, "T", PortUse::kOptional}}, kOut[] = {{"Y", kSet}};
constexpr AttrDef kAttrs[] = {optional_attr("activation", AttrKind::kString),
                              optional_attr("activation_alpha", AttrKind::kFloat),
                              optional_attr("activation_beta", AttrKind::kFloat),
                              optional_attr("activation_gamma", AttrKind::kFloat),
                              float_attr("alpha", 1),
                              float_attr("beta", 1),
                              int_attr("transA", 0),
                              int_attr("transB", 0)};
constexpr OpDef kOps[] = {{"FusedGemm", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make_kernel}};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::fused_gemm
