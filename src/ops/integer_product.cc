// Batched 8-bit products over kernels::gemm_int8.
#include "ops/integer_product.h"

#include "kernels/table.h"
#include "ops/map.h"
#include "ops/matrix_product.h"

namespace tenon::ops {
namespace {

/// Zero points of one operand: a scalar, one per row or column, or that for each matrix of the operand.
const int32_t* zero_points(KernelContext& c, const TensorRef* zeros, int64_t per_matrix, int32_t* scalar) {
  *scalar = 0;
  if (!zeros) return nullptr;
  const TensorRef& z = *zeros;
  if (z.count == 1) {
    *scalar = byte_at(z, 0);
    return nullptr;
  }
  if (per_matrix == 0 || z.count % per_matrix != 0) fail("{} zero points for {} rows or columns", z.count, per_matrix);
  int32_t* wide = c.scratch<int32_t>(z.count);
  for (int64_t k = 0; k < z.count; ++k) wide[k] = byte_at(z, k);
  return wide;
}

std::span<const int64_t> batch_of(const TensorRef& t) { return t.dims().first(t.rank < 2 ? 0 : t.rank - 2); }

}  // namespace

IntegerProduct::IntegerProduct(const NodeInfo& info, Operands operands)
    : at_(operands), table_(kernels::kernels_for(info.isa)) {
  const Value b = info.constant(at_.b);
  if (!b || b.dims().size() != 2 || b.count() == 0) return;
  const int64_t k = b.dims()[0], n = b.dims()[1];
  const bool is_signed = b.dtype() == DType::kInt8;
  packed_ = info.pack(b, fmt::format("gemm_int8_b {} {}x{}", isa_name(info.isa), k, n),
                      kernels::packed_b_int8_bytes(k, n, table_),
                      [&](void* dst) { kernels::pack_b_int8(b.data(), is_signed, n, 1, k, n, dst, table_); });
}

void IntegerProduct::run(KernelContext& c, Finish fn) const {
  const auto zero = [&](size_t i) { return c.has_input(i) ? &c.input(i) : nullptr; };
  const TensorRef& y = c.output(0);
  run(c,
      {&c.input(at_.a), &c.input(at_.b), zero(at_.a_zero), zero(at_.b_zero), y.dims(),
       y.dtype == DType::kInt32 ? y.out<int32_t>() : nullptr},
      fn);
}

void IntegerProduct::run(KernelContext& c, const Call& call, Finish fn) const {
  const TensorRef &a = *call.a, &b = *call.b;
  if (extent(call.dims, 0, call.dims.size()) == 0) return;
  kernels::GemmInt8Args g;
  g.m = a.rank == 1 ? 1 : a.dim[a.rank - 2];
  g.k = a.dim[a.rank - 1];
  g.n = b.rank == 1 ? 1 : b.dim[b.rank - 1];
  g.a_signed = a.dtype == DType::kInt8;
  g.b_signed = b.dtype == DType::kInt8;
  g.a_row = g.k;
  g.b_row = g.n;
  g.packed_b = packed_.get();
  g.ldc = g.n;
  const int32_t* a_zeros = zero_points(c, call.a_zero, g.m, &g.a_zero);
  const int32_t* b_zeros = zero_points(c, call.b_zero, g.n, &g.b_zero);
  const size_t vectors = (a.rank == 1) + (b.rank == 1);
  const auto batch = call.dims.first(call.dims.size() + vectors - 2);
  const Nest nest(batch, {batch_of(a), batch_of(b)});
  const int64_t count = extent(batch, 0, batch.size());
  const bool a_per_matrix = a_zeros && call.a_zero->count != g.m, b_per_matrix = b_zeros && call.b_zero->count != g.n;
  int32_t* result = call.result ? call.result : c.scratch<int32_t>(g.m * g.n);
  nest.each(0, count, [&](const int64_t* offset, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const int64_t ia = offset[0] + (nest.stride[0][0] ? i : 0), ib = offset[1] + (nest.stride[1][0] ? i : 0);
      g.a = a.as<uint8_t>() + ia * g.m * g.k;
      g.b = b.as<uint8_t>() + ib * g.k * g.n;
      g.a_zero_rows = a_zeros ? a_zeros + (a_per_matrix ? ia * g.m : 0) : nullptr;
      g.b_zero_columns = b_zeros ? b_zeros + (b_per_matrix ? ib * g.n : 0) : nullptr;
      g.c = call.result ? result + (first + i) * g.m * g.n : result;
      kernels::gemm_int8(g, c.par, table_);
      fn(g.c, (first + i) * g.m, g.m, g.n);
    }
  });
}

void scale_rows(const Parallel& par, const int32_t* acc, float* y, int64_t rows, int64_t columns, float a_scale,
                std::span<const float> b_scale, const float* bias) {
  par.loop(rows, 0.6 * static_cast<double>(columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int32_t* from = acc + i * columns;
      float* to = y + i * columns;
      const float* scales = b_scale.data();
      const float single = a_scale * scales[0];
      if (b_scale.size() == 1)
        each_element(columns, [=](int64_t j) { to[j] = static_cast<float>(from[j]) * single; });
      else
        each_element(columns, [=](int64_t j) { to[j] = static_cast<float>(from[j]) * (a_scale * scales[j]); });
      if (bias) each_element(columns, [=](int64_t j) { to[j] += bias[j]; });
    }
  });
}

void infer_integer_product(InferContext& c, IntegerProduct::Operands at, DType out) {
  const auto check_zero = [&](size_t zero, size_t operand, size_t from_end, const char* what) {
    if (!c.has_rank(zero)) return;
    const Dims& z = c.dims(zero);
    bool single = true;
    for (int64_t d : z) single = single && !differ(d, 1);
    if (single || !c.has_rank(operand)) return;
    const Dims& m = c.dims(operand);
    const int64_t lines = m.size() < from_end ? 1 : m[m.size() - from_end];
    int64_t total = lines;
    for (size_t i = 0; i + 2 < m.size(); ++i) total = c.sym.mul(total, m[i]);
    const int64_t count = c.sym.product(z);
    if (differ(count, lines) && differ(count, total))
      fail("{} has dims {}: expected a scalar or one value per {} of {}", what, c.sym.to_string(z),
           from_end == 2 ? "row" : "column", c.sym.to_string(m));
  };
  check_zero(at.a_zero, at.a, 2, "zero point of A");
  check_zero(at.b_zero, at.b, 1, "zero point of B");
  if (!c.has_rank(at.a) || !c.has_rank(at.b)) return c.set_unranked(0, out);
  c.set(0, out, matmul::result_dims(c, c.dims(at.a), c.dims(at.b)));
}

}  // namespace tenon::ops
