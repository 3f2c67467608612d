// com.microsoft MatMulIntegerToFloat: Y = (A - a_zero_point) (B - b_zero_point) a_scale b_scale + bias, and
// DynamicQuantizeMatMul: the same with a float A that is quantized to uint8 first.
#include "kernels/table.h"
#include "ops/integer_product.h"
#include "ops/quantization.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::matmul_integer_to_float {
namespace {

/// Operand indices; SIZE_MAX: no such operand.
struct At {
  size_t a_scale, b_scale, a_zero, b_zero, bias;
};
template <bool kDynamic>
constexpr At kAt = kDynamic ? At{SIZE_MAX, 2, SIZE_MAX, 3, 4} : At{2, 3, 4, 5, 6};

template <bool kDynamic>
class Product final : public Kernel {
 public:
  explicit Product(const NodeInfo& n)
      : product_(n, {0, 1, kAt<kDynamic>.a_zero, kAt<kDynamic>.b_zero}), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const At at = kAt<kDynamic>;
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    TensorRef a = c.input(0), a_zero;
    uint8_t zero = 0;
    float a_scale = 1;
    if constexpr (kDynamic) {
      const float* x = load_f32(c, 0, table_);
      const ByteScale range = dynamic_range(x, a.count, c.par, table_);
      a.data = c.scratch<uint8_t>(a.count);
      a.dtype = a_zero.dtype = DType::kUint8;
      quantize_bytes(x, a.out<uint8_t>(), a.count, range, c.par, table_);
      zero = static_cast<uint8_t>(range.zero);
      a_scale = range.scale;
      a_zero.data = &zero;
      a_zero.count = 1;
    } else {
      a_scale = *scratch_floats(c, c.input(at.a_scale));
      if (c.has_input(at.a_zero)) a_zero = c.input(at.a_zero);
    }
    const float *scales = load_f32(c, at.b_scale, table_), *bias = load_f32(c, at.bias, table_);
    const std::span<const float> b_scale(scales, static_cast<size_t>(c.input(at.b_scale).count));
    const F32Result out(c, y, table_);
    const TensorRef* b_zero = c.has_input(at.b_zero) ? &c.input(at.b_zero) : nullptr;
    const IntegerProduct::Call call{&a, &c.input(1), a_zero.data ? &a_zero : nullptr, b_zero, y.dims(), nullptr};
    product_.run(c, call, [&](int32_t* acc, int64_t first, int64_t rows, int64_t columns) {
      scale_rows(c.par, acc, out.data() + first * columns, rows, columns, a_scale, b_scale, bias);
    });
    out.store(c);
  }

 private:
  IntegerProduct product_;
  const kernels::KernelTable& table_;
};

template <bool kDynamic>
void infer(InferContext& c) {
  const At at = kAt<kDynamic>;
  infer_integer_product(c, {0, 1, at.a_zero, at.b_zero}, c.dtype(at.b_scale));
  expect_scalars(c, {at.a_scale, at.a_zero});
  if (!c.has_rank(1) || c.rank(1) == 0) return;
  const int64_t columns = c.rank(1) == 1 ? 1 : c.dims(1).back();
  if (c.has_rank(at.b_scale)) {
    const int64_t n = c.sym.product(c.dims(at.b_scale));
    if (differ(n, 1) && differ(n, columns))
      fail("b_scale has {} elements, expected 1 or one per column of B", c.sym.to_string(n));
  }
  if (c.has_rank(at.bias))
    expect_equal(c, c.sym.product(c.dims(at.bias)), columns, "elements of bias and columns of B");
}

constexpr DTypeSet kFloats = dtype_set({DType::kFloat, DType::kFloat16});
constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"A", kByteSet, "T1"},
                        {"B", kByteSet, "T2"},
                        {"a_scale", kFloats, "T3"},
                        {"b_scale", kFloats, "T3"},
                        {"a_zero_point", kByteSet, "T1", kOpt},
                        {"b_zero_point", kByteSet, "T2", kOpt},
                        {"bias", kFloats, "T3", kOpt}};
constexpr Port kOut[] = {{"Y", kFloats, "T3"}};
constexpr Port kDynamicIn[] = {{"A", kFloat32Set, "T1"},
                               {"B", kByteSet, "T2"},
                               {"b_scale", kFloat32Set, "T1"},
                               {"b_zero_point", kByteSet, "T2", kOpt},
                               {"bias", kFloat32Set, "T1", kOpt}};
constexpr Port kDynamicOut[] = {{"Y", kFloat32Set, "T1"}};
constexpr OpDef kOps[] = {
    {"MatMulIntegerToFloat", "com.microsoft", 1, 0, kIn, kOut, {}, infer<false>, make<Product<false>>},
    {"DynamicQuantizeMatMul", "com.microsoft", 1, 0, kDynamicIn, kDynamicOut, {}, infer<true>, make<Product<true>>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul_integer_to_float
