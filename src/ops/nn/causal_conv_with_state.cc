// CausalConvWithState (also of com.microsoft): each channel convolved with its own taps over what came before; the last
// k - 1 values are kept.
#include <algorithm>
#include <cstring>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::causal_conv_with_state {
namespace {

enum In : size_t { kInput, kWeight, kBias, kPast };

constexpr AttrDef kMsAttrs[] = {
    string_attr("activation", "none"),   int_attr("channels_last", 0),  int_attr("dilation", 1),
    int_attr("input_channel_offset", 0), int_attr("input_channels", 0), int_attr("ndim", 1),
    int_attr("state_channels_last", -1), int_attr("state_length", 0),   int_attr("state_update_capacity", 0),
    int_attr("state_window", 0)};

bool has_silu(const graph::Attrs& attrs) {
  const std::string_view a = attrs.get_string("activation", "none");
  if (a != "none" && a != "silu" && a != "swish")
    fail("attribute activation: '{}' found, expected none, silu or swish", a);
  return a != "none";
}

void infer(InferContext& c) {
  for (const AttrDef& a : kMsAttrs)  // com.microsoft's forms beyond ONNX
    if (a.kind == AttrKind::kInt && c.attrs().get_int(a.name, static_cast<int64_t>(a.number)) != a.number)
      fail(ErrorCode::kNotImplemented, "attribute {} is {}, expected {}", a.name, c.attrs().get_int(a.name, 0),
           a.number);
  has_silu(c.attrs());
  if (c.has_output(2)) fail("state_update is wanted, but state_update_capacity is 0");
  expect_rank(c, kInput, 3);
  expect_rank(c, kWeight, 3);
  expect_rank(c, kBias, 1);
  expect_rank(c, kPast, 3);
  Dims x{c.fresh(), c.fresh(), c.fresh()};
  if (c.has_rank(kInput)) x = c.dims(kInput);
  int64_t kept = c.fresh();
  if (c.has_rank(kWeight)) {
    const Dims& w = c.dims(kWeight);
    expect_equal(c, w[0], x[1], "channels of weight and input");
    expect_equal(c, w[1], 1, "dim 1 of weight");
    if (w[2] == 0) fail("the kernel is empty, expected at least one tap");
    kept = c.sym.add(w[2], -1);
  }
  if (c.has_rank(kBias)) expect_equal(c, c.dims(kBias)[0], x[1], "bias and channels");
  if (c.has_rank(kPast)) {
    const Dims& p = c.dims(kPast);
    for (size_t i = 0; i < 2; ++i) expect_equal(c, p[i], x[i], "batch and channels of past_state and input");
    expect_equal(c, p[2], kept, "length of past_state and taps less one");
  }
  c.set(0, c.dtype(kInput), x);
  c.set(1, c.dtype(kInput), {x[0], x[1], kept});
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : silu_(has_silu(info.attrs)), table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(kInput);
    const int64_t channels = x.dim[1], n = x.dim[2], taps = c.input(kWeight).dim[2], kept = taps - 1;
    const F32Result out(c, c.output(0), table_);
    std::optional<F32Result> state;
    if (c.has_output(1)) state.emplace(c, c.output(1), table_);
    const float *in = load_f32(c, kInput, table_), *w = load_f32(c, kWeight, table_);
    const float *bias = load_f32(c, kBias, table_), *past = load_f32(c, kPast, table_);
    const kernels::ActivationRow silu = kernels::activation_row(kernels::Activation::kSilu, table_);
    const double cost = 0.3 * static_cast<double>(taps * n) + (silu_ ? static_cast<double>(n) : 0) + 10;
    c.par.loop(x.dim[0] * channels, cost, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const float *from = in + row * n, *tap = w + row % channels * taps,
                    *before = past ? past + row * kept : nullptr;
        float* to = out.data() + row * n;
        std::fill_n(to, n, bias ? bias[row % channels] : 0.0f);
        for (int64_t k = 0; k < taps; ++k) {  // tap k sees what came `back` positions before
          const int64_t back = kept - k, early = std::min(back, n);
          for (int64_t t = 0; before && t < early; ++t) to[t] += tap[k] * before[t + k];
          const float f = tap[k];
          each_element(n - early, [&](int64_t t) { to[early + t] += f * from[early + t - back]; });
        }
        if (silu_) silu(to, to, n, 0, 0);
        if (!state) continue;
        float* keep = state->data() + row * kept;
        for (int64_t i = 0; i < kept; ++i) {  // the last values of past_state and input joined
          const int64_t at = n + i;
          keep[i] = at >= kept ? from[at - kept] : before ? before[at] : 0.0f;
        }
      }
    });
    out.store(c);
    if (state) state->store(c);
  }

 private:
  bool silu_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"input", kSet},
                        {"weight", kSet},
                        {"bias", kSet, "T", PortUse::kOptional},
                        {"past_state", kSet, "T", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kSet}, {"present_state", kSet}};
constexpr AttrDef kAttrs[] = {string_attr("activation", "none")};
constexpr Port kMsOut[] = {{"output", kSet}, {"present_state", kSet}, {"state_update", kSet, "T", PortUse::kOptional}};
constexpr OpDef kOps[] = {
    {"CausalConvWithState", "", 27, 0, kIn, kOut, kAttrs, infer, make<Kernel>},
    {"CausalConvWithState", "com.microsoft", 1, 0, kIn, kMsOut, kMsAttrs, infer, make<Kernel>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::causal_conv_with_state
