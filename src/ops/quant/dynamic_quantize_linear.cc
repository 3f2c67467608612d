// DynamicQuantizeLinear: scale and zero point from the range of x (with 0), then uint8.
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
    const ByteScale range = dynamic_range(x.as<float>(), x.count, c.par, table_);
    if (c.has_output(1)) *c.output(1).out<float>() = range.scale;
    if (c.has_output(2)) *c.output(2).out<uint8_t>() = static_cast<uint8_t>(range.zero);
    if (c.has_output(0)) quantize_bytes(x.as<float>(), c.output(0).out<uint8_t>(), x.count, range, c.par, table_);
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
