// Checks of custom operators, their rows, and their infer and make.
#include "ops/custom_op.h"

#include <algorithm>
#include <bit>
#include <climits>
#include <deque>
#include <set>

#include "base/error.h"
#include "ops/infer.h"
#include "ops/op.h"
#include "ops/plugin.h"

namespace tenon::ops {
namespace {

DTypeSet types_of(const plugin::Port& p) {
  if (p.types.empty()) return kAllSet;
  DTypeSet set = 0;
  for (DType t : p.types) set |= dtype_bit(t);
  return set;
}

AttrKind kind_of(plugin::AttributeKind k) {
  static constexpr AttrKind kKinds[] = {AttrKind::kInt,  AttrKind::kFloat,  AttrKind::kString, AttrKind::kTensor,
                                        AttrKind::kInts, AttrKind::kFloats, AttrKind::kStrings};
  return kKinds[static_cast<size_t>(k)];
}

/// The alternative of Attribute::otherwise that a kind has; 0 for tensors, which have no defaults.
size_t alternative_of(plugin::AttributeKind k) {
  static constexpr size_t kIndex[] = {1, 2, 3, 0, 4, 5, 6};
  return kIndex[static_cast<size_t>(k)];
}

void check_names(const char* what, const std::vector<std::string>& names) {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) fail("{} {} has no name", what, i);
    if (!seen.insert(names[i]).second) fail("two of its {}s are called \"{}\"", what, names[i]);
  }
}

template <class T>
std::vector<std::string> names_of(const std::vector<T>& items) {
  std::vector<std::string> out;
  for (const T& i : items) out.push_back(i.name);
  return out;
}

void check_ports(const char* what, const std::vector<plugin::Port>& ports) {
  check_names(what, names_of(ports));
  for (const plugin::Port& p : ports) {
    for (DType t : p.types)
      if (!contains(kAllSet, t)) fail("{} \"{}\": {} is no element type of tensors", what, p.name, static_cast<int>(t));
    if (p.use > plugin::PortUse::kVariadic) fail("{} \"{}\": unknown use {}", what, p.name, static_cast<int>(p.use));
    if (p.use != plugin::PortUse::kVariadic) continue;
    if (&p != &ports.back()) fail("{} \"{}\" is variadic, but not the last one", what, p.name);
    if (p.min_count < 0 || p.min_count > 255)
      fail("{} \"{}\": min_count {} found, expected 0 to 255", what, p.name, p.min_count);
  }
}

void check_type_vars(const plugin::CustomOp& op) {
  std::map<std::string_view, DTypeSet> vars;
  for (const auto* ports : {&op.inputs, &op.outputs})
    for (const plugin::Port& p : *ports) {
      if (p.type_var.empty()) continue;
      const auto [it, first] = vars.emplace(p.type_var, types_of(p));
      if (!first && it->second != types_of(p))
        fail("\"{}\" and another port have the type variable {}, but other types", p.name, p.type_var);
    }
  if (op.infer) return;
  for (const plugin::Port& p : op.outputs) {
    const auto same = [&](const plugin::Port& in) { return in.type_var == p.type_var; };
    if (std::has_single_bit(types_of(p)) || (!p.type_var.empty() && std::ranges::any_of(op.inputs, same))) continue;
    fail(
        "output \"{}\": its element type follows from no input: give it one type, an input's type variable, or the "
        "operator an infer",
        p.name);
  }
}

void check_attributes(const std::vector<plugin::Attribute>& attributes) {
  check_names("attribute", names_of(attributes));
  for (const plugin::Attribute& a : attributes) {
    if (a.kind > plugin::AttributeKind::kStrings)
      fail("attribute \"{}\": unknown kind {}", a.name, static_cast<int>(a.kind));
    const size_t found = a.otherwise.index();
    if (found != 0 && a.required) fail("attribute \"{}\" is required, but has a default", a.name);
    if (found != 0 && found != alternative_of(a.kind)) fail("attribute \"{}\": its default is of another kind", a.name);
  }
}

void check(const plugin::CustomOp& op) {
  if (op.name.empty()) fail("it has no name");
  if (op.since < 1) fail("since version {} found, expected >= 1", op.since);
  if (op.until != 0 && op.until < op.since) fail("its last version {} is before its first, {}", op.until, op.since);
  if (!op.make) fail("it has no make function");
  if (op.outputs.empty()) fail("it has no output port");
  check_ports("input", op.inputs);
  check_ports("output", op.outputs);
  check_type_vars(op);
  check_attributes(op.attributes);
}

/// A row, and what its pointers point to. Rows are found again from nodes by their address.
struct CustomRow : OpDef {
  CustomRow(std::shared_ptr<const plugin::CustomOps> domain_ops, const plugin::CustomOp& from);

  std::shared_ptr<const plugin::CustomOps> owner;
  const plugin::CustomOp& op;
  std::deque<std::string> vars;  ///< names of type variables that ports point to
  std::vector<Port> in, out;
  std::vector<AttrDef> defs;
  graph::Attrs defaults;
};

void infer_custom(InferContext& c);
std::unique_ptr<const Kernel> make_custom(const NodeInfo& info);

std::vector<Port> ports_of(const std::vector<plugin::Port>& ports, std::deque<std::string>& vars) {
  std::vector<Port> out;
  for (const plugin::Port& p : ports) {
    const char* var = p.type_var.c_str();
    const bool variadic = p.use == plugin::PortUse::kVariadic;
    if (variadic && p.homogeneous && p.type_var.empty()) var = vars.emplace_back("type of " + p.name).c_str();
    out.push_back({.name = p.name.c_str(),
                   .types = types_of(p),
                   .var = var,
                   .use = static_cast<PortUse>(p.use),
                   .heterogeneous = variadic && !p.homogeneous,
                   .min_count = static_cast<uint8_t>(variadic ? p.min_count : 1),
                   .on_host = p.host_memory});
  }
  return out;
}

CustomRow::CustomRow(std::shared_ptr<const plugin::CustomOps> domain_ops, const plugin::CustomOp& from)
    : owner(std::move(domain_ops)), op(from), in(ports_of(op.inputs, vars)), out(ports_of(op.outputs, vars)) {
  for (const plugin::Attribute& a : op.attributes) {
    AttrDef def{a.name.c_str(), kind_of(a.kind), a.required, false, 0, ""};
    std::visit(
        [&]<class T>(const T& value) {
          if constexpr (!std::is_same_v<T, std::monostate>) defaults.set(a.name, value);
          if constexpr (std::is_arithmetic_v<T>) def.number = static_cast<double>(value);
          if constexpr (std::is_same_v<T, std::string>) def.text = value.c_str();
          def.has_default = std::is_arithmetic_v<T> || std::is_same_v<T, std::string>;
        },
        a.otherwise);
    defs.push_back(def);
  }
  OpDef::name = op.name.c_str();
  domain = owner->domain.c_str();
  since = op.since;
  until = op.until;
  inputs = in;
  outputs = out;
  attrs = defs;
  infer = infer_custom;
  make = make_custom;
  deterministic = op.deterministic;
}

class CustomInfer final : public plugin::InferContext {
 public:
  CustomInfer(ops::InferContext& c, const CustomRow& row)
      : c_(c), attributes_(c.attrs(), nullptr, row.defaults), inputs_(c.num_inputs()), results_(c.num_outputs()) {
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (c.has_input(i)) inputs_[i] = plugin_type(c.type(i));
  }

  const plugin::Attributes& attributes() const override { return attributes_; }
  size_t num_inputs() const override { return inputs_.size(); }
  size_t num_outputs() const override { return results_.size(); }
  bool has_input(size_t i) const override { return c_.has_input(i); }
  bool has_output(size_t j) const override { return c_.has_output(j); }
  const plugin::TensorType& input(size_t i) const override {
    if (!has_input(i)) fail("input {} is missing", i);
    return inputs_[i];
  }
  std::optional<std::vector<plugin::Dim>> ints(size_t i) override { return c_.ints(i); }
  void set_output(size_t j, plugin::TensorType type) override {
    if (j < results_.size()) results_[j] = std::move(type);
  }
  plugin::Dim unknown() override { return c_.fresh(); }
  plugin::Dim named(std::string_view name) override { return c_.sym.named(name); }
  plugin::Dim add(plugin::Dim a, plugin::Dim b) override { return c_.sym.add(a, b); }
  plugin::Dim mul(plugin::Dim a, plugin::Dim b) override { return c_.sym.mul(a, b); }
  plugin::Dim floor_div(plugin::Dim a, plugin::Dim b) override { return c_.sym.floor_div(a, b); }
  std::string text(plugin::Dim d) const override { return c_.sym.to_string(d); }

  const plugin::TensorType& result(size_t j) const { return results_[j]; }

 private:
  ops::InferContext& c_;
  PluginAttributes attributes_;
  std::vector<plugin::TensorType> inputs_, results_;
};

