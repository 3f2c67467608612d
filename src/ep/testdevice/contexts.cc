// Groups as models, with plain layouts at their border.
#include "ep/testdevice/contexts.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "base/error.h"
#include "base/value_data.h"
#include "ep/layout.h"
#include "ep/testdevice/executables.h"
#include "ep/testdevice/state.h"

namespace tenon::ep::testdevice {
namespace contexts {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;

ValueId converted(Graph& g, ValueId v, Layout becomes, NodeId before) {
  graph::Node node;
  node.op = kConvertLayout.name;
  node.domain = kConvertLayout.domain;
  node.def = &kConvertLayout;
  node.since_version = kConvertLayout.since;
  node.inputs = {v};
  node.name = g.value(v).name + "_at_border";
  const std::string names[] = {node.name};
  const ValueId out = g.node(g.add_node(0, std::move(node), names, before)).outputs[0];
  ValueType t = g.type(v);
  t.layout = becomes;
  g.set_type(out, std::move(t));
  return out;
}

void plain_border(Graph& g) {
  const NodeId first = g.region().nodes.empty() ? kNone : g.region().nodes.front();
  for (ValueId v : g.region().args) {
    const Layout layout = g.type(v).layout;
    if (layout == Layout::kPlain) continue;
    const std::vector<graph::Use> uses = g.value(v).uses;
    g.edit_value(v).type.layout = Layout::kPlain;
    const ValueId inside = converted(g, v, layout, first);
    for (const graph::Use& u : uses) g.set_input(u.node, u.index, inside);
  }
  std::vector<ValueId> results = g.region().results;
  std::vector<std::string> names = g.region().result_names;
  for (size_t j = 0; j < results.size(); ++j) {
    if (g.type(results[j]).layout == Layout::kPlain) continue;
    results[j] = converted(g, results[j], Layout::kPlain, kNone);
    names[j] = g.value(results[j]).name;
  }
  g.set_results(0, std::move(results));
  g.edit_region(0).result_names = std::move(names);
}

void put_number(std::string& out, size_t n) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(n >> shift & 0xff);
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::span<const std::byte> take(size_t n) {
    if (n > rest_.size()) fail(ErrorCode::kEpFail, "the context ends after {} of {} bytes", rest_.size(), n);
    const auto part = rest_.first(n);
    rest_ = rest_.subspan(n);
    return part;
  }
  size_t number() {
    size_t n = 0;
    const auto part = take(4);
    for (size_t i = 0; i < 4; ++i) n |= std::to_integer<size_t>(part[i]) << (8 * i);
    return n;
  }
  std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

std::shared_ptr<const Interpreter> interpreter(const Blob& blob, const CompileContext& context) {
  Reader in(blob.bytes);
  std::vector<std::string> names;
  for (size_t count = in.number(); count > 0; --count) {
    const auto name = in.take(in.number());
    names.emplace_back(reinterpret_cast<const char*>(name.data()), name.size());
  }
  const std::unique_ptr<Graph> g = context.decode(in.rest());
  for (const std::string& name : names) {
    const ValueId v = g->find_value(name);
    const ValueType* t = v == kNone ? nullptr : &g->type(v);
    if (!t || g->producer(v) == kNone || !t->is_tensor() || t->elem == DType::kString || !t->has_rank ||
        t->dims.size() < 3)
      fail(ErrorCode::kEpFail, "the context gives a layout to \"{}\", which is no value that can have one", name);
    g->edit_value(v).type.layout = Layout::kNhwc;
  }
  return std::make_shared<Interpreter>(*g, context.isa);
}

/// Restored groups that sessions share while one of them holds them.
std::shared_ptr<const Interpreter> shared_interpreter(const Blob& blob, const CompileContext& context) {
  static std::mutex mutex;
  static auto& known = *new std::map<std::tuple<uint64_t, size_t, Isa>, std::weak_ptr<const Interpreter>>;
  const std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  const Dims dims = {static_cast<int64_t>(blob.bytes.size())};
  auto* bytes = const_cast<std::byte*>(blob.bytes.data());
  const uint64_t hash = graph::hash_contents(ValueAccess::view(DType::kUint8, dims, bytes));
  std::weak_ptr<const Interpreter>& entry = known[{hash, blob.bytes.size(), context.isa}];
  if (auto held = entry.lock()) return held;
  auto made = interpreter(blob, context);
  entry = made;
  return made;
}

}  // namespace
}  // namespace contexts

std::string Contexts::serialize(const Subgraph& group, const Executable&, const CompileContext& context) {
  if (!context.encode) fail(ErrorCode::kEpFail, "there is nobody to write group \"{}\"", group.name);
  const std::unique_ptr<graph::Graph> body = group.body->clone();
  contexts::plain_border(*body);
  std::vector<std::string> names;
  for (graph::NodeId n : body->region().nodes)
    for (graph::ValueId v : body->node(n).outputs)
      if (v != graph::kNone && body->type(v).layout != Layout::kPlain) names.push_back(body->value(v).name);
  std::string out;
  contexts::put_number(out, names.size());
  for (const std::string& name : names) {
    contexts::put_number(out, name.size());
    out += name;
  }
  return out + context.encode(*body);
}

std::unique_ptr<const Executable> Contexts::restore(const graph::Graph& g, graph::NodeId id, const Blob& blob,
                                                    const CompileContext& context) {
  if (!context.decode) fail(ErrorCode::kEpFail, "there is nobody to read a context");
  auto group =
      context.share_contexts ? contexts::shared_interpreter(blob, context) : contexts::interpreter(blob, context);
  const graph::Node& n = g.node(id);
  const auto compare = [&](std::span<const graph::ValueId> outer, std::span<const graph::ValueId> inner,
                           const char* what) {
    if (outer.size() != inner.size())
      fail(ErrorCode::kEpFail, "{} {}s found, the context has {}", outer.size(), what, inner.size());
    for (size_t i = 0; i < outer.size(); ++i) {
      const DType want = group->graph().type(inner[i]).elem;
      if (outer[i] == graph::kNone || g.type(outer[i]).elem != want)
        fail(ErrorCode::kEpFail, "{} {} is {}, the context has {}", what, i,
             outer[i] == graph::kNone ? "missing" : to_string(g.type(outer[i]), &g.symbols()), dtype_name(want));
    }
  };
  compare(n.inputs, group->graph().region().args, "input");
  compare(n.outputs, group->graph().region().results, "output");
  const int64_t ns = state_->clock.of(group->graph());
  return device_group(state_, {n.name, ns}, std::move(group));
}

}  // namespace tenon::ep::testdevice
