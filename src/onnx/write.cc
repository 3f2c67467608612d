// Graph → ModelProto: names for captures, subgraphs for regions, opset imports that give every node its row.
#include "onnx/write.h"

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/file.h"
#include "graph/text.h"
#include "onnx/encode.h"

namespace tenon::onnx {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::Region;
using graph::RegionId;
using graph::ValueId;
using graph::ValueRole;
using protozero::pbf_writer;

constexpr int64_t kMostBytes = INT32_MAX;  // of a protobuf message

int64_t constant_bytes(const Graph& g) {
  int64_t total = 0;
  for (ValueId v = 0; v < g.value_limit(); ++v)
    if (g.value(v).data) total = checked_add(total, static_cast<int64_t>(g.value(v).data.bytes()));
  return total;
}

/// Versions of opsets under which every node means what it means here.
class Imports {
 public:
  Imports(const Graph& g, const graph::OpSet& ops) : versions_(g.info.opsets) {
    if (versions_.empty()) versions_[""] = ops.newest_version("");
    for (NodeId n = 0; n < g.node_limit(); ++n)
      if (g.node(n).alive) raise(g.node(n));
    for (NodeId n = 0; n < g.node_limit(); ++n)
      if (g.node(n).alive && g.node(n).def) check(g.node(n), ops);
  }
  int version(const std::string& domain) const { return versions_.at(domain); }
  void encode(pbf_writer& out, uint32_t field) const {
    for (const auto& [domain, version] : versions_) {
      pbf_writer w(out, field);
      w.add_string(1, domain);
      w.add_int64(2, version);
    }
  }

 private:
  void raise(const Node& n) {
    int& version = versions_[n.domain];
    version = std::max({version, n.since_version, 1});
  }
  void check(const Node& n, const graph::OpSet& ops) const {
    const graph::OpDef* row = ops.find(n.domain, n.op, versions_.at(n.domain));
    if (row && row->since == n.since_version) return;
    fail(ErrorCode::kNotImplemented,
         "node \"{}\" ({}) has version {}, but the model has to import opset {} of domain \"{}\", where it means "
         "something "
         "else: it cannot be saved",
         n.name, n.op, n.since_version, versions_.at(n.domain), n.domain);
  }
  std::map<std::string, int> versions_;
};

class Writer {
 public:
  Writer(const Graph& g, const WriteOptions& options, ExternalSink* sink) : g_(g), options_(options), sink_(sink) {}

  std::string model() {
    const Imports imports(g_, options_.ops);
    const bool calls = has_calls();
    const auto bodies = own_bodies();
    std::string bytes;
    pbf_writer m(bytes);
    const graph::ModelInfo& info = g_.info;
    const int64_t known_ir = info.ir_version == 0 ? 10 : info.ir_version;
    m.add_int64(1, std::max<int64_t>(known_ir, !bodies.empty() ? 10 : calls ? 8 : 4));
    const auto text = [&m](uint32_t field, const std::string& s) {
      if (!s.empty()) m.add_string(field, s);
    };
    text(2, info.producer_name);
    text(3, info.producer_version);
    text(4, info.domain);
    if (info.model_version != 0) m.add_int64(5, info.model_version);
    text(6, info.doc_string);
    name_values();
    main_graph(pbf_writer(m, 7));
    imports.encode(m, 8);
    for (const auto& [key, value] : info.metadata) {
      pbf_writer e(m, 14);
      e.add_string(1, key);
      e.add_string(2, value);
    }
    if (calls) functions(m);
    for (const auto& [overload, call] : bodies) function_of(pbf_writer(m, 25), *call, imports.version(""));
    return bytes;
  }

 private:
  /// One function per op of ours and its attributes; the attributes name the overload.
  static std::string overload_of(const Node& n) {
    std::string s;
    for (const graph::Attr& a : n.attrs.items()) {
      if (const auto* text = std::get_if<std::string>(&a.value)) s += *text;
      if (const auto* floats = std::get_if<std::vector<float>>(&a.value))
        for (float f : *floats) s += fmt::format("_{}", f);
    }
    return s;
  }

  std::map<std::string, const Node*> own_bodies() const {
    std::map<std::string, const Node*> bodies;
    for (NodeId n = 0; n < g_.node_limit(); ++n)
      if (const Node& node = g_.node(n); node.alive && node.def && node.def->body)
        bodies.emplace(node.op + ":" + overload_of(node), &node);
    return bodies;
  }

