// Gemm: Y = alpha A' B' + beta C, with A' and B' transposed where the attributes say so.
#include "ops/linear/gemm.h"

#include "kernels/gemm_generic.h"
#include "kernels/gemm_half.h"
#include "kernels/table.h"
#include "kernels/transpose.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::gemm {
namespace {

using GenericTypes = TypeList<double, int32_t, int64_t, uint32_t, uint64_t>;

/// Y = C broadcast to [m, n].
void broadcast_c(KernelContext& c, const kernels::KernelTable& table) {
  const TensorRef &in = c.input(2), &y = c.output(0);
  const int64_t rows = in.rank == 2 ? in.dim[0] : 1, cols = in.rank == 0 ? 1 : in.dim[in.rank - 1];
  const int64_t in_strides[] = {rows == 1 ? 0 : cols, cols == 1 ? 0 : 1}, out_strides[] = {y.dim[1], 1};
  kernels::copy_strided(in.data, in_strides, y.data, out_strides, y.dims(), dtype_size(y.dtype), c.par, table);
}

}  // namespace

struct Kernel::Sizes {
  int64_t m, n, k, a_row, a_col, b_row, b_col;
};

void infer(InferContext& c) {
  const bool trans_a = c.attrs().get_int("transA", 0) != 0, trans_b = c.attrs().get_int("transB", 0) != 0;
  for (size_t i : {size_t{0}, size_t{1}}) expect_rank(c, i, 2);
  const int64_t m = c.has_rank(0) ? c.dims(0)[trans_a ? 1 : 0] : c.fresh();
  const int64_t n = c.has_rank(1) ? c.dims(1)[trans_b ? 0 : 1] : c.fresh();
  if (c.has_rank(0) && c.has_rank(1))
    expect_equal(c, c.dims(0)[trans_a ? 0 : 1], c.dims(1)[trans_b ? 1 : 0], "inner dims of A and B");
  if (c.has_rank(2)) {
    const Dims& d = c.dims(2);
    const bool fits = d.size() <= 2 && (d.empty() || d.back() == 1 || !differ(d.back(), n)) &&
                      (d.size() < 2 || d[0] == 1 || !differ(d[0], m));
    if (!fits) fail("C is {}, which does not broadcast to {}", c.sym.to_string(d), c.sym.to_string(Dims{m, n}));
  }
  c.set(0, c.dtype(0), {m, n});
}

Kernel::Kernel(const NodeInfo& info) : Kernel(info, {}) {}

Kernel::Kernel(const NodeInfo& info, const kernels::Epilogue& activation)
    : trans_a_(info.attrs.get_int("transA", 0) != 0),
      trans_b_(info.attrs.get_int("transB", 0) != 0),
      alpha_(info.attrs.get_float("alpha", 1)),
      beta_(info.attrs.get_float("beta", 1)),
      activation_(activation),
      table_(kernels::kernels_for(info.isa)) {
  const Value b = info.constant(1);
  if (!b || b.dtype() != DType::kFloat || b.dims().size() != 2) return;
  const int64_t k = b.dims()[trans_b_ ? 1 : 0], n = b.dims()[trans_b_ ? 0 : 1];
  if (k == 0 || n <= 1) return;
  packed_ = info.pack(b, fmt::format("gemm_b {} {} {}x{}", isa_name(info.isa), trans_b_ ? "t" : "n", k, n),
                      kernels::packed_b_bytes(k, n, table_), [&](void* dst) {
                        kernels::pack_b(static_cast<const float*>(b.data()), trans_b_ ? 1 : n, trans_b_ ? k : 1, k, n,
                                        dst, table_);
                      });
}

