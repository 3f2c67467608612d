// com.microsoft QGemm: Y = alpha a_scale b_scale ((A' - a_zero) (B' - b_zero) + C), as float, or quantized where
// y_scale is given.
#include "kernels/gemm_int8.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/integer_product.h"
#include "ops/map.h"
#include "ops/quantization.h"
#include "ops/rows.h"

namespace tenon::ops::qgemm {
namespace {

enum In : size_t { kA, kAScale, kAZero, kB, kBScale, kBZero, kC, kYScale, kYZero };

struct Form {
  bool trans_a, trans_b;
  float alpha;
  explicit Form(const graph::Attrs& attrs)
      : trans_a(attrs.get_int("transA", 0) != 0),
        trans_b(attrs.get_int("transB", 0) != 0),
        alpha(attrs.get_float("alpha", 1)) {}
};

class QGemm final : public Kernel {
 public:
  explicit QGemm(const NodeInfo& info) : form_(info.attrs), table_(kernels::kernels_for(info.isa)) {
    const Value b = info.constant(kB);
    if (!b || b.dims().size() != 2 || b.count() == 0) return;
    const int64_t row = b.dims()[1], k = b.dims()[form_.trans_b ? 1 : 0], n = b.dims()[form_.trans_b ? 0 : 1];
    packed_ = info.pack(b, fmt::format("gemm_int8_b {} {}x{}{}", isa_name(info.isa), k, n, form_.trans_b ? " t" : ""),
                        kernels::packed_b_int8_bytes(k, n, table_), [&](void* dst) {
                          kernels::pack_b_int8(b.data(), b.dtype() == DType::kInt8, form_.trans_b ? 1 : row,
                                               form_.trans_b ? row : 1, k, n, dst, table_);
                        });
  }

  void run(KernelContext& c) const override {
    const TensorRef &a = c.input(kA), &b = c.input(kB), &y = c.output(0);
    if (y.count == 0) return;
    kernels::GemmInt8Args g;
    g.m = y.dim[0], g.n = y.dim[1], g.k = a.dim[form_.trans_a ? 0 : 1];
    g.a = a.data, g.a_signed = a.dtype == DType::kInt8;
    g.a_row = form_.trans_a ? 1 : g.k, g.a_col = form_.trans_a ? g.m : 1;
    g.b = b.data, g.b_signed = b.dtype == DType::kInt8, g.packed_b = packed_.get();
    g.b_row = form_.trans_b ? 1 : g.n, g.b_col = form_.trans_b ? g.k : 1;
    g.a_zero = byte_at(c.input(kAZero), 0);
    const TensorRef &zeros = c.input(kBZero), &scales = c.input(kBScale);
    g.b_zero = byte_at(zeros, 0);
    if (zeros.count > 1) {
      int32_t* wide = c.scratch<int32_t>(g.n);
      for (int64_t j = 0; j < g.n; ++j) wide[j] = byte_at(zeros, j);
      g.b_zero_columns = wide;
    }
    g.c = c.scratch<int32_t>(y.count), g.ldc = g.n;
    kernels::gemm_int8(g, c.par, table_);
    if (c.has_input(kC)) add(c.input(kC), y, g.c);
    const bool per_column = scales.count > 1;
    const float scale = form_.alpha * *c.input(kAScale).as<float>();
    float* factor = c.scratch<float>(scales.count);
    for (int64_t j = 0; j < scales.count; ++j) factor[j] = scale * scales.as<float>()[j];
    if (y.dtype == DType::kFloat)
      return scale_rows(c.par, g.c, y.out<float>(), g.m, g.n, 1, {factor, static_cast<size_t>(scales.count)}, nullptr);
    const ByteScale to = ByteScale::of(c, kYScale, kYZero);
    for (int64_t j = 0; j < scales.count; ++j) factor[j] /= to.scale;
    c.par.loop(g.m, 0.6 * static_cast<double>(g.n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        if (y.dtype == DType::kUint8)
          kernels::requantize_row(g.c + i * g.n, y.out<uint8_t>() + i * g.n, g.n, factor, per_column, to.zero, table_);
        else
          kernels::requantize_row(g.c + i * g.n, y.out<int8_t>() + i * g.n, g.n, factor, per_column, to.zero, table_);
    });
  }

 private:
  static void add(const TensorRef& bias, const TensorRef& y, int32_t* acc) {
    const Nest nest(y.dims(), {bias.dims()});
    nest.each(0, y.count, [&](const int64_t* at, int64_t out, int64_t n) {
      const auto* from = bias.as<uint32_t>() + at[0];
      for (int64_t i = 0; i < n; ++i)
        acc[out + i] = static_cast<int32_t>(static_cast<uint32_t>(acc[out + i]) + from[i * nest.stride[0][0]]);
    });
  }

  Form form_;
  const kernels::KernelTable& table_;
  std::shared_ptr<const void> packed_;
};

void infer(InferContext& c) {
  const Form f(c.attrs());
  expect_rank(c, kA, 2);
  expect_rank(c, kB, 2);
  expect_scalars(c, {kAScale, kAZero, kYScale, kYZero});
  if (c.has_input(kYScale) != c.has_input(kYZero))
    fail("y_scale and y_zero_point: one is given, expected both or none");
  const DType t = c.has_input(kYZero) ? c.dtype(kYZero) : DType::kFloat;
  Dims out{c.has_rank(kA) ? c.dims(kA)[f.trans_a ? 1 : 0] : c.fresh(),
           c.has_rank(kB) ? c.dims(kB)[f.trans_b ? 0 : 1] : c.fresh()};
  if (c.has_rank(kA) && c.has_rank(kB))
    expect_equal(c, c.dims(kA)[f.trans_a ? 0 : 1], c.dims(kB)[f.trans_b ? 1 : 0], "inner dims of A and B");
  for (size_t i : {kBScale, kBZero})
    if (c.has_rank(i)) {
      const int64_t n = c.sym.product(c.dims(i));
      if (differ(n, 1) && differ(n, out[1]))
        fail("input {} has {} elements, expected 1 or one per column of B", static_cast<int>(i), c.sym.to_string(n));
    }
  if (c.has_rank(kC)) {
    const Dims sum = broadcast_dims(c, out, c.dims(kC));
    if (sum.size() != 2 || differ(sum[0], out[0]) || differ(sum[1], out[1]))
      fail("C has dims {}, expected them to broadcast to {}", c.sym.to_string(c.dims(kC)), c.sym.to_string(out));
  }
  c.set(0, t, std::move(out));
}

constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"A", kByteSet, "TA"},
                        {"a_scale", kFloat32Set, "T"},
                        {"a_zero_point", kByteSet, "TA"},
                        {"B", kByteSet, "TB"},
                        {"b_scale", kFloat32Set, "T"},
                        {"b_zero_point", kByteSet, "TB"},
                        {"C", dtype_bit(DType::kInt32), "TC", kOpt},
                        {"y_scale", kFloat32Set, "T", kOpt},
                        {"y_zero_point", kByteSet, "TYZ", kOpt}};
constexpr Port kOut[] = {{"Y", kByteSet | kFloat32Set, "TY"}};
constexpr AttrDef kAttrs[] = {float_attr("alpha", 1), int_attr("transA", 0), int_attr("transB", 0)};
constexpr OpDef kOps[] = {{"QGemm", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<QGemm>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qgemm
