// EyeLike: a matrix of the input's shape with ones on the k-th diagonal.
#include "ops/move.h"

namespace tenon::ops::eye_like {
namespace {

constexpr DTypeSet kTypes9 = kOldNumericSet | kBoolSet;
constexpr DTypeSet kTypes22 = kTypes9 | dtype_bit(DType::kBFloat16);

void infer(InferContext& c) {
  const DType to = dtype_attr(c.attrs(), "dtype", c.since() >= 22 ? kTypes22 : kTypes9, c.dtype(0));
  expect_rank(c, 0, 2);
  c.set(0, to, c.has_rank(0) ? c.dims(0) : fresh_dims(c, 2));
}

struct EyeLike final : Kernel {
  explicit EyeLike(const NodeInfo& info) : k(info.attrs.get_int("k", 0)) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    std::memset(y.data, 0, y.bytes());
    const int64_t rows = y.dim[0], columns = y.dim[1];
    visit<Join<NumericTypes, TypeList<bool, Half, BFloat16>>>(y.dtype, [&]<class T>() {
      T one;
      if constexpr (std::is_same_v<T, Half>) {
        one = to_half(1);
      } else if constexpr (std::is_same_v<T, BFloat16>) {
        one = to_bfloat16(1);
      } else {
        one = T{1};
      }
      if (k <= -rows || k >= columns) return;
      for (int64_t i = std::max<int64_t>(0, -k); i < rows && i + k < columns; ++i)
        y.out<T>()[i * columns + i + k] = one;
    });
  }
  int64_t k;
};

constexpr AttrDef kAttrs[] = {optional_attr("dtype", AttrKind::kInt), int_attr("k", 0)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T, "T1"}}, kOut[] = {{"output", T, "T2"}};
};
constexpr OpDef kRow = {.name = "EyeLike", .attrs = kAttrs, .infer = infer, .make = make<EyeLike>};
constexpr OpDef kOps[] = {row_of<Ports<kTypes9>>(kRow, 9, 21), row_of<Ports<kTypes22>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::eye_like
