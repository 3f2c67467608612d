// Options, the services of the compile context, and the model with EPContext nodes.
#include "session/contexts.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "ep/layout.h"
#include "onnx/external_data.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "session/config_keys.h"

namespace tenon::session {
namespace contexts {
namespace {

namespace fs = std::filesystem;
using graph::Graph;
using graph::NodeId;
using graph::ValueId;

/// Rows that may stand in a group, too.
const graph::OpSet& group_ops() {
  static const graph::OpSet* ops = [] {
    auto* all = new graph::OpSet(ops::builtin_ops());
    all->add({&ep::kConvertLayout, 1});
    return all;
  }();
  return *ops;
}

fs::path data_dir(const SessionOptions& o, const std::string& model_path) {
  if (!model_path.empty()) {
    const fs::path dir = fs::path(model_path).parent_path();
    return dir.empty() ? "." : dir;
  }
  if (const std::string file = config_text(o.config, "ep.context_file_path"); !file.empty()) {
    const fs::path dir = fs::path(file).parent_path();
    return dir.empty() ? "." : dir;
  }
  return config_text(o.config, "session.model_external_initializers_file_folder_path");
}

void write_whole(const fs::path& path, std::string_view bytes) {
  FileWriter file(path);
  file.write(std::as_bytes(std::span(bytes)));
  file.commit();
}

void set_metadata(Graph& g, const std::string& key, const std::string& value) {
  const auto at = std::ranges::find(g.info.metadata, key, &std::pair<std::string, std::string>::first);
  if (at == g.info.metadata.end())
    g.info.metadata.emplace_back(key, value);
  else
    at->second = value;
}

/// Groups that have become EPContext nodes.
class ContextForm {
 public:
  explicit ContextForm(Graph& g) : g_(g) {}

  void replace(const partition::CompiledGroup& group, graph::Attrs attrs, const std::string& name) {
    graph::Node node;
    node.op = "EPContext";
    node.domain = "com.microsoft";
    node.def = ops::builtin_ops().find(node.domain, node.op, 1);
    node.since_version = node.def->since;
    node.name = name;
    node.attrs = std::move(attrs);
    for (ValueId v : group.inputs) {
      const auto now = replaced_.find(v);
      node.inputs.push_back(now == replaced_.end() ? v : now->second);
    }
    std::vector<std::string> names;
    for (ValueId v : group.outputs) names.push_back(g_.value(v).name);
    const NodeId id = g_.add_node(group.region, std::move(node), names, group.members.back());
    std::vector<ValueId> own;  // results that stand for a value
    for (size_t j = 0; j < names.size(); ++j) {
      const ValueId old = group.outputs[j], made = g_.node(id).outputs[j];
      g_.set_type(made, g_.type(old));
      // Another layout of an operand is a result, too, but nothing reads it here.
      const bool stands =
          std::ranges::count(group.members, g_.producer(old)) > 0 && replaced_.emplace(old, made).second;
      own.push_back(stands ? made : graph::kNone);
      if (stands) g_.replace_all(old, made);
    }
    g_.erase_nodes(std::vector<NodeId>(group.members.rbegin(), group.members.rend()));
    for (size_t j = 0; j < names.size(); ++j)
      if (own[j] != graph::kNone && g_.value(own[j]).name != names[j]) g_.rename(own[j], names[j]);
  }

