// Function checks that need no types, and instantiation.
#include "onnx/functions.h"

#include <algorithm>
#include <climits>
#include <unordered_set>

#include "base/error.h"
#include "onnx/attributes.h"
#include "onnx/graph_import.h"

namespace tenon::onnx {
namespace {

constexpr size_t kNoFunction = SIZE_MAX;

std::string_view canonical(std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; }

std::string key_of(std::string_view domain, std::string_view name, std::string_view overload) {
  std::string key(canonical(domain));
  key += '\0';
  key += name;
  key += '\0';
  key += overload;
  return key;
}

std::string id_text(const FunctionView& f) {
  std::string s(f.domain);
  s += "::";
  s += f.name;
  if (!f.overload.empty()) s += ":" + std::string(f.overload);
  return quote_name(s);
}

std::vector<std::string> strings(const std::vector<std::string_view>& v) { return {v.begin(), v.end()}; }

void check_unique(const std::vector<std::string_view>& names, const char* what) {
  std::unordered_set<std::string_view> seen;
  for (std::string_view n : names) {
    if (n.empty()) fail(ErrorCode::kInvalidGraph, "an {} has no name", what);
    if (!seen.insert(n).second) fail(ErrorCode::kInvalidGraph, "{} {} occurs twice", what, quote_name(n));
  }
}

}  // namespace

Opsets import_opsets(const std::vector<OpsetView>& imports, const graph::OpSet& ops) {
  Opsets out;
  for (const OpsetView& o : imports) {
    const std::string domain(canonical(o.domain));
    const std::string shown = domain.empty() ? "ai.onnx" : domain;
    if (o.version < 1 || o.version > INT_MAX)
      fail(ErrorCode::kInvalidGraph, "opset {} of domain {} is not a version", o.version, quote_name(shown));
    if (const int newest = ops.newest_version(domain); domain.empty() && newest > 0 && o.version > newest)
      fail(ErrorCode::kFail, "opset {} of domain {} is newer than {}, the newest known one", o.version,
           quote_name(shown), newest);
    out[domain] = static_cast<int>(o.version);
  }
  return out;
}

FunctionLibrary::FunctionLibrary(std::shared_ptr<const FileBytes> file, std::string_view bytes, ExternalFiles external,
                                 const LoadOptions& options)
    : file_(std::move(file)),
      bytes_(bytes),
      external_(std::move(external)),
      ops_(options.ops),
      limits_(options.limits) {}

size_t FunctionLibrary::index_of(std::string_view domain, std::string_view name, std::string_view overload) const {
  if (index_.empty()) return kNoFunction;
  const auto it = index_.find(key_of(domain, name, overload));
  return it == index_.end() ? kNoFunction : it->second;
}

const FunctionItem* FunctionLibrary::find(std::string_view domain, std::string_view name,
                                          std::string_view overload) const {
  const size_t i = index_of(domain, name, overload);
  return i == kNoFunction ? nullptr : &items_[i];
}

void FunctionLibrary::scan_node(const NodeView& n, FunctionItem& f) {
  if (n.op.empty()) fail(ErrorCode::kInvalidGraph, "a node has no op_type");
  ++f.nodes;
  const std::string domain(canonical(n.domain));
  if (!f.opsets.contains(domain))
    fail(ErrorCode::kInvalidGraph, "node {} ({}): no opset import for domain {}", quote_name(n.name), n.op,
         quote_name(domain.empty() ? "ai.onnx" : domain));
  if (const size_t callee = index_of(domain, n.op, n.overload); callee != kNoFunction) f.callees.push_back(callee);
}

/// Definitions and order of the body, and the calls in it and in its subgraphs.
void FunctionLibrary::scan_body(Decoder& d, FunctionItem& f) {
  check_unique(f.view.inputs, "input");
  check_unique(f.view.outputs, "output");
  std::vector<std::string_view> attributes = f.view.attributes;
  for (const graph::Attr& a : f.defaults.items()) attributes.emplace_back(a.name);
  check_unique(attributes, "attribute");

  std::unordered_set<std::string_view> defined(f.view.inputs.begin(), f.view.inputs.end());
  struct Nested {
    Bytes graph_bytes;
    int64_t depth;
  };
  std::vector<Nested> nested;
  NodeView n;
  AttrView a;
  const auto add_graphs = [&](int64_t depth) {
    for (Bytes b : n.attributes) {
      d.attribute(b, &a);
      if (a.type == AttrType::kGraph) nested.push_back({a.single, depth});
    }
  };
  for (Bytes b : f.view.nodes) {
    d.node(b, &n);
    scan_node(n, f);
    for (std::string_view i : n.inputs)
      if (!i.empty() && !defined.contains(i))
        fail(ErrorCode::kInvalidGraph,
             "node {} ({}): input {} is neither an input of the function nor an output of a node before it",
             quote_name(n.name), n.op, quote_name(i));
    for (std::string_view o : n.outputs)
      if (!o.empty() && !defined.insert(o).second)
        fail(ErrorCode::kInvalidGraph, "node {} ({}): value {} is defined twice", quote_name(n.name), n.op,
             quote_name(o));
    add_graphs(1);
  }
  for (std::string_view o : f.view.outputs)
    if (!defined.contains(o)) fail(ErrorCode::kInvalidGraph, "output {} is not defined", quote_name(o));
  while (!nested.empty()) {
    const Nested top = nested.back();
    nested.pop_back();
    if (top.depth > limits_.depth) fail_limit("depth", "subgraphs are nested more than {} deep", limits_.depth);
    for (Bytes b : d.graph(top.graph_bytes).nodes) {
      d.node(b, &n);
      scan_node(n, f);
      add_graphs(top.depth + 1);
    }
  }
}

/// Depth first over calls: sums the nodes, refuses calls that come back.
void FunctionLibrary::total_nodes(size_t root) {
  constexpr int64_t kOpen = -2;
  struct Visit {
    size_t function, next;
  };
  std::vector<Visit> stack{{root, 0}};
  items_[root].total = kOpen;
  while (!stack.empty()) {
    FunctionItem& f = items_[stack.back().function];
    if (stack.back().next < f.callees.size()) {
      const size_t callee = f.callees[stack.back().next++];
      if (items_[callee].total == kOpen) {
        std::string path;
        for (const Visit& v : stack)
          if (!path.empty() || v.function == callee) path += id_text(items_[v.function].view) + " -> ";
        fail(ErrorCode::kInvalidGraph, "model functions call each other in a circle: {}{}", path,
             id_text(items_[callee].view));
      }
      if (items_[callee].total < 0) {
        items_[callee].total = kOpen;
        stack.push_back({callee, 0});
      }
      continue;
    }
    int64_t total = f.nodes;
    for (size_t callee : f.callees)
      if (__builtin_add_overflow(total, items_[callee].total, &total)) total = INT64_MAX;
    f.total = total;
    stack.pop_back();
  }
}

std::vector<std::shared_ptr<const graph::Function>> FunctionLibrary::read(Decoder& d,
                                                                          const std::vector<Bytes>& functions,
                                                                          Symbols& symbols) {
  if (static_cast<int64_t>(functions.size()) > limits_.functions)
    fail_limit("functions", "the model has {} functions, at most {} are allowed", functions.size(), limits_.functions);
  for (Bytes b : functions) {
    FunctionItem f;
    f.view = d.function(b);
    f.encoded = b;
    if (f.view.name.empty()) fail(ErrorCode::kInvalidGraph, "a model function has no name");
    if (!index_.emplace(key_of(f.view.domain, f.view.name, f.view.overload), items_.size()).second)
      fail(ErrorCode::kInvalidGraph, "model function {} is defined twice", id_text(f.view));
    items_.push_back(std::move(f));
  }
  TensorImporter tensors(d, file_, external_);
  AttributeImporter attributes(d, tensors, symbols);
  for (FunctionItem& f : items_) {
    try {
      f.opsets = import_opsets(f.view.opsets, ops_);
      for (Bytes b : f.view.attribute_defaults) {
        graph::Attr a = attributes.plain(b);
        if (f.defaults.has(a.name)) fail(ErrorCode::kInvalidGraph, "attribute {} occurs twice", quote_name(a.name));
        f.defaults.set(std::move(a.name), std::move(a.value));
      }
      scan_body(d, f);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("model function {}: {}", id_text(f.view), e.what()), e.reason(), e.limit());
    }
  }
  for (size_t i = 0; i < items_.size(); ++i)
    if (items_[i].total < 0) total_nodes(i);