  void function_of(pbf_writer out, const Node& call, int opset) const {
    const auto body = graph::parse(call.def->body(call.attrs, opset), options_.ops);
    Writer w(*body, options_, nullptr);
    out.add_string(1, call.op);
    const Region& r = body->region();
    for (ValueId v : r.args) out.add_string(4, body->value(v).name);
    for (ValueId v : r.results) out.add_string(5, body->value(v).name);
    for (const graph::Attr& a : call.attrs.items()) out.add_string(6, a.name);
    for (ValueId v = 0; v < body->value_limit(); ++v) {
      const graph::ValueInfo& info = body->value(v);
      if (info.role != ValueRole::kConstant) continue;
      pbf_writer constant(out, 7);
      constant.add_string(2, info.name);
      constant.add_string(4, "Constant");
      encode_attr(pbf_writer(constant, 5), {"value", info.data}, body->symbols());
    }
    for (NodeId n : r.nodes) w.node(pbf_writer(out, 7), body->node(n));
    Imports(*body, options_.ops).encode(out, 9);
    out.add_string(10, call.domain);
    if (const std::string overload = overload_of(call); !overload.empty()) out.add_string(13, overload);
  }

  bool has_calls() const {
    for (NodeId n = 0; n < g_.node_limit(); ++n)
      if (g_.node(n).alive && !g_.node(n).def) return true;
    return false;
  }

  void functions(pbf_writer& m) const {
    for (const auto& f : g_.functions) {
      if (f->encoded.empty())
        fail(ErrorCode::kNotImplemented, "model function \"{}\" was not read from a model and cannot be saved",
             f->name);
      m.add_message(25, f->encoded.data(), f->encoded.size());
    }
  }

  /// Results of the main region have the model's names; what else bears such a name is written under another one.
  void name_values() {
    const Region& r = g_.region();
    for (size_t i = 0; i < r.results.size(); ++i) {
      const std::string& wanted = result_name(r, i);
      const ValueId holder = g_.find_value(wanted);
      if (holder != kNone && holder != r.results[i]) renamed_.emplace(holder, fresh_name(wanted));
    }
  }
  static const std::string& empty_name() {
    static const std::string empty;
    return empty;
  }
  const std::string& result_name(const Region& r, size_t i) const {
    return i < r.result_names.size() && !r.result_names[i].empty() ? r.result_names[i] : g_.value(r.results[i]).name;
  }
  std::string fresh_name(const std::string& stem) {
    std::string name;
    do {
      name = stem + "_" + std::to_string(next_name_++);
    } while (g_.find_value(name) != kNone);
    return name;
  }

  /// The name of a value in the file: that of the outermost value for a capture.
  const std::string& name(ValueId v) const {
    if (v == kNone) return empty_name();
    while (g_.value(v).role == ValueRole::kArgument) {
      const Region& r = g_.region(g_.value(v).region);
      const Node& owner = g_.node(r.owner);
      const size_t formals = r.args.size() - owner.captures;
      if (g_.value(v).index < formals) break;
      v = owner.captured()[g_.value(v).index - formals];
    }
    const auto it = renamed_.find(v);
    return it == renamed_.end() ? g_.value(v).name : it->second;
  }

  void value_info(pbf_writer out, const std::string& n, const ValueType& t,
                  std::span<const std::string> denotations = {}) const {
    out.add_string(1, n);
    if (has_type(t)) encode_type(pbf_writer(out, 2), t, g_.symbols(), denotations);
  }

  void node(pbf_writer out, const Node& n) {
    size_t inputs = n.operands().size();
    for (size_t i = 0; i < inputs; ++i) out.add_string(1, name(n.inputs[i]));
    for (ValueId v : n.outputs) out.add_string(2, name(v));
    out.add_string(3, n.name);
    out.add_string(4, n.op);
    for (const graph::Attr& a : n.attrs.items()) encode_attr(pbf_writer(out, 5), a, g_.symbols());
    for (size_t k = 0; k < n.regions.size(); ++k) {
      pbf_writer a(out, 5);
      a.add_string(1, n.region_names[k]);
      body(pbf_writer(a, 6), n.regions[k], n.region_names[k], n.captures);
      a.add_enum(20, 5);
    }
    if (!n.domain.empty()) out.add_string(7, n.domain);
    if (n.def && n.def->body)
      out.add_string(8, overload_of(n));
    else if (!n.overload.empty())
      out.add_string(8, n.overload);
  }

  void identity(pbf_writer out, const std::string& from, const std::string& to) const {
    out.add_string(1, from);
    out.add_string(2, to);
    out.add_string(3, to);
    out.add_string(4, "Identity");
  }

