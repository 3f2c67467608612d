// com.microsoft FusedMatMul and TransposeMatMul: alpha A' B'.
#include "ops/matrix_product.h"

namespace tenon::ops::fused_matmul {
namespace {

matmul::Form read_form(const graph::Attrs& attrs) {
  const auto on = [&](const char* name) { return attrs.get_int(name, 0) != 0; };
  return {on("transA"), on("transB"), on("transBatchA"), on("transBatchB")};
}

void infer(InferContext& c) { matmul::infer_product(c, read_form(c.attrs())); }

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : product_(info, read_form(info.attrs), info.attrs.get_float("alpha", 1)) {}
  void run(KernelContext& c) const override { product_.run(c); }

 private:
  matmul::Product product_;
};

constexpr Port kIn[] = {{"A", kFloatSet}, {"B", kFloatSet}}, kOut[] = {{"Y", kFloatSet}};
constexpr AttrDef kAttrs[] = {float_attr("alpha", 1), int_attr("transA", 0), int_attr("transB", 0),
                              int_attr("transBatchA", 0), int_attr("transBatchB", 0)};
constexpr AttrDef kTransposeAttrs[] = {float_attr("alpha", 1), int_attr("transA", 0), int_attr("transB", 0)};
constexpr OpDef kOps[] = {
    {"FusedMatMul", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>},
    {"TransposeMatMul", "com.microsoft", 1, 0, kIn, kOut, kTransposeAttrs, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::fused_matmul