 private:
  Graph& g_;
  std::map<ValueId, ValueId> replaced_;
};

}  // namespace
}  // namespace contexts

ContextOptions context_options(const SessionOptions& o, const std::string& model_path) {
  namespace fs = std::filesystem;
  ContextOptions c;
  c.share = config_bool(o.config, "ep.share_ep_contexts", false);
  c.enable = config_bool(o.config, "ep.context_enable", false);
  if (!c.enable) return c;
  c.file = config_text(o.config, "ep.context_file_path");
  c.embed = config_bool(o.config, "ep.context_embed_mode", false);
  c.prefix = config_text(o.config, "ep.context_node_name_prefix");
  c.external_file = config_text(o.config, "ep.context_model_external_initializers_file_name");
  c.external_min_bytes = config_int(o.config, "session.optimized_model_external_initializers_min_size_in_bytes", 1024);
  if (c.file.empty()) {
    if (model_path.empty()) fail("ep.context_enable: expected ep.context_file_path for a model from bytes");
    c.file = fs::path(model_path).replace_extension();
    c.file += "_ctx.onnx";
  }
  if (fs::is_directory(c.file) || !c.file.has_filename())
    fail("ep.context_file_path: \"{}\" is a directory, expected a file", c.file.string());
  if (fs::exists(c.file) && !config_bool(o.config, "tenon.context_overwrite", false))
    fail(ErrorCode::kFail, "ep.context_enable: the file \"{}\" exists already", c.file.string());
  return c;
}

void add_context_services(ep::CompileContext& c, const SessionOptions& o, const std::string& model_path,
                          const onnx::LoadOptions& load) {
  c.may_compile = !config_bool(o.config, "session.disable_model_compile", false);
  c.share_contexts = config_bool(o.config, "ep.share_ep_contexts", false);
  c.encode = [](const graph::Graph& g) { return onnx::write_model(g, {.ops = contexts::group_ops()}); };
  c.decode = [](std::span<const std::byte> bytes) {
    return onnx::load_bytes(bytes, {.ops = contexts::group_ops(), .weights = onnx::Weights::kRead});
  };
  c.context_of = [&o, &model_path, &load](const graph::Node& n, std::string_view provider, std::string_view version) {
    if (n.attrs.get_int("main_context", 1) != 1)
      fail(ErrorCode::kNotImplemented, "main_context is 0, expected a node with a context of its own");
    const std::string_view text = n.attrs.get_string("ep_cache_context", "");
    if (text.empty()) fail(ErrorCode::kInvalidGraph, "ep_cache_context is missing");
    ep::Blob blob;
    if (n.attrs.get_int("embed_mode", 1) != 0) {
      auto bytes = std::make_shared<const std::string>(text);
      blob = {std::as_bytes(std::span(*bytes)), bytes};
    } else {
      onnx::ExternalData in_memory;
      for (const auto& [location, bytes] : o.external_files) in_memory.files.emplace(location, bytes);
      onnx::LoadOptions options = load;
      options.external = &in_memory;
      onnx::ExternalFiles files(contexts::data_dir(o, model_path),
                                model_path.empty() ? std::filesystem::path() : real_path(model_path), options);
      auto bytes = files.file(text);
      blob = {bytes->bytes(), bytes};
    }
    blob.bytes = open_seal(blob.bytes, provider, version);
    return blob;
  };
}

void write_contexts(const graph::Graph& before, const graph::Graph& placed, const partition::Placement& p,
                    const ep::CompileContext& c, const ContextOptions& o, const Logger& log, LoadReport& report) {
  const std::unique_ptr<graph::Graph> g = before.clone();
  contexts::ContextForm form(*g);
  size_t& made = report.context_nodes;
  for (const partition::CompiledGroup& group : p.compiled) {
    if (group.members.empty()) continue;  // conversions alone
    ep::Provider& provider = *p.providers[group.provider].provider;
    const graph::Node& node = placed.node(group.node);
    ep::CompiledContext* ability = provider.context();
    if (!ability) {
      log.log(Severity::kWarning, "{} does not serialise what it compiles: the nodes of {} are saved as they are",
              p.providers[group.provider].key, node.name);
      continue;
    }
    const std::string name(provider.name()), version = ability->version();
    std::string bytes = ability->serialize({node.body, node.name}, *p.executables.at(group.node), c);
    bytes = seal(name, version, bytes);
    graph::Attrs attrs = {{"main_context", int64_t{1}},
                          {"embed_mode", int64_t{o.embed}},
                          {"source", name},
                          {"ep_sdk_version", version},
                          {"partition_name", node.name}};
    if (!o.embed) {
      const std::string file = o.share ? fmt::format("{}_{:016x}.bin", name, content_hash(bytes))
                                       : fmt::format("{}_{}_{}.bin", o.file.stem().string(), name, made);
      const std::filesystem::path path = o.file.parent_path() / file;
      // Under a name made of the contents, another model of the same sharing has written it.
      if (!o.share || !std::filesystem::exists(path)) contexts::write_whole(path, bytes);
      if (!std::ranges::count(report.context_files, file)) report.context_files.push_back(file);
      bytes = file;
    }
    attrs.set("ep_cache_context", std::move(bytes));
    form.replace(group, std::move(attrs), o.prefix + node.name);
    contexts::set_metadata(*g, "ep_compatibility_info." + name, version);
    ++made;
  }
  if (!made)
    log.log(Severity::kWarning, "ep.context_enable: no provider has compiled anything, the model is saved as it is");
  g->sort();
  for (graph::ValueId v = 0; v < g->value_limit(); ++v)
    if (g->is_constant(v) && g->value(v).uses.empty() && !g->pinned(v)) g->erase_constant(v);
  onnx::save_file(
      *g, o.file,
      {.ops = ops::builtin_ops(), .external_file = o.external_file, .external_min_bytes = o.external_min_bytes});
}

}  // namespace tenon::session
