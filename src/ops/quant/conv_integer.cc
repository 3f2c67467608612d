// ConvInteger: convolution of 8-bit integers with zero points, in int32.
#include "ops/integer_conv.h"
#include "ops/op.h"
#include "ops/window.h"

namespace tenon::ops::conv_integer {
namespace {

constexpr IntegerConv::Operands kAt{0, 1, 2, 3};

class ConvInteger final : public Kernel {
 public:
  explicit ConvInteger(const NodeInfo& n) : conv_(n, kAt) {}
  void run(KernelContext& c) const override {
    conv_.run(c, [](int32_t*, int64_t, int64_t, int64_t, int64_t) {});
  }

 private:
  IntegerConv conv_;
};

void infer(InferContext& c) { infer_integer_conv(c, kAt, DType::kInt32); }

constexpr Port kIn[] = {{"x", kByteSet, "T1"},
                        {"w", kByteSet, "T2"},
                        {"x_zero_point", kByteSet, "T1", PortUse::kOptional},
                        {"w_zero_point", kByteSet, "T2", PortUse::kOptional}};
constexpr Port kOut[] = {{"y", dtype_bit(DType::kInt32), "T3"}};
constexpr OpDef kOps[] = {{"ConvInteger", "", 10, 0, kIn, kOut, kConvAttrs, infer, make<ConvInteger>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::conv_integer
