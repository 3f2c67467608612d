// com.microsoft QLinearSoftmax: quantize(softmax(dequantize(X))). Attribute opset: before 13 all dims from axis on are
// one row.
#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/quantization.h"

namespace tenon::ops::qlinear_softmax {
namespace {

enum In : size_t { kX, kXScale, kXZero, kYScale, kYZero };

class QLinearSoftmax final : public Kernel {
 public:
  explicit QLinearSoftmax(const NodeInfo& n)
      : axis_(n.attrs.get_int("axis", -1)),
        flat_(n.attrs.get_int("opset", 13) < 13),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kX), &y = c.output(0);
    if (x.count == 0) return;
    const bool is_signed = x.dtype == DType::kInt8;
    const auto a = static_cast<size_t>(resolve_axis(axis_, x.rank));
    const size_t end = flat_ ? x.rank : a + 1;
    const ByteScale to = ByteScale::of(c, kYScale, kYZero);
    float values[256];
    ByteScale::of(c, kXScale, kXZero).values(is_signed, values);
    float* f = c.scratch<float>(x.count);
    c.par.loop(x.count, 0.5, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) f[i] = values[x.as<uint8_t>()[i]];
    });
    kernels::softmax(f, f, extent(x.dims(), 0, a), extent(x.dims(), a, end), extent(x.dims(), end, x.rank), false,
                     c.par, table_);
    quantize_bytes(f, y, to, c.par, table_);
  }

 private:
  int64_t axis_;
  bool flat_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  expect_scalars(c, {kXScale, kXZero, kYScale, kYZero});
  if (c.has_rank(0)) resolve_axis(c.attrs().get_int("axis", -1), c.rank(0));
  c.set_type(0, c.type(0));
}

constexpr Port kIn[] = {{"X", kByteSet},
                        {"X_scale", kFloat32Set, ""},
                        {"x_zero_point", kByteSet, "T", PortUse::kOptional},
                        {"y_scale", kFloat32Set, ""},
                        {"y_zero_point", kByteSet}};
constexpr Port kOut[] = {{"Y", kByteSet}};
constexpr AttrDef kAttrs[] = {int_attr("axis", -1), required_attr("opset", AttrKind::kInt)};
constexpr OpDef kOps[] = {{"QLinearSoftmax", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<QLinearSoftmax>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_softmax
