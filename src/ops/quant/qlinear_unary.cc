// com.microsoft QLinearLeakyRelu and QLinearSigmoid: quantize(f(dequantize(X))), one value for each of the 256 codes.
#include <cmath>

#include "ops/byte_table.h"
#include "ops/quantization.h"
#include "ops/rows.h"

namespace tenon::ops::qlinear_unary {
namespace {

enum In : size_t { kX, kXScale, kXZero, kYScale, kYZero };

template <bool kSigmoid>
class QLinearUnary final : public Kernel {
 public:
  explicit QLinearUnary(const NodeInfo& n) : alpha_(n.attrs.get_float("alpha", 0.01f)) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kX), &y = c.output(0);
    const bool is_signed = x.dtype == DType::kInt8;
    const ByteScale to = ByteScale::of(c, kYScale, kYZero);
    float values[256];
    ByteScale::of(c, kXScale, kXZero).values(is_signed, values);
    ByteTable table;
    for (int i = 0; i < 256; ++i) {
      const float v = values[i];
      table.at[i] = to.code(kSigmoid ? 1 / (1 + std::exp(-v)) : v < 0 ? alpha_ * v : v, is_signed);
    }
    table.run(c.par, x.as<uint8_t>(), y.out<uint8_t>(), x.count);
  }

 private:
  float alpha_;
};

void infer(InferContext& c) {
  expect_scalars(c, {kXScale, kXZero, kYScale, kYZero});
  c.set_type(0, c.type(0));
}

constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"X", kByteSet},
                        {"X_scale", kFloat32Set, ""},
                        {"X_zero_point", kByteSet, "T", kOpt},
                        {"Y_scale", kFloat32Set, ""},
                        {"Y_zero_point", kByteSet, "T", kOpt}};
constexpr Port kOut[] = {{"Y", kByteSet}};
constexpr AttrDef kAlpha[] = {float_attr("alpha", 0.01f)};
constexpr OpDef kRow = {.name = "QLinearLeakyRelu",
                        .domain = "com.microsoft",
                        .inputs = kIn,
                        .outputs = kOut,
                        .attrs = kAlpha,
                        .infer = infer,
                        .make = make<QLinearUnary<false>>,
                        .inplace = 1};
constexpr OpDef sigmoid() {
  OpDef row = kRow;
  row.name = "QLinearSigmoid";
  row.attrs = {};
  row.make = make<QLinearUnary<true>>;
  return row;
}
constexpr OpDef kOps[] = {kRow, sigmoid()};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_unary
