// com.microsoft MatMulInteger16: Y = A B of 16-bit integers in 32 bits, which wrap around.
#include "ops/convert.h"
#include "ops/matrix_product.h"
#include "ops/rows.h"

namespace tenon::ops::matmul_integer16 {
namespace {

class MatMulInteger16 final : public Kernel {
 public:
  explicit MatMulInteger16(const NodeInfo& n) : product_(n) {}
  void run(KernelContext& c) const override {
    TensorRef slots[] = {c.input(0), c.input(1), c.output(0)};
    if (slots[2].count == 0) return;
    for (size_t i = 0; i < 2; ++i) {
      slots[i].data = c.scratch<int32_t>(slots[i].count);
      slots[i].dtype = DType::kInt32;
      Converter(c.input(i).dtype, DType::kInt32).run(c.par, c.input(i).data, slots[i].data, slots[i].count);
    }
    slots[2].dtype = DType::kInt32;
    const uint32_t in[] = {0, 1}, out[] = {2};
    KernelContext inner = c.over(slots, in, out);
    product_.run(inner);
  }

 private:
  matmul::Product product_;
};

void infer(InferContext& c) {
  matmul::infer_product(c, {});
  ValueType y = *c.result(0);
  const bool is_signed = c.dtype(0) == DType::kInt16 || c.dtype(1) == DType::kInt16;
  y.elem = is_signed ? DType::kInt32 : DType::kUint32;
  c.set_type(0, std::move(y));
}

constexpr DTypeSet kShort = dtype_set({DType::kInt16, DType::kUint16});
constexpr Port kIn[] = {{"A", kShort, "T1"}, {"B", kShort, "T2"}};
constexpr Port kOut[] = {{"Y", dtype_set({DType::kInt32, DType::kUint32}), "T3"}};
constexpr OpDef kOps[] = {{"MatMulInteger16", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make<MatMulInteger16>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul_integer16
