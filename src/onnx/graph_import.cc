// Reading graphs: every frame first declares all names, so that nodes may stand in any order, then reads its nodes.
#include "onnx/graph_import.h"

#include <algorithm>

#include "base/error.h"
#include "base/model_error.h"
#include "onnx/types.h"
#include "onnx/validate.h"

namespace tenon::onnx {

using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

namespace {

/// True when no element type stands at the core of a type.
bool undefined(const ValueType& t) {
  const ValueType* p = &t;
  while (p->inner) p = p->inner.get();
  return p->kind != ValueKind::kOpaque && p->elem == DType::kUndefined;
}

/// Initializers of a graph, dense and sparse, with unique names.
using Initializers = std::unordered_map<std::string_view, Value>;

Initializers read_initializers(TensorImporter& tensors, const GraphView& view, std::vector<std::string_view>* order) {
  Initializers out;
  const auto add = [&](std::string_view name, Value v) {
    if (name.empty()) fail(ErrorCode::kInvalidGraph, "an initializer has no name");
    if (!out.emplace(name, std::move(v)).second)
      fail(ErrorCode::kInvalidGraph, "initializer {} is defined twice", quote_name(name));
    order->push_back(name);
  };
  std::string_view name;
  for (Bytes b : view.initializers) {
    Value v = tensors.tensor(b, &name);
    add(name, std::move(v));
  }
  for (Bytes b : view.sparse_initializers) {
    Value v = tensors.dense(b, &name);
    add(name, std::move(v));
  }
  return out;
}

void check_default(const ValueType& t, const Value& v, std::string_view name, const Symbols& symbols) {
  const auto dims = v.dims();
  bool fits = t.is_tensor() && t.elem == v.dtype() && (!t.has_rank || t.dims.size() == dims.size());
  for (size_t i = 0; fits && t.has_rank && i < dims.size(); ++i) fits = is_symbol(t.dims[i]) || t.dims[i] == dims[i];
  if (!fits)
    fail(ErrorCode::kInvalidGraph, "graph input {} is declared as {}, its initializer is {}", quote_name(name),
         to_string(t, &symbols), to_string(type_of(v)));
}

}  // namespace

void GraphImporter::declare(Frame& f, std::string_view name, ValueId id, int64_t position) {
  if (!f.names.emplace(name, Name{id, position}).second)
    fail(ErrorCode::kInvalidGraph, "value {} is defined twice", quote_name(name));
}

ValueType GraphImporter::input_type(const ValueInfoView& v) {
  if (v.name.empty()) fail(ErrorCode::kInvalidGraph, "a graph input has no name");
  return v.has_type ? import_type(d_, v.type_bytes, g_.symbols()) : ValueType();
}

void GraphImporter::open_main(Frame& f, int64_t ir_version) {
  g_.name = f.view.name;
  g_.info.graph_doc = f.view.doc;
  std::vector<std::string_view> order;
  Initializers initializers = read_initializers(tensors_, f.view, &order);
  for (Bytes b : f.view.inputs) {
    const ValueInfoView v = d_.value_info(b);
    ValueType t = input_type(v);
    Value initial;
    if (const auto it = initializers.find(v.name); it != initializers.end()) {
      // Before IR version 4 every initializer had to be listed as an input.
      if (ir_version < 4) continue;
      initial = std::move(it->second);
      it->second = {};
      if (undefined(t)) t = type_of(initial);
      check_default(t, initial, v.name, g_.symbols());
    }
    if (undefined(t)) fail(ErrorCode::kInvalidGraph, "graph input {} has no type", quote_name(v.name));
    if (f.names.contains(v.name)) fail(ErrorCode::kInvalidGraph, "graph input {} is defined twice", quote_name(v.name));
    if (v.has_type)
      if (auto denotations = import_denotations(d_, v.type_bytes); !denotations.empty())
        g_.info.denotations.emplace(v.name, std::move(denotations));
    declare(f, v.name, g_.add_input(std::string(v.name), std::move(t), std::move(initial)), kGiven);
  }
  for (std::string_view name : order) {
    Value& v = initializers.at(name);
    if (v) declare(f, name, g_.add_constant(std::string(name), std::move(v)), kGiven);
  }
}

void GraphImporter::open_body(Frame& parent) {
  const AttributeImporter::Body body = parent.bodies[parent.next_body++];
  const NodeId owner = parent.ids[parent.next];
  if (static_cast<int64_t>(frames_.size()) >= d_.limits().depth)
    fail_limit("depth", "subgraphs are nested more than {} deep", d_.limits().depth);
  auto f = std::make_unique<Frame>();
  f->owner = owner;
  f->region = g_.add_region(owner, body.name);
  f->view = d_.graph(body.graph_bytes);
  g_.edit_region(f->region).name = f->view.name;
  std::vector<std::string_view> order;
  Initializers initializers = read_initializers(tensors_, f->view, &order);
  // An input with an initializer is a constant: nothing outside could give it another value.
  for (Bytes b : f->view.inputs) {
    const ValueInfoView v = d_.value_info(b);
    ValueType t = input_type(v);
    if (initializers.contains(v.name)) continue;
    const bool typed = !undefined(t);
    const ValueId id = g_.add_argument(f->region, prefix_ + std::string(v.name), std::move(t));
    g_.edit_value(id).declared = typed;
    declare(*f, v.name, id, kGiven);
  }
  for (std::string_view name : order)
    declare(*f, name, g_.add_constant(prefix_ + std::string(name), std::move(initializers.at(name))), kGiven);
  frames_.push_back(std::move(f));
  declare_nodes(*frames_.back());
}

int GraphImporter::opset_version(const NodeView& n) {
  const std::string domain(n.domain == "ai.onnx" ? std::string_view() : n.domain);
  const auto it = opsets_.find(domain);
  if (it != opsets_.end()) return it->second;
  // As ONNX Runtime does: a domain that it knows need not be imported by the model.
  const int newest = bindings_ ? 0 : functions_.ops().newest_version(domain);
  if (newest == 0)
    fail(ErrorCode::kInvalidGraph, "no opset import for domain {}", quote_name(domain.empty() ? "ai.onnx" : domain));
  const int assumed = domain == "com.microsoft" ? 1 : newest;
  opsets_.emplace(domain, assumed);
  return assumed;
}

const graph::OpDef* GraphImporter::find_op(const NodeView& n, Node* out) {
  if (n.op.empty()) fail(ErrorCode::kInvalidGraph, "a node has no op_type");
  const FunctionItem* f = functions_.find(n.domain == "ai.onnx" ? "" : n.domain, n.op, n.overload);
  const int version = opset_version(n);
  out->domain = n.domain == "ai.onnx" ? std::string_view() : n.domain;
  const graph::OpDef* own = functions_.ops().find(n.domain, n.op, version);
  if (own && !own->body) own = nullptr;  // a row with a body: the function in the file is that body
  if (f && !own) {
    if (n.inputs.size() > f->view.inputs.size())
      fail(ErrorCode::kInvalidGraph, "{} inputs, the function takes {}", n.inputs.size(), f->view.inputs.size());
    if (n.outputs.size() > f->view.outputs.size())
      fail(ErrorCode::kInvalidGraph, "{} outputs, the function has {}", n.outputs.size(), f->view.outputs.size());
    out->since_version = version;
    out->overload = n.overload;
    if (__builtin_add_overflow(expanded_, f->total, &expanded_) || expanded_ > d_.limits().function_nodes)
      fail_limit("function_nodes", "the calls of functions would make more than {} nodes", d_.limits().function_nodes);
    return nullptr;
  }
  if (!n.overload.empty() && !own)
    fail(ErrorCode::kInvalidGraph, "the model has no function {} with overload {}", n.op, quote_name(n.overload));
  const graph::OpDef* def = functions_.ops().find(n.domain, n.op, version);
  if (!def) fail_unknown_op(functions_.ops(), n, version);
  check_counts(*def, n);
  out->since_version = def->since;
  return def;
}

/// True when a name means something in a graph around the innermost one, at the node that is being read there.
bool GraphImporter::visible_outside(std::string_view name) const {
  for (size_t k = 0; k + 1 < frames_.size(); ++k) {
    const auto it = frames_[k]->names.find(name);
    if (it != frames_[k]->names.end() && it->second.position < static_cast<int64_t>(frames_[k]->next)) return true;
  }
  return false;
}

void GraphImporter::declare_node(Frame& f, size_t index) {
  Node proto;
  proto.def = find_op(node_, &proto);
  proto.op = node_.op;
  if (!node_.name.empty()) proto.name = prefix_ + std::string(node_.name);
  proto.inputs.assign(node_.inputs.size(), kNone);
  proto.provenance = provenance_;
  std::vector<std::string> outputs;
  for (std::string_view o : node_.outputs) outputs.push_back(o.empty() ? std::string() : prefix_ + std::string(o));
  const NodeId id = g_.add_node(f.region, std::move(proto), outputs);
  f.ids.push_back(id);
  if (!bindings_) g_.edit(id).provenance = {g_.intern(g_.node(id).name)};
  for (size_t j = 0; j < node_.outputs.size(); ++j) {
    if (node_.outputs[j].empty()) continue;
    if (visible_outside(node_.outputs[j]))
      fail(ErrorCode::kInvalidGraph, "output {} is a value of a graph around this one already",
           quote_name(node_.outputs[j]));
    declare(f, node_.outputs[j], g_.node(id).outputs[j], static_cast<int64_t>(index));
  }
}

void GraphImporter::declare_nodes(Frame& f) {
  const int64_t limit = bindings_ ? d_.limits().function_nodes : d_.limits().nodes;
  for (size_t i = 0; i < f.view.nodes.size(); ++i) {
    if (++nodes_ > limit) fail_limit(bindings_ ? "function_nodes" : "nodes", "the model has more than {} nodes", limit);
    d_.node(f.view.nodes[i], &node_);
    try {
      declare_node(f, i);
    } catch (const Error& e) {
      throw at_node(e, quote_name(node_.name), node_.op);
    }
  }
}

ValueId GraphImporter::resolve(Frame& f, std::string_view name) {
  if (const auto it = f.names.find(name); it != f.names.end()) {
    unsorted_ |= it->second.position >= static_cast<int64_t>(f.next);
    return it->second.id;
  }
  for (size_t k = frames_.size() - 1; k-- > 0;) {
    const Frame& outer = *frames_[k];
    const auto it = outer.names.find(name);
    if (it == outer.names.end()) continue;
    unsorted_ |= it->second.position >= static_cast<int64_t>(outer.next);
    const ValueId v = it->second.id;
    const ValueId inner = v == kNone ? kNone : g_.add_capture(f.owner, v, f.region);
    f.names.emplace(name, Name{inner, kCapturedName});
    return inner;
  }
  fail(ErrorCode::kInvalidGraph, "input {} is no graph input, initializer or output of a node", quote_name(name));
}

void GraphImporter::read_node(Frame& f) {
  d_.node(f.view.nodes[f.next], &node_);
  const NodeId id = f.ids[f.next];
  try {
    for (size_t i = 0; i < node_.inputs.size(); ++i)
      if (!node_.inputs[i].empty()) g_.set_input(id, static_cast<uint32_t>(i), resolve(f, node_.inputs[i]));
    const graph::OpDef* def = g_.node(id).def;
    attributes_.node_attributes(node_.attributes, def, bindings_, &g_.edit(id).attrs, &f.bodies);
    // A missing operand at the end says the same as none, where the op has no variadic ports.
    std::vector<ValueId>& inputs = g_.edit(id).inputs;
    while (def && !inputs.empty() && inputs.back() == kNone && def->inputs.back().use == graph::PortUse::kOptional)
      inputs.pop_back();
  } catch (const Error& e) {
    throw at_node(e, quote_name(node_.name), node_.op);
  }
}

void GraphImporter::declare_type(ValueId v, ValueType t) {
  const graph::ValueInfo& info = g_.value(v);
  if (undefined(t) || info.role != graph::ValueRole::kResult) return;
  g_.set_type(v, std::move(t));
  g_.edit_value(v).declared = true;
}

void GraphImporter::apply_types(Frame& f) {
  for (Bytes b : f.view.value_infos) {
    const ValueInfoView v = d_.value_info(b);
    const auto it = f.names.find(v.name);
    if (!v.has_type || it == f.names.end() || it->second.position < 0) continue;
    declare_type(it->second.id, import_type(d_, v.type_bytes, g_.symbols()));
  }
}

void GraphImporter::close(Frame& f) {
  apply_types(f);
  std::vector<ValueId> results;
  std::vector<std::string> names;
  for (Bytes b : f.view.outputs) {
    const ValueInfoView v = d_.value_info(b);
    const auto it = f.names.find(v.name);
    if (v.name.empty() || it == f.names.end())
      fail(ErrorCode::kInvalidGraph, "graph output {} is no output of a node, input or initializer",
           quote_name(v.name));
    if (it->second.position == kCapturedName)
      fail(ErrorCode::kInvalidGraph, "subgraph output {} is a value of the graph around it; it needs an Identity node",
           quote_name(v.name));
    if (v.has_type) declare_type(it->second.id, import_type(d_, v.type_bytes, g_.symbols()));
    results.push_back(it->second.id);
    names.emplace_back(v.name);
  }
  g_.set_results(f.region, std::move(results));
  g_.edit_region(f.region).result_names = std::move(names);
}

void GraphImporter::run() {
  while (!frames_.empty()) {
    Frame& f = *frames_.back();
    if (f.next == f.ids.size()) {
      const bool function = frames_.size() == 1 && bindings_;
      if (function) return;
      close(f);
      frames_.pop_back();
      continue;
    }
    const NodeId id = f.ids[f.next];
    if (f.bodies.empty()) {
      read_node(f);
    } else {
      try {
        if (f.next_body < f.bodies.size()) {
          open_body(f);
          continue;
        }
        check_bodies(g_, id);
      } catch (const Error& e) {
        throw at_node(e, quote_name(g_.node(id).name), g_.node(id).op);
      }
      f.bodies.clear();
      f.next_body = 0;
    }
    if (f.bodies.empty()) ++f.next;
  }
}

void GraphImporter::main_graph(Bytes graph_bytes, int64_t ir_version) {
  frames_.push_back(std::make_unique<Frame>());
  Frame& f = *frames_.back();
  f.view = d_.graph(graph_bytes);
  open_main(f, ir_version);
  declare_nodes(f);
  run();
  if (unsorted_) g_.sort();
}

std::vector<ValueId> GraphImporter::function_body(const FunctionView& fn, NodeId call) {
  provenance_ = g_.node(call).provenance;
  prefix_ = g_.node(call).name + "/";
  frames_.push_back(std::make_unique<Frame>());
  Frame& f = *frames_.back();
  f.region = g_.node(call).region;
  f.owner = g_.region(f.region).owner;
  f.view.nodes = fn.nodes;
  const std::vector<ValueId> operands(g_.node(call).inputs);
  for (size_t i = 0; i < fn.inputs.size(); ++i)
    declare(f, fn.inputs[i], i < operands.size() ? operands[i] : kNone, kGiven);
  declare_nodes(f);
  run();
  // The new nodes stand at the end of the region; they belong where the call is.
  std::vector<NodeId>& order = g_.edit_region(f.region).nodes;
  const auto added = order.end() - static_cast<std::ptrdiff_t>(f.ids.size());
  std::rotate(std::find(order.begin(), added, call), added, order.end());
  if (unsorted_) g_.sort();
  std::vector<ValueId> results;
  for (std::string_view name : fn.outputs) {
    const auto it = f.names.find(name);
    results.push_back(it == f.names.end() ? kNone : it->second.id);
  }
  frames_.clear();
  return results;
}

}  // namespace tenon::onnx
