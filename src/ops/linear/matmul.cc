// MatMul: Y = A B as numpy.matmul.
#include "ops/matrix_product.h"
#include "ops/rows.h"

namespace tenon::ops::matmul {
namespace {

void infer(InferContext& c) { infer_product(c, {}); }

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : product_(info) {}
  void run(KernelContext& c) const override { product_.run(c); }

 private:
  Product product_;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"A", T}, {"B", T}}, kOut[] = {{"Y", T}};
};
constexpr OpDef kRow = {.name = "MatMul", .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 1, 8), row_of<Ports<kOldFloatSet | kWideSet>>(kRow, 9, 12),
                          row_of<Ports<kFloatSet | kWideSet>>(kRow, 13, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul
