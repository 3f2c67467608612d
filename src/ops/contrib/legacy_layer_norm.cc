// LayerNormalization (before opset 17) and SimplifiedLayerNormalization as ORT adds them to the domain ai.onnx.
#include "ops/move.h"
#include "ops/nn/layer_norm.h"

namespace tenon::ops::legacy_layer_norm {
namespace {

/// Scale, bias and Y share a type of their own; statistics have the type of stash_type.
template <bool kSimplified>
void infer(InferContext& c) {
  expect_broadcasts(c, 1);
  expect_broadcasts(c, 2);
  const int64_t stash = c.attrs().get_int("stash_type", 1);
  if (stash != 1) fail(ErrorCode::kNotImplemented, "attribute stash_type: {} found, expected 1 (float)", stash);
  const size_t stats = kSimplified ? 2 : 3;
  if (!c.has_rank(0)) {
    for (size_t j = 1; j < stats; ++j) c.set_unranked(j, DType::kFloat);
    return c.set_unranked(0, c.dtype(1));
  }
  Dims d = c.dims(0);
  const int64_t axis = resolve_axis(c.attrs().get_int("axis", -1), d.size());
  c.set(0, c.dtype(1), d);
  for (size_t i = static_cast<size_t>(axis); i < d.size(); ++i) d[i] = 1;
  for (size_t j = 1; j < stats; ++j) c.set(j, DType::kFloat, d);
}

template <bool kSimplified>
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : axis_(info.attrs.get_int("axis", -1)), table_(kernels::kernels_for(info.isa)) {
    form_.eps = info.attrs.get_float("epsilon", 1e-5f);
    form_.centred = !kSimplified;
    if (kSimplified)
      form_.inv_std_out = 1;
    else
      form_.bias = 2, form_.mean_out = 1, form_.inv_std_out = 2;
  }
  void run(KernelContext& c) const override { layer_norm::normalize(c, form_, axis_, table_); }

 private:
  layer_norm::Form form_;
  int64_t axis_;
  const kernels::KernelTable& table_;
};

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kStat = dtype_set({DType::kFloat, DType::kDouble});
constexpr Port kIn[] = {{"X", kFloatSet}, {"Scale", kFloatSet, "V"}, {"B", kFloatSet, "V", kOpt}};
constexpr Port kOut[] = {{"Y", kFloatSet, "V"}, {"Mean", kStat, "U", kOpt}, {"InvStdDev", kStat, "U", kOpt}};
constexpr Port kSimpleIn[] = {{"X", kFloatSet}, {"scale", kFloatSet, "V"}};
constexpr Port kSimpleOut[] = {{"Y", kFloatSet, "V"}, {"inv_std_var", kStat, "U", kOpt}};
constexpr AttrDef kAttrs[] = {int_attr("axis", -1), float_attr("epsilon", 1e-5f), int_attr("stash_type", 1)};
constexpr OpDef kOps[] = {
    {"LayerNormalization", "", 1, 16, kIn, kOut, kAttrs, infer<false>, make<Kernel<false>>},
    {"SimplifiedLayerNormalization", "", 1, 0, kSimpleIn, kSimpleOut, kAttrs, infer<true>, make<Kernel<true>>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::legacy_layer_norm
