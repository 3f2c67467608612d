// Views: look-ups in the graph.
#include "ep/library/views.h"

#include <algorithm>

namespace tenon::ep::library {

std::string_view Value::name() const { return views_.graph.value(id_).name; }
ValueKind Value::kind() const { return views_.graph.type(id_).kind; }
plugin::TensorType Value::type() const { return ops::plugin_type(views_.graph.type(id_)); }
std::optional<plugin::TensorView> Value::constant() const {
  const tenon::Value& v = views_.graph.constant(id_);
  return v.is_tensor() ? std::optional(ops::plugin_view(v)) : std::nullopt;
}
const plugin::NodeView* Value::producer() const { return views_.node(views_.graph.producer(id_)); }
std::vector<const plugin::NodeView*> Value::users() const {
  std::vector<const plugin::NodeView*> out;
  for (const graph::Use& u : views_.graph.value(id_).uses) {
    const plugin::NodeView* n = views_.node(u.node);
    if (std::ranges::find(out, n) == out.end()) out.push_back(n);
  }
  return out;
}
bool Value::is_output() const { return views_.graph.pinned(id_); }

const graph::Node& Node::node() const { return views_.graph.node(id_); }
const plugin::Attributes& Node::attributes() const {
  if (!attributes_) attributes_.emplace(node().attrs, node().def);
  return *attributes_;
}
const plugin::ValueView* Node::input(size_t i) const {
  return i < num_inputs() ? views_.value(node().operands()[i]) : nullptr;
}
const plugin::ValueView* Node::output(size_t j) const {
  return j < num_outputs() ? views_.value(node().outputs[j]) : nullptr;
}
std::vector<std::pair<std::string, const plugin::GraphView*>> Node::subgraphs() const {
  std::vector<std::pair<std::string, const plugin::GraphView*>> out;
  for (size_t k = 0; k < node().regions.size(); ++k)
    out.emplace_back(node().region_names[k], &views_.region(node().regions[k]));
  return out;
}
std::vector<const plugin::ValueView*> Node::captures() const {
  std::vector<const plugin::ValueView*> out;
  for (graph::ValueId v : node().captured()) out.push_back(views_.value(v));
  return out;
}

Region::Region(Views& views, graph::RegionId id) : views_(views), id_(id) {
  const graph::Region& r = views.graph.region(id);
  for (graph::NodeId n : r.nodes) nodes_.push_back(views.node(n));
  for (graph::ValueId v : r.args) inputs_.push_back(views.value(v));
  for (graph::ValueId v : r.results) outputs_.push_back(views.value(v));
}
std::string_view Region::name() const {
  return id_ == 0 ? std::string_view(views_.graph.name) : views_.graph.region(id_).name;
}
std::string Region::text(plugin::Dim d) const { return views_.graph.symbols().to_string(d); }

}  // namespace tenon::ep::library
