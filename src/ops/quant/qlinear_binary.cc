// com.microsoft QLinearAdd and QLinearMul: C = quantize(dequantize(A) op dequantize(B)) with broadcasting.
#include <algorithm>
#include <cmath>

#include "ops/map_rows.h"
#include "ops/quantization.h"

namespace tenon::ops::qlinear_binary {
namespace {

constexpr size_t kA = 0, kAScale = 1, kAZero = 2, kB = 3, kBScale = 4, kBZero = 5, kCScale = 6, kCZero = 7;

template <bool kProduct>
class QLinearBinary final : public Kernel {
 public:
  explicit QLinearBinary(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef &a = c.input(kA), &b = c.input(kB), &y = c.output(0);
    if (y.count == 0) return;
    const bool is_signed = y.dtype == DType::kInt8;
    const auto [scale, zero_point] = ByteScale::of(c, kCScale, kCZero);
    const auto zero = static_cast<float>(zero_point);
    // Real value of every code of A, already divided by the result's scale, and of B (for sums divided too).
    float of_a[256], of_b[256];
    fill(of_a, c, kAScale, kAZero, is_signed, scale);
    fill(of_b, c, kBScale, kBZero, is_signed, kProduct ? 1 : scale);
    const float low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
    const Nest nest(y.dims(), {a.dims(), b.dims()});
    c.par.loop(y.count, 1.5, [&](int64_t begin, int64_t end) {
      nest.each(begin, end, [&](const int64_t* at, int64_t out, int64_t n) {
        const uint8_t *pa = a.as<uint8_t>() + at[0], *pb = b.as<uint8_t>() + at[1];
        const int64_t sa = nest.stride[0][0], sb = nest.stride[1][0];
        uint8_t* to = y.out<uint8_t>() + out;
        for (int64_t i = 0; i < n; ++i) {
          const float u = of_a[pa[i * sa]], v = of_b[pb[i * sb]];
          const float q = std::nearbyint(kProduct ? u * v : u + v) + zero;
          to[i] = static_cast<uint8_t>(static_cast<int32_t>(!(q >= low) ? low : std::min(q, high)));
        }
      });
    });
  }

 private:
  static void fill(float* table, KernelContext& c, size_t scale, size_t zero, bool is_signed, float divisor) {
    ByteScale s = ByteScale::of(c, scale, zero);
    s.scale /= divisor;
    s.values(is_signed, table);
  }
};

void infer(InferContext& c) {
  expect_scalars(c, {kAScale, kAZero, kBScale, kBZero, kCScale, kCZero});
  if (!c.has_rank(kA) || !c.has_rank(kB)) return c.set_unranked(0, c.dtype(kA));
  c.set(0, c.dtype(kA), broadcast_dims(c, c.dims(kA), c.dims(kB)));
}

constexpr Port kIn[] = {{"A", kByteSet},
                        {"A_scale", kFloat32Set, ""},
                        {"A_zero_point", kByteSet, "T", PortUse::kOptional},
                        {"B", kByteSet},
                        {"B_scale", kFloat32Set, ""},
                        {"B_zero_point", kByteSet, "T", PortUse::kOptional},
                        {"C_scale", kFloat32Set, ""},
                        {"C_zero_point", kByteSet, "T", PortUse::kOptional}};
constexpr OpDef kOps[] = {
    {"QLinearAdd", "com.microsoft", 1, 0, kIn, kC<kByteSet>, {}, infer, make<QLinearBinary<false>>},
    {"QLinearMul", "com.microsoft", 1, 0, kIn, kC<kByteSet>, {}, infer, make<QLinearBinary<true>>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_binary
