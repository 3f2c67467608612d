// MatMulInteger: Y = (A - a_zero_point) (B - b_zero_point) in int32.
#include "ops/integer_product.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace tenon::ops::matmul_integer {
namespace {

constexpr IntegerProduct::Operands kAt{0, 1, 2, 3};

class MatMulInteger final : public Kernel {
 public:
  explicit MatMulInteger(const NodeInfo& n) : product_(n, kAt) {}
  void run(KernelContext& c) const override {
    product_.run(c, [](int32_t*, int64_t, int64_t, int64_t) {});
  }

 private:
  IntegerProduct product_;
};

void infer(InferContext& c) { infer_integer_product(c, kAt, DType::kInt32); }

constexpr Port kIn[] = {{"A", kByteSet, "T1"},
                        {"B", kByteSet, "T2"},
                        {"a_zero_point", kByteSet, "T1", PortUse::kOptional},
                        {"b_zero_point", kByteSet, "T2", PortUse::kOptional}};
constexpr Port kOut[] = {{"Y", dtype_bit(DType::kInt32), "T3"}};
constexpr OpDef kOps[] = {{"MatMulInteger", "", 10, 0, kIn, kOut, {}, infer, make<MatMulInteger>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul_integer
