// com.microsoft GatedRMSNorm: groups of X normalised by their root mean square, scaled, times an activation of the
// gate.
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/staging.h"

namespace tenon::ops::gated_rms_norm {
namespace {

kernels::Activation activation_of(const graph::Attrs& attrs) {
  const std::string_view a = attrs.get_string("activation", "silu");
  if (a == "silu" || a == "swish") return kernels::Activation::kSilu;
  if (a != "sigmoid") fail("attribute activation: '{}' found, expected silu, swish or sigmoid", a);
  return kernels::Activation::kSigmoid;
}

void infer(InferContext& c) {
  activation_of(c.attrs());
  expect_rank(c, 1, 1);
  if (c.has_rank(0)) {
    const Dims& x = c.dims(0);
    if (x.empty()) fail("X is a scalar, expected rank 1 or more");
    expect_rank(c, 2, x.size());
    for (size_t d = 0; c.has_rank(2) && d < x.size(); ++d) expect_equal(c, c.dims(2)[d], x[d], "dims of gate and X");
    if (c.has_rank(1) && !is_symbol(c.dims(1)[0]) && !is_symbol(x.back()) &&
        (c.dims(1)[0] == 0 || x.back() % c.dims(1)[0] != 0))
      fail("X has a last dim of {}, expected a multiple of the {} entries of scale", x.back(), c.dims(1)[0]);
  }
  c.set_type(0, c.type(0));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n)
      : activation_(activation_of(n.attrs)),
        eps_(n.attrs.get_float("epsilon", 1e-5f)),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    if (x.count == 0) return;
    const F32Result out(c, c.output(0), table_);
    kernels::NormArgs a;
    a.n = c.input(1).count, a.rows = x.count / a.n, a.x = load_f32(c, x, table_), a.scale = load_f32(c, 1, table_);
    a.eps = eps_, a.y = out.data();
    kernels::rms_norm(a, c.par, table_);
    const float* gate = load_f32(c, 2, table_);
    const auto act = kernels::activation_row(activation_, table_);
    const auto mul = kernels::binary_rows(kernels::Binary::kMul, table_).vv;
    c.par.loop(x.count, 1.5, [&](int64_t begin, int64_t end) {
      float open[256];
      for (int64_t i = begin; i < end; i += 256) {
        const int64_t n = std::min<int64_t>(256, end - i);
        act(gate + i, open, n, 0, 0);
        mul(a.y + i, open, a.y + i, n);
      }
    });
    out.store(c);
  }

 private:
  kernels::Activation activation_;
  float eps_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"X", kSet}, {"scale", kSet}, {"gate", kSet}};
constexpr Port kOut[] = {{"Y", kSet}};
constexpr AttrDef kAttrs[] = {string_attr("activation", "silu"), float_attr("epsilon", 1e-5f)};
constexpr OpDef kOps[] = {{"GatedRMSNorm", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gated_rms_norm
