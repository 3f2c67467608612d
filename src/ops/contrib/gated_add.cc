// com.microsoft GatedAdd: X + Y gate, one gate per row.
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/staging.h"

namespace tenon::ops::gated_add {
namespace {

void infer(InferContext& c) {
  if (c.has_input(3)) fail(ErrorCode::kNotImplemented, "gate_weight is given: projected gates are not supported");
  if (c.has_rank(0)) {
    Dims x = c.dims(0);
    if (x.empty()) fail("X is a scalar, expected rank 1 or more");
    for (size_t i : {1, 2}) {
      expect_rank(c, i, x.size());
      if (i == 2) x.back() = 1;
      for (size_t d = 0; c.has_rank(i) && d < x.size(); ++d)
        expect_equal(c, c.dims(i)[d], x[d], i == 1 ? "dims of Y and X" : "dims of gate and of X with a last dim of 1");
    }
  }
  c.set_type(0, c.type(0));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n) : table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    if (x.count == 0) return;
    const int64_t n = x.dim[x.rank - 1];
    const F32Result out(c, c.output(0), table_);
    TensorRef product = c.output(0);  // rounded as a Mul of its own would be
    if (x.dtype != DType::kFloat) product.data = c.scratch(static_cast<int64_t>(product.bytes()));
    const F32Result scaled(c, product, table_);
    const float *a = load_f32(c, 0, table_), *b = load_f32(c, 1, table_), *gate = load_f32(c, 2, table_);
    const auto mul = kernels::binary_rows(kernels::Binary::kMul, table_).vs;
    c.par.loop(x.count / n, 0.3 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) mul(b + r * n, gate + r, scaled.data() + r * n, n);
    });
    scaled.store(c);
    const float* rounded = load_f32(c, product, table_);
    const auto add = kernels::binary_rows(kernels::Binary::kAdd, table_).vv;
    c.par.loop(x.count, 0.3,
               [&](int64_t begin, int64_t end) { add(a + begin, rounded + begin, out.data() + begin, end - begin); });
    out.store(c);
  }

 private:
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"X", kSet}, {"Y", kSet}, {"gate", kSet}, {"gate_weight", kSet, "T", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kSet}};
constexpr OpDef kOps[] = {{"GatedAdd", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gated_add
