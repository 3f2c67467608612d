// com.microsoft QLinearWhere: Z = condition ? X : Y, both brought to Z's scale, with broadcasting.
#include "ops/byte_table.h"
#include "ops/map.h"
#include "ops/rows.h"

namespace tenon::ops::qlinear_where {
namespace {

enum In : size_t { kCondition, kX, kXScale, kXZero, kY, kYScale, kYZero, kZScale, kZZero };

struct QLinearWhere final : Kernel {
  explicit QLinearWhere(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef &condition = c.input(kCondition), &x = c.input(kX), &y = c.input(kY), &z = c.output(0);
    const bool is_signed = z.dtype == DType::kInt8;
    const ByteScale to = ByteScale::of(c, kZScale, kZZero);
    const ByteTable of_x = ByteTable::between(ByteScale::of(c, kXScale, kXZero), to, is_signed),
                    of_y = ByteTable::between(ByteScale::of(c, kYScale, kYZero), to, is_signed);
    const Nest nest(z.dims(), {condition.dims(), x.dims(), y.dims()});
    c.par.loop(z.count, 1.5, [&](int64_t begin, int64_t end) {
      nest.each(begin, end, [&](const int64_t* at, int64_t out, int64_t n) {
        const bool* p = condition.as<bool>() + at[0];
        const uint8_t *a = x.as<uint8_t>() + at[1], *b = y.as<uint8_t>() + at[2];
        const int64_t sp = nest.stride[0][0], sa = nest.stride[1][0], sb = nest.stride[2][0];
        uint8_t* q = z.out<uint8_t>() + out;
        for (int64_t i = 0; i < n; ++i) q[i] = p[i * sp] ? of_x.at[a[i * sa]] : of_y.at[b[i * sb]];
      });
    });
  }
};

void infer(InferContext& c) {
  expect_scalars(c, {kXScale, kXZero, kYScale, kYZero, kZScale, kZZero});
  if (!c.has_rank(kCondition) || !c.has_rank(kX) || !c.has_rank(kY)) return c.set_unranked(0, c.dtype(kX));
  c.set(0, c.dtype(kX), broadcast_dims(c, broadcast_dims(c, c.dims(kCondition), c.dims(kX)), c.dims(kY)));
}

constexpr Port kIn[] = {{"condition", kBoolSet, "B"},
                        {"X", kByteSet},
                        {"x_scale", kFloat32Set, "TF"},
                        {"x_zero_point", kByteSet},
                        {"Y", kByteSet},
                        {"y_scale", kFloat32Set, "TF"},
                        {"y_zero_point", kByteSet},
                        {"z_scale", kFloat32Set, "TF"},
                        {"z_zero_point", kByteSet}};
constexpr Port kOut[] = {{"Z", kByteSet}};
constexpr OpDef kOps[] = {{"QLinearWhere", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make<QLinearWhere>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_where