  std::vector<std::shared_ptr<const graph::Function>> out;
  for (size_t i = 0; i < items_.size(); ++i) {
    const FunctionItem& f = items_[i];
    auto made = std::make_shared<graph::Function>();
    made->domain = canonical(f.view.domain);
    made->name = f.view.name;
    made->overload = f.view.overload;
    made->inputs = strings(f.view.inputs);
    made->outputs = strings(f.view.outputs);
    made->attributes = strings(f.view.attributes);
    made->attribute_defaults = f.defaults;
    made->opsets = f.opsets;
    made->doc = f.view.doc;
    made->encoded = f.encoded;
    made->instantiate = [library = shared_from_this(), i](graph::Graph& g, graph::NodeId call) {
      return library->instantiate(i, g, call);
    };
    out.push_back(std::move(made));
  }
  return out;
}

std::vector<graph::ValueId> FunctionLibrary::instantiate(size_t index, graph::Graph& g, graph::NodeId call) {
  const FunctionItem& f = items_[index];
  Decoder d(bytes_, limits_);
  TensorImporter tensors(d, file_, external_);
  Opsets opsets = f.opsets;
  const graph::Attrs given = g.node(call).attrs;  // the call's own may move while nodes are added
  const Bindings bindings{&given, &f.defaults};
  return GraphImporter(d, tensors, *this, opsets, &bindings, g).function_body(f.view, call);
}

}  // namespace tenon::onnx
