// MatMul: Y = A B as numpy.matmul.
#include "ops/linear/matmul.h"

#include "kernels/gemm_generic.h"
#include "kernels/gemm_half.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::matmul {
namespace {

using GenericTypes = TypeList<double, int32_t, int64_t, uint32_t, uint64_t>;

/// Concrete operands as [batch..., m, k] and [batch..., k, n], with element strides.
struct Operands {
  int64_t m, n, k;
  int64_t a_row, a_col, b_row, b_col;
  std::span<const int64_t> a_batch, b_batch;  ///< batch dims

  Operands(std::span<const int64_t> a, std::span<const int64_t> b, Form f) {
    if (a.size() == 1) {
      m = 1, k = a[0], a_row = k, a_col = 1;
    } else {
      const int64_t rows = a[a.size() - 2], cols = a.back();
      m = f.trans_a ? cols : rows, k = f.trans_a ? rows : cols;
      a_row = f.trans_a ? 1 : cols, a_col = f.trans_a ? cols : 1;
      a_batch = a.first(a.size() - 2);
    }
    if (b.size() == 1) {
      n = 1, b_row = 1, b_col = 1;
    } else {
      const int64_t cols = b.back();
      n = f.trans_b ? b[b.size() - 2] : cols;
      b_row = f.trans_b ? 1 : cols, b_col = f.trans_b ? cols : 1;
      b_batch = b.first(b.size() - 2);
    }
  }
  /// Rows of A over all batches can be one tall matrix when B is shared.
  bool merge_rows(bool trans_a) {
    if (extent(b_batch, 0, b_batch.size()) != 1 || (trans_a && !a_batch.empty())) return false;
    m *= extent(a_batch, 0, a_batch.size());
    a_batch = b_batch = {};
    return true;
  }
};

/// Element offset of an operand for each of the broadcast batches, in row-major order.
void fill_offsets(std::span<const int64_t> own, std::span<const int64_t> all, int64_t matrix, int64_t* out) {
  int64_t count = 1, stride = matrix;
  out[0] = 0;
  for (size_t i = 0; i < all.size(); ++i) {  // from the last dim: the table so far repeats for each index
    const size_t from_end = i + 1;
    const int64_t dim = all[all.size() - from_end];
    const bool moves = from_end <= own.size() && own[own.size() - from_end] != 1;
    for (int64_t r = 1; r < dim; ++r)
      for (int64_t j = 0; j < count; ++j) out[r * count + j] = out[j] + (moves ? r * stride : 0);
    count *= dim;
    if (from_end <= own.size()) stride *= own[own.size() - from_end];
  }
}

void infer(InferContext& c) { infer_product(c, {}); }

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : product_(info) {}
  void run(KernelContext& c) const override { product_.run(c); }

 private:
  Product product_;
};

}  // namespace

Dims result_dims(InferContext& c, const Dims& a, const Dims& b, Form f) {
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
  const Operands o(Dims{1}, b.dims(), form);
  const int64_t k = form.trans_b ? b.dims().back() : b.dims()[b.dims().size() - 2];
  if (extent(o.b_batch, 0, o.b_batch.size()) != 1 || k == 0 || o.n <= 1) return;
  packed_ = info.pack(b, fmt::format("gemm_b {} {} {}x{}", isa_name(info.isa), form.trans_b ? "t" : "n", k, o.n),
                      kernels::packed_b_bytes(k, o.n, table_), [&](void* dst) {
                        kernels::pack_b(static_cast<const float*>(b.data()), o.b_row, o.b_col, k, o.n, dst, table_);
                      });
}

void Product::run(KernelContext& c, const kernels::Epilogue& epilogue) const {
  const TensorRef &a = c.input(0), &b = c.input(1), &y = c.output(0);
  if (y.count == 0) return;
  Operands o(a.dims(), b.dims(), form_);
  o.merge_rows(form_.trans_a);
  const size_t vectors = (a.rank == 1 ? 1 : 0) + (b.rank == 1 ? 1 : 0);
  const auto batch_dims =
      o.a_batch.empty() && o.b_batch.empty() ? std::span<const int64_t>() : y.dims().first(y.rank + vectors - 2);
  const int64_t batches = extent(batch_dims, 0, batch_dims.size());
  int64_t* a_at = c.scratch<int64_t>(2 * batches);
  int64_t* b_at = a_at + batches;
  fill_offsets(o.a_batch, batch_dims, o.m * o.k, a_at);
  fill_offsets(o.b_batch, batch_dims, o.k * o.n, b_at);

  if (y.dtype == DType::kFloat) {
    kernels::GemmArgs g;
    g.m = o.m, g.n = o.n, g.k = o.k;
    g.a = a.as<float>(), g.a_row = o.a_row, g.a_col = o.a_col;
    g.b = b.as<float>(), g.b_row = o.b_row, g.b_col = o.b_col;
    g.packed_b = packed_.get();
    g.c = y.out<float>(), g.ldc = o.n;
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
    g.m = o.m, g.n = o.n, g.k = o.k;
    g.a_row = o.a_row, g.a_col = o.a_col, g.b_row = o.b_row, g.b_col = o.b_col;
    g.ldc = o.n;
    g.alpha = alpha_;
    g.epilogue = epilogue;
    for (int64_t i = 0; i < batches; ++i) {
      g.a = a.as<Half>() + a_at[i], g.b = b.as<Half>() + b_at[i], g.c = y.out<Half>() + i * o.m * o.n;
      kernels::gemm_half(g, c.par, table_);
    }
    return;
  }
  visit<GenericTypes>(y.dtype, [&]<class T>() {
    kernels::GenericGemm<T> g;
    g.m = o.m, g.n = o.n, g.k = o.k;
    g.a_row = o.a_row, g.a_col = o.a_col, g.b_row = o.b_row, g.b_col = o.b_col;
    g.ldc = o.n;
    g.alpha = static_cast<T>(alpha_);
    for (int64_t i = 0; i < batches; ++i) {
      g.a = a.as<T>() + a_at[i], g.b = b.as<T>() + b_at[i], g.c = y.out<T>() + i * o.m * o.n;
      kernels::gemm_generic(g, c.par);
    }
  });
}

namespace {
constexpr DTypeSet kSet9 = kOldFloatSet | dtype_set({DType::kInt32, DType::kInt64, DType::kUint32, DType::kUint64});
constexpr Port kIn1[] = {{"A", kOldFloatSet}, {"B", kOldFloatSet}}, kOut1[] = {{"Y", kOldFloatSet}};
constexpr Port kIn9[] = {{"A", kSet9}, {"B", kSet9}}, kOut9[] = {{"Y", kSet9}};
constexpr Port kIn13[] = {{"A", kSet9 | kFloatSet}, {"B", kSet9 | kFloatSet}}, kOut13[] = {{"Y", kSet9 | kFloatSet}};
constexpr OpDef kOps[] = {
    {"MatMul", "", 1, 8, kIn1, kOut1, {}, infer, make<Kernel>},
    {"MatMul", "", 9, 12, kIn9, kOut9, {}, infer, make<Kernel>},
    {"MatMul", "", 13, 0, kIn13, kOut13, {}, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul
