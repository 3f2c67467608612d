// QLinearConv: y = quantize(conv(dequantize(x), dequantize(w)) + B x_scale w_scale), exact in int32 until the last
// step. com.microsoft's also takes x and y with channels last.
#include "kernels/rows.h"
#include "ops/channels_last.h"
#include "ops/integer_conv.h"
#include "ops/integer_product.h"
#include "ops/op.h"
#include "ops/relayout.h"
#include "ops/window.h"

namespace tenon::ops::qlinear_conv {
namespace {

constexpr IntegerConv::Operands kAt{0, 3, 2, 5};
constexpr size_t kXScale = 1, kWScale = 4, kYScale = 6, kYZero = 7, kBias = 8;

class QLinearConv final : public Kernel {
 public:
  explicit QLinearConv(const NodeInfo& n) : conv_(n, kAt) {}

  void run(KernelContext& c) const override {
    const TensorRef &y = c.output(0), &w_scale = c.input(kWScale);
    if (y.count == 0) return;
    const float x_scale = *c.input(kXScale).as<float>(), y_scale = *c.input(kYScale).as<float>();
    const int32_t zero = byte_at(c.input(kYZero), 0);
    const int32_t* bias = c.has_input(kBias) ? c.input(kBias).as<int32_t>() : nullptr;
    conv_.run(c, [&](int32_t* acc, int64_t n, int64_t first, int64_t channels, int64_t positions) {
      c.par.loop(channels, 0.8 * static_cast<double>(positions), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t m = first + i, at = (n * y.dim[1] + m) * positions;
          int32_t* row = acc + i * positions;
          if (bias)
            for (int64_t j = 0; j < positions; ++j)
              row[j] = static_cast<int32_t>(static_cast<uint32_t>(row[j]) + static_cast<uint32_t>(bias[m]));
          const float factor = x_scale * w_scale.as<float>()[w_scale.count == 1 ? 0 : m] / y_scale;
          if (y.dtype == DType::kUint8)
            kernels::requantize_row(row, y.out<uint8_t>() + at, positions, &factor, false, zero, conv_.table());
          else
            kernels::requantize_row(row, y.out<int8_t>() + at, positions, &factor, false, zero, conv_.table());
        }
      });
    });
  }

 private:
  IntegerConv conv_;
};

void infer(InferContext& c) {
  infer_integer_conv(c, kAt, c.dtype(kYZero));
  const auto check = [&](size_t i, const char* what, bool per_channel) {
    if (!c.has_rank(i)) return;
    const int64_t n = c.sym.product(c.dims(i));
    const bool known = c.has_rank(kAt.w) && c.rank(kAt.w) > 0;
    if (i == kBias ? known && differ(n, c.dims(kAt.w)[0])
                   : differ(n, 1) && !(per_channel && !(known && differ(n, c.dims(kAt.w)[0]))))
      fail("{} has {} elements, expected {}", what, c.sym.to_string(n),
           i == kBias    ? "one per output channel"
           : per_channel ? "1 or one per output channel"
                         : "1");
  };
  check(kXScale, "x_scale", false);
  check(kWScale, "w_scale", true);
  check(kYScale, "y_scale", false);
  check(kYZero, "y_zero_point", false);
  check(kBias, "B", true);
}

void infer_either(InferContext& c) {
  c.attrs().get_int("channels_last", 0) ? infer_channels_last(c, 1, infer) : infer(c);
}
std::unique_ptr<const Kernel> make_either(const NodeInfo& n) {
  if (n.attrs.get_int("channels_last", 0)) return std::make_unique<const Relayout<QLinearConv, ChannelsLast, 1>>(n);
  return std::make_unique<const QLinearConv>(n);
}

constexpr Port kIn[] = {{"x", kByteSet, "T1"},
                        {"x_scale", kFloat32Set, ""},
                        {"x_zero_point", kByteSet, "T1"},
                        {"w", kByteSet, "T2"},
                        {"w_scale", kFloat32Set, ""},
                        {"w_zero_point", kByteSet, "T2"},
                        {"y_scale", kFloat32Set, ""},
                        {"y_zero_point", kByteSet, "T3"},
                        {"B", dtype_bit(DType::kInt32), "T4", PortUse::kOptional}};
constexpr Port kOut[] = {{"y", kByteSet, "T3"}};
constexpr auto kMicrosoftAttrs = joined(kConvAttrs, std::array{int_attr("channels_last", 0)});
constexpr OpDef kOps[] = {
    {"QLinearConv", "", 10, 0, kIn, kOut, kConvAttrs, infer, make<QLinearConv>},
    {"QLinearConv", "com.microsoft", 1, 0, kIn, kOut, kMicrosoftAttrs, infer_either, make_either},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_conv
