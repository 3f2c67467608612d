// ConstantOfShape: a tensor of the given shape, every element = `value` (float 0 by default).
#include "ops/move.h"

namespace tenon::ops::constant_of_shape {
namespace {

void infer(InferContext& c) {
  const Value* value = c.attrs().get_tensor("value");
  if (value && value->count() != 1) fail("value has {} elements, expected 1", value->count());
  const DType t = value ? value->dtype() : DType::kFloat;
  const auto shape = c.ints(0);
  if (!shape) {
    const auto rank = int_count(c, 0);
    return rank ? c.set(0, t, fresh_dims(c, *rank)) : c.set_unranked(0, t);
  }
  Dims out{std::span<const int64_t>(*shape)};
  for (int64_t& d : out) {
    if (is_symbol(d) && c.sym.is_unknown(d) && c.sym.lower_bound(d) < 0) d = c.fresh();
    if (!is_symbol(d) && d < 0) fail("shape {} has a negative dim", to_string(out));
  }
  limit_elements(out);
  const int64_t n = c.sym.product(out);
  if (!is_symbol(n) && n <= 4096 && value && is_int(t)) {
    const int64_t v = visit<IntTypes>(t, [&]<class T>() { return static_cast<int64_t>(*value->as<T>().data()); });
    if (!is_symbol(v)) c.set_ints(0, std::vector<int64_t>(static_cast<size_t>(n), v));
  }
  c.set(0, t, std::move(out));
}

struct ConstantOfShape final : Kernel {
  explicit ConstantOfShape(const NodeInfo& info) {
    if (const Value* v = info.attrs.get_tensor("value")) value = *v;
  }
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const TensorRef out = addressable_output(c, y);
    const float zero = 0;
    if (is_packed(y.dtype)) {
      const auto nibble =
          static_cast<uint8_t>(*static_cast<const uint8_t*>(value.data()) & ((1 << dtype_bits(y.dtype)) - 1));
      fill_elements(c.par, out.dtype, &nibble, out.data, out.count);
    } else {
      fill_elements(c.par, out.dtype, value ? value.data() : &zero, out.data, out.count);
    }
    finish(out, y);
  }
  Value value;
};

constexpr DTypeSet kTypes9 = kOldNumericSet | kBoolSet;
constexpr DTypeSet kTypes20 = kTypes9 | dtype_bit(DType::kBFloat16) | kFloat8Set;
constexpr DTypeSet kNoText = ~(kStringSet | kComplexSet);
constexpr AttrDef kAttrs[] = {optional_attr("value", AttrKind::kTensor)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", kInt64Set, "T1"}}, kOut[] = {{"output", T&kNoText, "T2"}};
};
constexpr OpDef kRow = {.name = "ConstantOfShape", .attrs = kAttrs, .infer = infer, .make = make<ConstantOfShape>};
constexpr auto kOps = joined(std::array{row_of<Ports<kTypes9>>(kRow, 9, 19), row_of<Ports<kTypes20>>(kRow, 20, 20)},
                             rows_from_21<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::constant_of_shape
