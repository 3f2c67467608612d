// Dropout: the identity in inference. With training_mode (opset 12 on) elements are zeroed with probability `ratio`
// and the others scaled by 1 / (1 - ratio). Opsets 1 and 6 always run in test mode, whatever is_test says.
#include <cstring>

#include "ops/convert.h"
#include "ops/infer.h"
#include "ops/op.h"
#include "ops/random_numbers.h"
#include "ops/rows.h"

namespace tenon::ops::dropout {
namespace {

class Dropout final : public Kernel {
 public:
  explicit Dropout(const NodeInfo& n) : seed_(n.attrs, true) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const bool training = c.has_input(2) && *c.input(2).as<uint8_t>() != 0;
    float ratio = 0.5f;
    if (c.has_input(1)) Converter(c.input(1).dtype, DType::kFloat).run(c.par, c.input(1).data, &ratio, 1);
    if (training && !(ratio >= 0 && ratio < 1)) fail("ratio is {}, expected 0 <= ratio < 1", ratio);
    if (training && ratio > 0) return drop(c, x, ratio);
    if (c.output(0).data != x.data && x.count > 0) std::memcpy(c.output(0).data, x.data, x.bytes());
    if (!c.has_output(1)) return;
    const TensorRef& mask = c.output(1);
    if (mask.dtype == DType::kBool) {
      std::memset(mask.data, 1, mask.bytes());
    } else {  // opsets 1, 6 and 7: ones of the data's type
      uint8_t* ones = c.scratch<uint8_t>(mask.count);
      std::memset(ones, 1, static_cast<size_t>(mask.count));
      Converter(DType::kUint8, mask.dtype).run(c.par, ones, mask.data, mask.count);
    }
  }

 private:
  void drop(KernelContext& c, const TensorRef& x, float ratio) const {
    double* values = c.scratch<double>(x.count);
    uint8_t* keep = c.scratch<uint8_t>(x.count);
    Converter(x.dtype, DType::kDouble).run(c.par, x.data, values, x.count);
    const Philox generator(seed_.next());
    c.par.loop(x.count, 8, [&](int64_t begin, int64_t end) {
      generator.uniform(begin, end, [&](int64_t i, double u) {
        keep[i] = u >= static_cast<double>(ratio);
        values[i] = keep[i] ? values[i] / (1 - static_cast<double>(ratio)) : 0;
      });
    });
    Converter(DType::kDouble, x.dtype).run(c.par, values, c.output(0).data, x.count);
    if (c.has_output(1)) std::memcpy(c.output(1).data, keep, static_cast<size_t>(x.count));
  }
  Seed seed_;
};

void infer(InferContext& c) {
  c.set_type(0, c.type(0));
  ValueType mask = c.type(0);
  if (c.since() >= 10) mask.elem = DType::kBool;
  c.set_type(1, std::move(mask));
  for (size_t i = 1; i <= 2; ++i)
    if (c.has_rank(i) && differ(c.sym.product(c.dims(i)), 1))
      fail("{} must be a scalar", i == 1 ? "ratio" : "training_mode");
}

constexpr DTypeSet kHigh = dtype_set({DType::kFloat16, DType::kFloat, DType::kDouble}), kSet22 = kFloatSet | kFloat8Set;
constexpr Port kIn1[] = {{"data", kHigh}};
constexpr Port kOut1[] = {{"output", kHigh}, {"mask", kHigh, "T", PortUse::kOptional}};
constexpr Port kOut10[] = {{"output", kHigh}, {"mask", kBoolSet, "T1", PortUse::kOptional}};
template <DTypeSet S, DTypeSet R>
constexpr Port kIn12[] = {
    {"data", S}, {"ratio", R, "T1", PortUse::kOptional}, {"training_mode", kBoolSet, "T2", PortUse::kOptional}};
template <DTypeSet S>
constexpr Port kOut12[] = {{"output", S}, {"mask", kBoolSet, "T2", PortUse::kOptional}};
constexpr AttrDef kAttrs1[] = {optional_attr("consumed_inputs", AttrKind::kInts), int_attr("is_test", 0),
                               float_attr("ratio", 0.5)};
constexpr AttrDef kAttrs6[] = {int_attr("is_test", 0), float_attr("ratio", 0.5)};
constexpr AttrDef kAttrs7[] = {float_attr("ratio", 0.5)};
constexpr AttrDef kAttrs12[] = {optional_attr("seed", AttrKind::kInt)};
constexpr OpDef row(int since, int until, std::span<const Port> in, std::span<const Port> out,
                    std::span<const AttrDef> attrs) {
  return {"Dropout", "", since, until, in, out, attrs, infer, make<Dropout>, Lowering::kKernel, 1, since < 12};
}
constexpr OpDef kOps[] = {
    row(1, 5, kIn1, kOut1, kAttrs1),
    row(6, 6, kIn1, kOut1, kAttrs6),
    row(7, 9, kIn1, kOut1, kAttrs7),
    row(10, 11, kIn1, kOut10, kAttrs7),
    row(12, 12, kIn12<kHigh, kHigh>, kOut12<kHigh>, kAttrs12),
    row(13, 21, kIn12<kFloatSet, kHigh>, kOut12<kFloatSet>, kAttrs12),
    row(22, 0, kIn12<kSet22, kSet22>, kOut12<kSet22>, kAttrs12),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dropout
