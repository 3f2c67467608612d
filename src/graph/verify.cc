// The graph's invariants, checked from scratch.
#include "graph/verify.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace tenon::graph {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& g)
      : g_(g),
        defined_(g.value_limit(), false),
        node_seen_(g.node_limit(), false),
        uses_(g.value_limit(), 0),
        result_uses_(g.value_limit(), 0) {}

  void run() {
    names();
    for (ValueId v = 0; v < g_.value_limit(); ++v) {
      if (!g_.is_constant(v)) continue;
      defined_[v] = true;
      constant(v);
    }
    std::vector<RegionId> open{0};
    while (!open.empty()) {  // outer regions first
      const RegionId r = open.back();
      open.pop_back();
      region(r, open);
    }
    size_t live = 0;
    for (NodeId n = 0; n < g_.node_limit(); ++n) {
      live += g_.node(n).alive;
      if (g_.node(n).alive && !node_seen_[n]) bad(n, "stands in no region");
    }
    if (live != g_.live_nodes()) broken("{} nodes are alive, {} are counted", live, g_.live_nodes());
    for (ValueId v = 0; v < g_.value_limit(); ++v) use_list(v);
  }

 private:
  template <class... A>
  [[noreturn]] static void broken(fmt::format_string<A...> format, A&&... args) {
    fail(ErrorCode::kInvalidGraph, "broken graph: {}", fmt::format(format, std::forward<A>(args)...));
  }
  [[noreturn]] void bad(NodeId n, std::string_view what) const {
    broken("node \"{}\" ({}): {}", g_.node(n).name, g_.node(n).op, what);
  }
  bool dead(ValueId v) const {
    const ValueInfo& i = g_.value(v);
    return i.role == ValueRole::kResult ? i.node == kNone
                                        : i.role == ValueRole::kArgument && g_.find_value(i.name) != v;
  }

  void names() const {
    for (ValueId v = 0; v < g_.value_limit(); ++v) {
      if (!dead(v) && g_.find_value(g_.value(v).name) != v)
        broken("value \"{}\" is not found by its name", g_.value(v).name);
    }
  }

  void constant(ValueId v) const {
    const ValueInfo& i = g_.value(v);
    if (!i.data) broken("constant \"{}\" has no contents", i.name);
    if (!admits(i.type, i.data)) {
      broken("constant \"{}\" is typed {} but holds {}", i.name, to_string(i.type), to_string(type_of(i.data)));
    }
    if (i.data.is_tensor() && i.data.dtype() != DType::kString &&
        i.data.bytes() != storage_bytes(i.data.dtype(), i.data.count())) {
      broken("constant \"{}\" has {} bytes, its type needs {}", i.name, i.data.bytes(),
             storage_bytes(i.data.dtype(), i.data.count()));
    }
  }

  void define(ValueId v, ValueRole role, RegionId r, size_t index) {
    const ValueInfo& i = g_.value(v);
    if (defined_[v]) broken("value \"{}\" is defined twice", i.name);
    if (i.role != role || i.region != r || i.index != index)
      broken("value \"{}\" is not what its definition says", i.name);
    defined_[v] = true;
  }

  void region(RegionId r, std::vector<RegionId>& open) {
    const Region& region = g_.region(r);
    for (size_t i = 0; i < region.args.size(); ++i)
      define(region.args[i], r == 0 ? ValueRole::kInput : ValueRole::kArgument, r, i);
    for (NodeId n : region.nodes) {
      if (n >= g_.node_limit() || !g_.node(n).alive) broken("region {} holds a removed node", r);
      if (node_seen_[n]) bad(n, "stands in two places");
      node_seen_[n] = true;
      if (g_.node(n).region != r) bad(n, "does not know its region");
      node(n, open);
    }
    for (ValueId v : region.results) {
      if (v == kNone || !readable(v, r)) broken("region {} returns a value that is not defined in it", r);
      ++result_uses_[v];
    }
    if (r == 0 && region.result_names.size() != region.results.size())
      broken("{} results, {} names of results", region.results.size(), region.result_names.size());
  }

  bool readable(ValueId v, RegionId r) const {
    return v < g_.value_limit() && defined_[v] && (g_.is_constant(v) || g_.value(v).region == r);
  }

  void node(NodeId id, std::vector<RegionId>& open) {
    const Node& n = g_.node(id);
    if (n.captures > n.inputs.size()) bad(id, "more captures than operands");
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const ValueId v = n.inputs[i];
      if (v == kNone) {
        if (i >= n.operands().size()) bad(id, "a capture is missing");
        continue;
      }
      if (!readable(v, n.region)) {
        const std::string name = v < g_.value_limit() ? g_.value(v).name : std::to_string(v);
        bad(id, fmt::format("reads \"{}\", which is not defined before it in its region", name));
      }
      ++uses_[v];
    }
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      if (n.outputs[i] == kNone) continue;
      if (g_.value(n.outputs[i]).node != id) bad(id, "its output belongs to another node");
      define(n.outputs[i], ValueRole::kResult, n.region, i);
    }
    try {
      verify_operands(g_, id, true);
    } catch (const Error& e) {
      bad(id, e.what());
    }
    if (n.regions.size() != n.region_names.size()) bad(id, "regions and their names differ in number");
    for (RegionId r : n.regions) {
      const Region& body = g_.region(r);
      if (body.owner != id) bad(id, "its region belongs to another node");
      if (body.args.size() < n.captures) bad(id, "its region has fewer arguments than captures");
      const size_t formal = body.args.size() - n.captures;
      for (size_t k = 0; k < n.captures; ++k) {
        const ValueType &outer = g_.type(n.captured()[k]), &inner = g_.type(body.args[formal + k]);
        if (outer.elem != DType::kUndefined && inner.elem != DType::kUndefined &&
            (outer.kind != inner.kind || outer.elem != inner.elem)) {
          bad(id, fmt::format("captures \"{}\" as another type", g_.value(n.captured()[k]).name));
        }
      }
      open.push_back(r);
    }
  }

  void use_list(ValueId v) const {
    const ValueInfo& i = g_.value(v);
    if (i.uses.size() != uses_[v] || i.result_uses != result_uses_[v]) {
      broken("value \"{}\" has {} uses and {} results, its list says {} and {}", i.name, uses_[v], result_uses_[v],
             i.uses.size(), i.result_uses);
    }
    for (const Use& u : i.uses) {
      if (u.node >= g_.node_limit() || u.index >= g_.node(u.node).inputs.size() || g_.node(u.node).inputs[u.index] != v)
        broken("value \"{}\" lists a use that is none", i.name);
    }
  }

  const Graph& g_;
  std::vector<bool> defined_, node_seen_;
  std::vector<uint32_t> uses_, result_uses_;
};

}  // namespace

void verify(const Graph& g) { Verifier(g).run(); }

}  // namespace tenon::graph
