// QLinearMatMul: y = quantize(dequantize(a) dequantize(b)). 8-bit integers multiply exactly in int32, float8 in float.
#include <algorithm>

#include "kernels/gemm.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/convert.h"
#include "ops/integer_product.h"
#include "ops/map.h"
#include "ops/op.h"
#include "ops/quantization.h"
#include "ops/rows.h"

namespace tenon::ops::qlinear_matmul {
namespace {

constexpr IntegerProduct::Operands kAt{0, 3, 2, 5};
constexpr size_t kAScale = 1, kBScale = 4, kYScale = 6, kYZero = 7;

class QLinearMatMul final : public Kernel {
 public:
  // Packing frees a constant b: not where run_floats() reads it.
  explicit QLinearMatMul(const NodeInfo& n)
      : product_(n, all_bytes(n.dtype(kAt.a), n.dtype(kAt.b), n.dtype(kYZero)) ? kAt : kNotPacked) {}

  void run(KernelContext& c) const override {
    const TensorRef &a = c.input(kAt.a), &b = c.input(kAt.b), &y = c.output(0);
    if (y.count == 0) return;
    const float *sa = scratch_floats(c, c.input(kAScale)), *sb = scratch_floats(c, c.input(kBScale)),
                *sy = scratch_floats(c, c.input(kYScale)), *zy = scratch_floats(c, c.input(kYZero));
    if (c.input(kYScale).count != 1 || c.input(kYZero).count != 1)
      fail(ErrorCode::kNotImplemented, "y_scale has {} elements, expected 1", c.input(kYScale).count);
    const bool a_rows = c.input(kAScale).count > 1, b_columns = c.input(kBScale).count > 1;
    const int64_t n = b.rank == 1 ? 1 : b.dim[b.rank - 1], m = a.rank == 1 ? 1 : a.dim[a.rank - 2];
    if (a_rows && c.input(kAScale).count != m)
      fail("a_scale has {} elements, expected 1 or {}", c.input(kAScale).count, m);
    if (b_columns && c.input(kBScale).count != n)
      fail("b_scale has {} elements, expected 1 or {}", c.input(kBScale).count, n);
    if (!all_bytes(a.dtype, b.dtype, y.dtype)) return run_floats(c, m, n, *sy, *zy);
    const auto zero = static_cast<int32_t>(*zy);
    float* factor = c.scratch<float>(n);  // of the first row; other rows rescale it
    for (int64_t j = 0; j < n; ++j) factor[j] = sa[0] * sb[b_columns ? j : 0] / *sy;
    float* own = a_rows ? c.scratch<float>(n * m) : nullptr;
    for (int64_t i = 0; own && i < m; ++i)
      for (int64_t j = 0; j < n; ++j) own[i * n + j] = sa[i] * sb[b_columns ? j : 0] / *sy;
    product_.run(c, [&](int32_t* acc, int64_t first, int64_t rows, int64_t columns) {
      c.par.loop(rows, 0.6 * static_cast<double>(columns), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const float* f = own ? own + i * n : factor;
          const int32_t* from = acc + i * columns;
          const int64_t at = (first + i) * columns;
          if (y.dtype == DType::kUint8)
            kernels::requantize_row(from, y.out<uint8_t>() + at, columns, f, b_columns, zero, product_.table());
          else
            kernels::requantize_row(from, y.out<int8_t>() + at, columns, f, b_columns, zero, product_.table());
        }
      });
    });
  }

 private:
  static bool all_bytes(DType a, DType b, DType y) {
    return contains(kByteSet, a) && contains(kByteSet, b) && contains(kByteSet, y);
  }
  // Constants are looked up at an operand that does not exist.
  static constexpr IntegerProduct::Operands kNotPacked{SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};

  // Operands scaled to floats, one float product per matrix. Scales of a may be one per row, those of b one per column.
  void run_floats(KernelContext& c, int64_t m, int64_t n, float sy, float zy) const {
    const TensorRef &a = c.input(kAt.a), &b = c.input(kAt.b), &y = c.output(0);
    const auto scaled = [&](const TensorRef& t, size_t scale, size_t zero, int64_t run, int64_t period) {
      const float *s = scratch_floats(c, c.input(scale)), *z = scratch_floats(c, c.input(zero));
      const int64_t many_s = c.input(scale).count > 1, many_z = c.input(zero).count > 1;
      if (many_z && c.input(zero).count != period)
        fail("zero point has {} elements, expected 1 or {}", c.input(zero).count, period);
      float* out = c.scratch<float>(t.count);
      Converter(t.dtype, DType::kFloat).run(c.par, t.data, out, t.count);
      for (int64_t i = 0; i < t.count; ++i) {
        const int64_t at = i / run % period;
        out[i] = (out[i] - z[many_z * at]) * s[many_s * at];
      }
      return out;
    };
    const int64_t k = std::max<int64_t>(a.dim[a.rank - 1], 1);
    const float *fa = scaled(a, kAScale, kAt.a_zero, k, m), *fb = scaled(b, kBScale, kAt.b_zero, 1, n);
    kernels::GemmArgs g;
    g.m = m, g.k = a.dim[a.rank - 1], g.n = n;
    g.a_row = g.k, g.a_col = 1, g.b_row = g.n, g.b_col = 1, g.ldc = g.n;
    float* product = c.scratch<float>(y.count);
    const auto batch = y.dims().first(y.rank + (a.rank == 1) + (b.rank == 1) - 2);
    const Nest nest(batch, {a.dims().first(a.rank < 2 ? 0 : a.rank - 2), b.dims().first(b.rank < 2 ? 0 : b.rank - 2)});
    nest.each(0, extent(batch, 0, batch.size()), [&](const int64_t* offset, int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        g.a = fa + (offset[0] + (nest.stride[0][0] ? i : 0)) * g.m * g.k;
        g.b = fb + (offset[1] + (nest.stride[1][0] ? i : 0)) * g.k * g.n;
        g.c = product + (first + i) * g.m * g.n;
        kernels::gemm(g, c.par, product_.table());
      }
    });
    QuantizeTo(y.dtype).row(product, y.count, &sy, &zy, 0, y.data);
  }

  IntegerProduct product_;
};

void infer(InferContext& c) { infer_integer_product(c, kAt, c.dtype(kYZero)); }

constexpr DTypeSet kScales = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16}),
                   kBytes21 = kByteSet | kFloat8Set;
constexpr Port kIn10[] = {
    {"a", kByteSet, "T1"},        {"a_scale", kFloat32Set, ""},    {"a_zero_point", kByteSet, "T1"},
    {"b", kByteSet, "T2"},        {"b_scale", kFloat32Set, ""},    {"b_zero_point", kByteSet, "T2"},
    {"y_scale", kFloat32Set, ""}, {"y_zero_point", kByteSet, "T3"}};
constexpr Port kIn21[] = {{"a", kBytes21, "T1"},      {"a_scale", kScales, "TS"},      {"a_zero_point", kBytes21, "T1"},
                          {"b", kBytes21, "T2"},      {"b_scale", kScales, "TS"},      {"b_zero_point", kBytes21, "T2"},
                          {"y_scale", kScales, "TS"}, {"y_zero_point", kBytes21, "T3"}};
constexpr Port kOut10[] = {{"y", kByteSet, "T3"}};
constexpr Port kOut21[] = {{"y", kBytes21, "T3"}};
constexpr OpDef kOps[] = {{"QLinearMatMul", "", 10, 20, kIn10, kOut10, {}, infer, make<QLinearMatMul>},
                          {"QLinearMatMul", "", 21, 0, kIn21, kOut21, {}, infer, make<QLinearMatMul>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_matmul
