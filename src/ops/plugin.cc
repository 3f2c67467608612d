// Conversions between the plugin interfaces and graph, kernel and context.
#include "ops/plugin.h"

#include <algorithm>

#include "base/error.h"

namespace tenon::ops {
namespace {

class PluginRun final : public plugin::RunContext {
 public:
  PluginRun(KernelContext& c, std::span<const DType> outputs) : c_(c), outputs_(outputs) {}

  size_t num_inputs() const override { return c_.num_inputs(); }
  size_t num_outputs() const override { return c_.num_outputs(); }
  bool has_input(size_t i) const override { return c_.has_input(i); }
  bool has_output(size_t j) const override { return c_.has_output(j); }
  plugin::TensorView input(size_t i) const override {
    if (!c_.has_input(i)) fail("input {} is missing", i);
    return plugin_view(c_.input(i));
  }
  plugin::Tensor output(size_t j, std::span<const int64_t> dims) override {
    if (!c_.has_output(j)) fail("output {} is not wanted: ask has_output first", j);
    element_count(dims);
    return plugin_tensor(c_.output(j, outputs_[j], dims));
  }
  void* scratch(size_t bytes) override { return bytes ? c_.scratch(checked(bytes)) : nullptr; }
  void parallel_for(int64_t n, double cost, void (*block)(void*, int64_t, int64_t), void* state) override {
    if (n > 1 && !(cost >= 0)) fail("parallel_for: {} ns per item found, expected >= 0", cost);
    c_.par.loop(n, cost, [&](int64_t begin, int64_t end) { block(state, begin, end); });
    check_cancelled();
  }
  int threads() const override { return c_.par.threads(); }
  bool cancelled() const override { return c_.par.cancel && c_.par.cancel->stopped(); }
  void check_cancelled() const override {
    if (c_.par.cancel) c_.par.cancel->check();
  }
  plugin::Stream* stream() const override {
    const auto* s = dynamic_cast<const PluginStream*>(c_.stream);
    return s ? s->get() : nullptr;
  }

 private:
  static int64_t checked(size_t bytes) {
    if (bytes > static_cast<size_t>(INT64_MAX)) fail_out_of_memory(bytes, "scratch memory");
    return static_cast<int64_t>(bytes);
  }
  KernelContext& c_;
  std::span<const DType> outputs_;
};

size_t plugin_bytes(const TensorRef& t) { return t.dtype == DType::kString ? 0 : t.bytes(); }

std::optional<plugin::AttributeKind> kind_of(const graph::AttrValue& v) {
  using enum plugin::AttributeKind;
  struct Kind {
    std::optional<plugin::AttributeKind> operator()(int64_t) const { return kInt; }
    std::optional<plugin::AttributeKind> operator()(float) const { return kFloat; }
    std::optional<plugin::AttributeKind> operator()(const std::string&) const { return kString; }
    std::optional<plugin::AttributeKind> operator()(const Value& t) const {
      return t.is_tensor() ? std::optional(kTensor) : std::nullopt;
    }
    std::optional<plugin::AttributeKind> operator()(const std::vector<int64_t>&) const { return kInts; }
    std::optional<plugin::AttributeKind> operator()(const std::vector<float>&) const { return kFloats; }
    std::optional<plugin::AttributeKind> operator()(const std::vector<std::string>&) const { return kStrings; }
    std::optional<plugin::AttributeKind> operator()(const ValueType&) const { return std::nullopt; }
    std::optional<plugin::AttributeKind> operator()(const std::vector<Value>&) const { return std::nullopt; }
    std::optional<plugin::AttributeKind> operator()(const std::vector<ValueType>&) const { return std::nullopt; }
  };
  return std::visit(Kind(), v);
}

}  // namespace

PluginAttributes::PluginAttributes(const graph::Attrs& given, const graph::OpDef* def, const graph::Attrs& more)
    : all_(given) {
  for (const graph::Attr& a : more.items())
    if (!all_.has(a.name)) all_.set(a.name, a.value);
  if (!def) return;
  for (const AttrDef& a : def->attrs) {
    if (!a.has_default || all_.has(a.name)) continue;
    if (a.kind == AttrKind::kInt) all_.set(a.name, static_cast<int64_t>(a.number));
    if (a.kind == AttrKind::kFloat) all_.set(a.name, static_cast<float>(a.number));
    if (a.kind == AttrKind::kString) all_.set(a.name, std::string(a.text));
  }
}

std::vector<std::string> PluginAttributes::names() const {
  std::vector<std::string> out;
  for (const graph::Attr& a : all_.items()) out.push_back(a.name);
  return out;
}

std::optional<plugin::AttributeKind> PluginAttributes::kind(std::string_view name) const {
  const graph::AttrValue* v = all_.find(name);
  return v ? kind_of(*v) : std::nullopt;
}

void PluginAttributes::expect(std::string_view name) const {
  if (!all_.has(name)) fail("the node has no attribute \"{}\", and there is no default", name);
}

int64_t PluginAttributes::get_int(std::string_view name) const { return expect(name), all_.get_int(name, 0); }
float PluginAttributes::get_float(std::string_view name) const { return expect(name), all_.get_float(name, 0); }
std::string_view PluginAttributes::get_string(std::string_view name) const {
  return expect(name), all_.get_string(name, {});
}
std::span<const int64_t> PluginAttributes::get_ints(std::string_view name) const {
  return expect(name), all_.get_ints(name);
}
std::span<const float> PluginAttributes::get_floats(std::string_view name) const {
  return expect(name), all_.get_floats(name);
}
std::span<const std::string> PluginAttributes::get_strings(std::string_view name) const {
  return expect(name), all_.get_strings(name);
}
plugin::TensorView PluginAttributes::get_tensor(std::string_view name) const {
  expect(name);
  const Value* v = all_.get_tensor(name);
  if (!v->is_tensor()) fail("attribute \"{}\": expected a tensor, found another kind of value", name);
  return plugin_view(*v);
}

plugin::TensorType plugin_type(const ValueType& t) {
  plugin::TensorType out{t.elem, std::nullopt, static_cast<plugin::Layout>(t.layout)};
  if (t.has_rank) out.dims.emplace(t.dims.begin(), t.dims.end());
  return out;
}
plugin::TensorView plugin_view(const Value& v) { return {v.data(), v.dtype(), v.dims(), v.count(), v.bytes()}; }
plugin::TensorView plugin_view(const TensorRef& t) { return {t.data, t.dtype, t.dims(), t.count, plugin_bytes(t)}; }
plugin::Tensor plugin_tensor(const TensorRef& t) { return {t.data, t.dtype, t.dims(), t.count, plugin_bytes(t)}; }

PluginNode::PluginNode(const NodeInfo& info, const graph::Attrs& defaults)
    : name_(info.name),
      op_(info.op),
      domain_(info.def ? info.def->domain : ""),
      since_(info.since),
      attributes_(info.attrs, info.def, defaults),
      constants_(info.constants.begin(), info.constants.end()) {
  const auto copy = [](std::span<const ValueType* const> from, Types& to) {
    for (const ValueType* t : from) to.push_back(t ? std::optional(plugin_type(*t)) : std::nullopt);
  };
  copy(info.inputs, inputs_);
  copy(info.outputs, outputs_);
}

std::optional<plugin::TensorView> PluginNode::constant(size_t i) const {
  if (i >= constants_.size() || !constants_[i].is_tensor()) return std::nullopt;
  return plugin_view(constants_[i]);
}

void PluginKernel::run(KernelContext& c) const {
  PluginRun run(c, outputs_);
  guarded([&] { kernel_->run(run); });
}

}  // namespace tenon::ops