/// The element type of result j: what infer said, else what the ports say.
DType element_of(const InferContext& c, size_t j, DType said) {
  const Port& port = *graph::output_port(*c.node().def, j);
  const std::optional<ValueType> promised = type_by_port(c.node(), j, c.types());
  if (said == DType::kUndefined) {
    if (!promised) fail("output {} (\"{}\"): infer gave no element type, and no input decides it", j, port.name);
    return promised->elem;
  }
  if (!contains(port.types, said))
    fail("output {} (\"{}\"): infer gave the element type {}; expected {}", j, port.name, dtype_name(said),
         dtype_set_names(port.types));
  if (promised && promised->elem != said && !port.heterogeneous)
    fail("output {} (\"{}\"): infer gave the element type {}; expected {}, as the inputs of type variable {}", j,
         port.name, dtype_name(said), dtype_name(promised->elem), port.var);
  return said;
}

void infer_custom(InferContext& c) {
  const auto& row = static_cast<const CustomRow&>(*c.node().def);
  CustomInfer context(c, row);
  if (row.op.infer) guarded([&] { row.op.infer(context); });
  for (size_t j = 0; j < c.num_outputs(); ++j) {
    if (!c.has_output(j)) continue;
    const plugin::TensorType& said = context.result(j);
    const DType elem = element_of(c, j, said.dtype);
    if (!said.dims) {
      c.set_unranked(j, elem);
      continue;
    }
    for (const int64_t d : *said.dims)
      if (d < 0 && !is_symbol(d)) fail("output {}: infer gave the dimension {}; expected >= 0 or a handle", j, d);
    c.set(j, elem, Dims(*said.dims));
  }
}

std::unique_ptr<const Kernel> make_custom(const NodeInfo& info) {
  const auto& row = static_cast<const CustomRow&>(*info.def);
  auto node = std::make_shared<const PluginNode>(info, row.defaults);
  std::unique_ptr<const plugin::Kernel> kernel = guarded([&] { return row.op.make(*node); });
  if (!kernel) fail("make gave no kernel");
  std::vector<DType> outputs;
  for (const ValueType* t : info.outputs) outputs.push_back(t ? t->elem : DType::kUndefined);
  return std::make_unique<const PluginKernel>(std::move(node), std::move(kernel), std::move(outputs));
}

/// Versions that both have.
bool overlap(const OpDef& a, const OpDef& b) {
  const auto last = [](const OpDef& r) { return r.until ? r.until : INT_MAX; };
  return a.since <= last(b) && b.since <= last(a);
}

struct Owned {
  OpSet set = builtin_ops();
  std::deque<CustomRow> rows;

  void add(const std::shared_ptr<const plugin::CustomOps>& domain, const plugin::CustomOp& op) {
    check(op);
    const CustomRow row(domain, op);
    const auto same_name = [&](const OpDef& r) {
      return canonical(r.domain) == canonical(row.domain) && std::string_view(r.name) == row.name;
    };
    for (const OpDef* r : builtin_ops().all())
      if (same_name(*r) && overlap(*r, row))
        fail("Tenon has an operator of this name for the same versions of the domain");
    for (const CustomRow& r : rows)
      if (same_name(r) && r.since == row.since) fail("it is registered twice from version {} on", row.since);
    if (const int newest = builtin_ops().newest_version(""); canonical(row.domain).empty() && row.since > newest)
      fail("since version {} found, but {} is the newest version of ai.onnx", row.since, newest);
    const OpDef* added = &rows.emplace_back(domain, op);
    set.add(graph::OpDefs(added, 1));
  }

 private:
  static std::string_view canonical(std::string_view d) { return d == "ai.onnx" ? std::string_view() : d; }
};

}  // namespace

std::shared_ptr<const graph::OpSet> op_set_with(CustomOpsList domains) {
  if (domains.empty()) return {std::shared_ptr<const void>(), &builtin_ops()};
  auto owned = std::make_shared<Owned>();
  for (const auto& d : domains) {
    if (!d) fail("custom_ops: an entry is null");
    for (const plugin::CustomOp& op : d->ops) {
      try {
        owned->add(d, op);
      } catch (const Error& e) {
        throw Error(e.code(), fmt::format("custom operator {}::{}: {}", d->domain.empty() ? "ai.onnx" : d->domain,
                                          op.name.empty() ? "(no name)" : op.name, e.what()));
      }
    }
  }
  return {owned, &owned->set};
}

}  // namespace tenon::ops