  void known_types(pbf_writer& out, const Region& r, const std::unordered_set<ValueId>& results) const {
    if (!options_.value_info) return;
    for (NodeId n : r.nodes)
      for (ValueId v : g_.node(n).outputs)
        if (v != kNone && !results.contains(v) && has_type(g_.type(v)))
          value_info(pbf_writer(out, 13), name(v), g_.type(v));
  }

  void body(pbf_writer out, RegionId id, const std::string& fallback_name, uint32_t captures) {
    const Region& r = g_.region(id);
    for (NodeId n : r.nodes) node(pbf_writer(out, 1), g_.node(n));
    const size_t formals = r.args.size() - captures;
    std::vector<std::string> names;
    std::unordered_set<ValueId> results;
    for (ValueId v : r.results) {
      // A value from outside and a constant are no values of this graph: a node brings them in.
      const graph::ValueInfo& info = g_.value(v);
      const bool own = info.region == id && (info.role == ValueRole::kResult || info.index < formals) &&
                       info.role != ValueRole::kConstant;
      names.push_back(own && results.insert(v).second ? name(v) : fresh_name(name(v)));
      if (names.back() != name(v)) identity(pbf_writer(out, 1), name(v), names.back());
    }
    out.add_string(2, r.name.empty() ? fallback_name : r.name);
    for (size_t i = 0; i < formals; ++i) value_info(pbf_writer(out, 11), name(r.args[i]), g_.type(r.args[i]));
    for (size_t i = 0; i < names.size(); ++i) value_info(pbf_writer(out, 12), names[i], g_.type(r.results[i]));
    known_types(out, r, results);
  }

  void main_graph(pbf_writer out) {
    const Region& r = g_.region();
    for (NodeId n : r.nodes) node(pbf_writer(out, 1), g_.node(n));
    std::unordered_set<ValueId> results;
    std::set<std::string> identities;
    for (size_t i = 0; i < r.results.size(); ++i) {
      const std::string& wanted = result_name(r, i);
      results.insert(r.results[i]);
      if (wanted != name(r.results[i]) && identities.insert(wanted).second)
        identity(pbf_writer(out, 1), name(r.results[i]), wanted);
    }
    out.add_string(2, g_.name.empty() ? "graph" : g_.name);
    for (ValueId v = 0; v < g_.value_limit(); ++v) {
      const graph::ValueInfo& info = g_.value(v);
      if (info.data && (info.role == ValueRole::kConstant || info.role == ValueRole::kInput))
        encode_tensor(pbf_writer(out, 5), name(v), info.data, sink_);
    }
    if (!g_.info.graph_doc.empty()) out.add_string(10, g_.info.graph_doc);
    for (ValueId v : r.args) {
      const auto it = g_.info.denotations.find(g_.value(v).name);
      value_info(pbf_writer(out, 11), name(v), g_.type(v),
                 it == g_.info.denotations.end() ? std::span<const std::string>() : it->second);
    }
    for (size_t i = 0; i < r.results.size(); ++i)
      value_info(pbf_writer(out, 12), result_name(r, i), g_.type(r.results[i]));
    known_types(out, r, results);
  }

  const Graph& g_;
  const WriteOptions& options_;
  ExternalSink* sink_;
  std::unordered_map<ValueId, std::string> renamed_;
  uint64_t next_name_ = 0;
};

void check_size(const std::string& bytes) {
  if (static_cast<int64_t>(bytes.size()) > kMostBytes)
    fail("the model has {} bytes; over 2 GB it needs a file for external data", bytes.size());
}

}  // namespace

std::string write_model(const Graph& g, const WriteOptions& options) {
  if (!options.external_file.empty()) fail("external data needs a directory: use save_file");
  if (constant_bytes(g) > kMostBytes) fail("the constants alone have over 2 GB: use save_file");
  std::string bytes = Writer(g, options, nullptr).model();
  check_size(bytes);
  return bytes;
}

void save_file(const Graph& g, const std::filesystem::path& path, const WriteOptions& options) {
  std::string external = options.external_file;
  // Room for the rest of the model beside the constants.
  if (external.empty() && constant_bytes(g) > kMostBytes - (int64_t{256} << 20))
    external = path.filename().string() + ".data";
  if (std::filesystem::path(external).filename() != external)
    fail("external file \"{}\" must be a plain file name: it lies beside the model", external);
  std::optional<FileWriter> data;
  ExternalSink sink;
  if (!external.empty()) {
    data.emplace(path.parent_path() / external);
    sink = {&*data, external, options.external_min_bytes};
  }
  const std::string bytes = Writer(g, options, &sink).model();
  check_size(bytes);
  FileWriter model(path);
  model.write(std::as_bytes(std::span(bytes)));
  if (data) data->commit();
  model.commit();
}

}  // namespace tenon::onnx
