// DynamicQuantizeLinear: scale and zero point from the range of x (with 0), then uint8.
#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/op.h"
#include "ops/quantization.h"

namespace tenon::ops::dynamic_quantize_linear {
namespace {

class DynamicQuantize final : public Kernel {
 public:
  explicit DynamicQuantize(const NodeInfo& n) : table_(kernels::kernels_for(n.isa)) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const int64_t dims[] = {x.count};
    const bool all[] = {true};
    float low = 0, high = 0;
    if (x.count > 0) {
      kernels::reduce(kernels::Reduce::kMin, x.as<float>(), dims, all, &low, c.par, table_);
      kernels::reduce(kernels::Reduce::kMax, x.as<float>(), dims, all, &high, c.par, table_);
    }
    low = low < 0 ? low : 0;  // also where x holds NaN
    high = high > 0 ? high : 0;
    const float scale = high == low ? 1 : (high - low) / 255;
    const float zero = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
    const auto zero_point = static_cast<uint8_t>(std::isnan(zero) ? 0 : zero);
    if (c.has_output(1)) *c.output(1).out<float>() = scale;
    if (c.has_output(2)) *c.output(2).out<uint8_t>() = zero_point;
    if (!c.has_output(0)) return;
    uint8_t* y = c.output(0).out<uint8_t>();
    c.par.loop(x.count, 1, [&](int64_t b, int64_t e) {
      kernels::quantize_row(x.as<float>() + b, y + b, e - b, scale, zero_point, table_);
    });
  }

 private:
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  ValueType t = c.type(0);
  t.elem = DType::kUint8;
  c.set_type(0, std::move(t));
  c.set(1, DType::kFloat, {});
  c.set(2, DType::kUint8, {});
}

constexpr Port kIn[] = {{"x", dtype_bit(DType::kFloat), "T1"}};
constexpr Port kOut[] = {{"y", dtype_bit(DType::kUint8), "T2"},
                         {"y_scale", dtype_bit(DType::kFloat), ""},
                         {"y_zero_point", dtype_bit(DType::kUint8), "T2"}};
constexpr OpDef kOps[] = {{"DynamicQuantizeLinear", "", 11, 0, kIn, kOut, {}, infer, make<DynamicQuantize>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dynamic_quantize_linear
