// Optional, OptionalGetElement, OptionalHasElement: values that may be missing.
#include "ops/move.h"

namespace tenon::ops::optional {
namespace {

void infer_optional(InferContext& c) {
  if (c.has_input(0)) return c.set_type(0, ValueType::optional(c.type(0)));
  const ValueType* type = c.attrs().get_type("type");
  if (!type) fail("neither an input nor the attribute type is there");
  c.set_type(0, ValueType::optional(*type));
}
void infer_get(InferContext& c) {
  const ValueType& t = c.type(0);
  if (t.kind == ValueKind::kOptional && !t.inner) fail(ErrorCode::kInvalidGraph, "the optional has no element type");
  c.set_type(0, t.kind == ValueKind::kOptional ? *t.inner : t);
}
void infer_has(InferContext& c) { c.set(0, DType::kBool, {}); }

/// Operand 0 as a value that outlives the call.
Value kept(KernelContext& c) {
  const Value v = c.input_value(0);
  return v.is_tensor() ? copy_of(c.par, ref_of(v)) : v;
}

struct Optional final : Kernel {
  explicit Optional(const NodeInfo&) {}
  void run(KernelContext& c) const override { c.set_output(0, Value::optional(c.has_input(0) ? kept(c) : Value())); }
};
struct OptionalGetElement final : Kernel {
  explicit OptionalGetElement(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const Value v = c.input_value(0);
    if (v.kind() != ValueKind::kOptional) return c.set_output(0, kept(c));
    if (v.items().empty()) fail("the optional holds no element");
    c.set_output(0, v.items()[0]);
  }
};
struct OptionalHasElement final : Kernel {
  explicit OptionalHasElement(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const Value v = c.has_input(0) ? c.input_value(0) : Value();
    *c.output(0).out<bool>() = v && (v.kind() != ValueKind::kOptional || !v.items().empty());
  }
};

constexpr uint8_t kPlain = kTensors | kSequences, kAny = kPlain | kOptionals;
constexpr AttrDef kAttrs[] = {optional_attr("type", AttrKind::kType)};
template <DTypeSet T>
constexpr Port kIn[] = {{"input", T, "V", PortUse::kOptional, kPlain}};
template <DTypeSet T>
constexpr Port kOut[] = {{"output", T, "O", PortUse::kSingle, kOptionals}};
template <DTypeSet T, uint8_t K>
constexpr Port kInGet[] = {{"input", T, "O", PortUse::kSingle, K}};
template <DTypeSet T>
constexpr Port kOutGet[] = {{"output", T, "V", PortUse::kSingle, kPlain}};
template <DTypeSet T>
constexpr Port kInHas[] = {{"input", T, "O", PortUse::kOptional, kAny}};
constexpr Port kOutHas[] = {{"output", kBoolSet, "B"}};

constexpr OpDef row(const char* name, int since, int until, std::span<const Port> in, std::span<const Port> out,
                    void (*infer)(InferContext&), std::unique_ptr<const Kernel> (*maker)(const NodeInfo&),
                    std::span<const AttrDef> attrs = {}) {
  return {.name = name,
          .since = since,
          .until = until,
          .inputs = in,
          .outputs = out,
          .attrs = attrs,
          .infer = infer,
          .make = maker};
}
constexpr auto kGet = make<OptionalGetElement>;
constexpr auto kHas = make<OptionalHasElement>;
constexpr OpDef kOps[] = {
    row("Optional", 15, 27, kIn<kIr3Set>, kOut<kIr3Set>, infer_optional, make<Optional>, kAttrs),
    row("Optional", 28, 0, kIn<kAllSet>, kOut<kAllSet>, infer_optional, make<Optional>, kAttrs),
    row("OptionalGetElement", 15, 17, kInGet<kIr3Set, kOptionals>, kOutGet<kIr3Set>, infer_get, kGet),
    row("OptionalGetElement", 18, 27, kInGet<kIr3Set, kAny>, kOutGet<kIr3Set>, infer_get, kGet),
    row("OptionalGetElement", 28, 0, kInGet<kAllSet, kAny>, kOutGet<kAllSet>, infer_get, kGet),
    row("OptionalHasElement", 15, 17, kInGet<kIr3Set, kOptionals>, kOutHas, infer_has, kHas),
    row("OptionalHasElement", 18, 27, kInHas<kIr3Set>, kOutHas, infer_has, kHas),
    row("OptionalHasElement", 28, 0, kInHas<kAllSet>, kOutHas, infer_has, kHas),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::optional
