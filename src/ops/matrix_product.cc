// Matrix product with broadcast batches: the batches' offsets, and the kernel for each element type.
#include "ops/matrix_product.h"

#include "kernels/gemm_generic.h"
#include "kernels/gemm_half.h"
#include "kernels/table.h"
#include "ops/staging.h"

namespace tenon::ops::matmul {
namespace {

using GenericTypes = TypeList<double, int32_t, int64_t, uint32_t, uint64_t>;

/// One operand as [batch..., rows, cols] with element strides.
struct Operand {
  int64_t rows = 1, cols = 1, row_step = 0, col_step = 1;
  Dims batch, batch_steps;

  Operand(std::span<const int64_t> d, bool is_a, bool trans, bool trans_batch) {
    if (d.size() == 1) {
      (is_a ? cols : rows) = d[0];
      (is_a ? row_step : col_step) = d[0];
      (is_a ? col_step : row_step) = 1;
      return;
    }
    Dims steps(d.size(), 1);
    for (size_t i = d.size() - 1; i > 0; --i) steps[i - 1] = steps[i] * d[i];
    const size_t last = d.size() - 1, row = trans_batch ? 0 : last - 1;
    rows = d[row], row_step = steps[row], cols = d[last];
    for (size_t i = 0; i < last; ++i)
      if (i != row) batch.push_back(d[i]), batch_steps.push_back(steps[i]);
    if (trans) std::swap(rows, cols), std::swap(row_step, col_step);
  }
  int64_t batches() const { return extent(batch, 0, batch.size()); }
};

/// Rows of A over all batches are one tall matrix when B is shared and A lies in row order.
void merge_rows(Operand& a, Operand& b, Form f) {
  if (b.batches() != 1 || (a.batches() != 1 && (f.trans_a || f.trans_batch_a))) return;
  a.rows *= a.batches();
  a.batch = b.batch = {};
}

/// Element offset of an operand for each of the broadcast batches, in row-major order.
void fill_offsets(const Operand& o, std::span<const int64_t> all, int64_t* out) {
  int64_t count = 1;
  out[0] = 0;
  for (size_t i = 1; i <= all.size(); ++i) {  // from the last dim: the table so far repeats for each index
    const int64_t dim = all[all.size() - i];
    const bool moves = i <= o.batch.size() && o.batch[o.batch.size() - i] != 1;
    const int64_t step = moves ? o.batch_steps[o.batch.size() - i] : 0;
    for (int64_t r = 1; r < dim; ++r)
      for (int64_t j = 0; j < count; ++j) out[r * count + j] = out[j] + r * step;
    count *= dim;
  }
}

/// Dims with dim 0 moved behind the batch dims.
Dims rows_last(const Dims& d, bool trans_batch) {
  if (!trans_batch || d.size() < 3) return d;
  Dims out = d;
  out.erase(0);
  out.insert(out.size() - 1, d[0]);
  return out;
}

}  // namespace

Dims result_dims(InferContext& c, const Dims& a_dims, const Dims& b_dims, Form f) {
  const Dims a = rows_last(a_dims, f.trans_batch_a), b = rows_last(b_dims, f.trans_batch_b);
  if (a.empty() || b.empty()) fail("operands have rank {} and {}, expected at least 1", a.size(), b.size());
  const int64_t ka = a.size() == 1 || !f.trans_a ? a.back() : a[a.size() - 2];
  const int64_t kb = b.size() == 1 ? b[0] : f.trans_b ? b.back() : b[b.size() - 2];
  if (differ(ka, kb)) fail("inner dims differ: A is {}, B is {}", c.sym.to_string(a), c.sym.to_string(b));
  const auto batch = [](const Dims& d) { return Dims(std::span(d).first(d.size() < 2 ? 0 : d.size() - 2)); };
  Dims out = broadcast_dims(c, batch(a), batch(b));
  if (a.size() > 1) out.push_back(f.trans_a ? a.back() : a[a.size() - 2]);
  if (b.size() > 1) out.push_back(f.trans_b ? b[b.size() - 2] : b.back());
  return out;
}

void infer_product(InferContext& c, Form form) {
  if (!c.has_rank(0) || !c.has_rank(1)) return c.set_unranked(0, c.dtype(0));
  c.set(0, c.dtype(0), result_dims(c, c.dims(0), c.dims(1), form));
}

Product::Product(const NodeInfo& info, Form form, float alpha)
    : form_(form), alpha_(alpha), table_(kernels::kernels_for(info.isa)) {
  const Value b = info.constant(1);
  if (!b || b.dtype() != DType::kFloat || b.dims().size() < 2) return;
  const Operand o(b.dims(), false, form.trans_b, form.trans_batch_b);
  if (o.batches() != 1 || o.rows == 0 || o.cols <= 1) return;
  packed_ = info.pack(
      b, fmt::format("gemm_b {} {} {}x{}", isa_name(info.isa), form.trans_b ? "t" : "n", o.rows, o.cols),
      kernels::packed_b_bytes(o.rows, o.cols, table_), [&](void* dst) {
        kernels::pack_b(static_cast<const float*>(b.data()), o.row_step, o.col_step, o.rows, o.cols, dst, table_);
      });
}

void Product::run(KernelContext& c, const kernels::Epilogue& epilogue) const {
  const TensorRef &a = c.input(0), &b = c.input(1), &y = c.output(0);
  if (y.count == 0) return;
  Operand oa(a.dims(), true, form_.trans_a, form_.trans_batch_a);
  Operand ob(b.dims(), false, form_.trans_b, form_.trans_batch_b);
  merge_rows(oa, ob, form_);
  const size_t vectors = (a.rank == 1 ? 1 : 0) + (b.rank == 1 ? 1 : 0);
  const bool single = oa.batch.empty() && ob.batch.empty();
  const auto all = single ? std::span<const int64_t>() : y.dims().first(y.rank + vectors - 2);
  const int64_t batches = extent(all, 0, all.size());
  int64_t *a_at = c.scratch<int64_t>(2 * batches), *b_at = a_at + batches;
  fill_offsets(oa, all, a_at);
  fill_offsets(ob, all, b_at);
  const auto set = [&](auto& g) {
    g.m = oa.rows, g.n = ob.cols, g.k = oa.cols;
    g.a_row = oa.row_step, g.a_col = oa.col_step, g.b_row = ob.row_step, g.b_col = ob.col_step;
    g.ldc = ob.cols;
  };

  if (y.dtype == DType::kFloat) {
    kernels::GemmArgs g;
    set(g);
    g.a = a.as<float>(), g.b = b.as<float>(), g.c = y.out<float>();
    g.packed_b = packed_.get();
    g.alpha = alpha_;
    g.epilogue = epilogue;
    if (batches == 1) return kernels::gemm(g, c.par, table_);
    kernels::GemmOffsets at;
    at.count = batches, at.a = a_at, at.b = b_at;
    return kernels::gemm_batched(g, at, c.par, table_);
  }
  if (is_half(y.dtype)) {
    kernels::GemmHalfArgs g;
    g.type = y.dtype;
    set(g);
    g.alpha = alpha_;
    g.epilogue = epilogue;
    for (int64_t i = 0; i < batches; ++i) {
      g.a = a.as<Half>() + a_at[i], g.b = b.as<Half>() + b_at[i], g.c = y.out<Half>() + i * g.m * g.n;
      kernels::gemm_half(g, c.par, table_);
    }
    return;
  }
  visit<GenericTypes>(y.dtype, [&]<class T>() {
    kernels::GenericGemm<T> g;
    set(g);
    g.alpha = static_cast<T>(alpha_);
    for (int64_t i = 0; i < batches; ++i) {
      g.a = a.as<T>() + a_at[i], g.b = b.as<T>() + b_at[i], g.c = y.out<T>() + i * g.m * g.n;
      kernels::gemm_generic(g, c.par);
    }
  });
}

}  // namespace tenon::ops::matmul