void Kernel::run(KernelContext& c) const {
  const TensorRef &a = c.input(0), &b = c.input(1), &y = c.output(0);
  if (y.count == 0) return;
  Sizes s;
  s.m = y.dim[0], s.n = y.dim[1], s.k = a.dim[trans_a_ ? 0 : 1];
  s.a_row = trans_a_ ? 1 : s.k, s.a_col = trans_a_ ? s.m : 1;
  s.b_row = trans_b_ ? 1 : s.n, s.b_col = trans_b_ ? s.k : 1;
  if (y.dtype == DType::kFloat) return run_f32(c, s);
  const bool add_c = c.has_input(2) && beta_ != 0;
  if (add_c) broadcast_c(c, table_);
  if (is_half(y.dtype)) {
    kernels::GemmHalfArgs g;
    g.type = y.dtype;
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a = a.data, g.a_row = s.a_row, g.a_col = s.a_col;
    g.b = b.data, g.b_row = s.b_row, g.b_col = s.b_col;
    g.c = y.data, g.ldc = s.n;
    g.alpha = alpha_, g.beta = add_c ? beta_ : 0;
    g.epilogue = activation_;
    return kernels::gemm_half(g, c.par, table_);
  }
  visit<GenericTypes>(y.dtype, [&]<class T>() {
    kernels::GenericGemm<T> g;
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a = a.as<T>(), g.a_row = s.a_row, g.a_col = s.a_col;
    g.b = b.as<T>(), g.b_row = s.b_row, g.b_col = s.b_col;
    g.c = y.out<T>(), g.ldc = s.n;
    g.alpha = static_cast<T>(alpha_), g.beta = add_c ? static_cast<T>(beta_) : T{0};
    kernels::gemm_generic(g, c.par);
  });
}

void Kernel::run_f32(KernelContext& c, const Sizes& s) const {
  kernels::GemmArgs g;
  g.m = s.m, g.n = s.n, g.k = s.k;
  g.a = c.input(0).as<float>(), g.a_row = s.a_row, g.a_col = s.a_col;
  g.b = c.input(1).as<float>(), g.b_row = s.b_row, g.b_col = s.b_col;
  g.packed_b = packed_.get();
  g.c = c.output(0).out<float>(), g.ldc = s.n;
  g.alpha = alpha_;
  g.epilogue = activation_;
  if (c.has_input(2) && beta_ != 0) {
    const TensorRef& bias = c.input(2);
    if (beta_ == 1 && bias.rank > 0 && bias.count == s.n && bias.dim[bias.rank - 1] == s.n) {
      g.epilogue.bias = bias.as<float>();
      g.epilogue.bias_kind = kernels::BiasKind::kPerColumn;
    } else if (beta_ == 1 && bias.count == s.m && bias.rank == 2 && bias.dim[0] == s.m) {
      g.epilogue.bias = bias.as<float>();
      g.epilogue.bias_kind = kernels::BiasKind::kPerRow;
    } else if (beta_ == 1 && bias.count == s.m * s.n) {
      g.epilogue.residual = bias.as<float>();
      g.epilogue.residual_ld = s.n;
    } else {
      broadcast_c(c, table_);
      g.beta = beta_;
    }
  }
  kernels::gemm(g, c.par, table_);
}

namespace {
constexpr DTypeSet kSet9 = kOldFloatSet | kWideSet;
constexpr DTypeSet kSet13 = kSet9 | kFloatSet;
constexpr Port kIn1[] = {{"A", kOldFloatSet}, {"B", kOldFloatSet}, {"C", kOldFloatSet}};
constexpr Port kIn9[] = {{"A", kSet9}, {"B", kSet9}, {"C", kSet9}};
constexpr Port kIn11[] = {{"A", kSet9}, {"B", kSet9}, {"C", kSet9, "T", PortUse::kOptional}};
constexpr Port kIn13[] = {{"A", kSet13}, {"B", kSet13}, {"C", kSet13, "T", PortUse::kOptional}};
constexpr Port kOut1[] = {{"Y", kOldFloatSet}}, kOut9[] = {{"Y", kSet9}}, kOut13[] = {{"Y", kSet13}};
constexpr AttrDef kAttrs1[] = {float_attr("alpha", 1), float_attr("beta", 1), int_attr("broadcast", 0),
                               int_attr("transA", 0), int_attr("transB", 0)};
constexpr AttrDef kAttrs7[] = {float_attr("alpha", 1), float_attr("beta", 1), int_attr("transA", 0),
                               int_attr("transB", 0)};
constexpr OpDef kOps[] = {
    {"Gemm", "", 1, 5, kIn1, kOut1, kAttrs1, infer, make<Kernel>},
    {"Gemm", "", 6, 6, kIn1, kOut1, kAttrs1, infer, make<Kernel>},
    {"Gemm", "", 7, 8, kIn1, kOut1, kAttrs7, infer, make<Kernel>},
    {"Gemm", "", 9, 10, kIn9, kOut9, kAttrs7, infer, make<Kernel>},
    {"Gemm", "", 11, 12, kIn11, kOut9, kAttrs7, infer, make<Kernel>},
    {"Gemm", "", 13, 0, kIn13, kOut13, kAttrs7, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gemm
