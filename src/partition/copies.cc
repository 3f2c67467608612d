// Copies between memories, as nodes of the placed graph.
#include "partition/copies.h"

#include <map>
#include <tuple>

#include "base/error.h"
#include "partition/group_op.h"

namespace tenon::partition {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

constexpr Device kHost;

class CopyKernel final : public ep::Executable {
 public:
  CopyKernel(ep::DataTransfer& transfer, const Device& from, const Device& to)
      : transfer_(transfer), from_(from), to_(to) {}
  void run(ops::KernelContext& c) const override {
    const ops::TensorRef& x = c.input(0);
    transfer_.copy(x, from_, c.output(0, x.dtype, x.dims()), to_, c.stream);
  }

 private:
  ep::DataTransfer& transfer_;
  Device from_, to_;
};

auto order(const Device& d) { return std::tuple(d.type, d.vendor, d.id, d.memory); }

class CopyInsertion {
 public:
  CopyInsertion(Graph& g, Placement& p) : g_(g), p_(p) {}

  void run() {
    mark_results();
    for (RegionId r = 0; r < g_.region_limit(); ++r) {
      const NodeId owner = g_.region(r).owner;
      if (owner != kNone && !g_.node(owner).alive) continue;
      copies_.clear();
      const std::vector<NodeId> nodes = g_.region(r).nodes;
      for (NodeId n : nodes) {
        for (uint32_t i = 0; i < g_.node(n).inputs.size(); ++i) {
          const ValueId v = g_.node(n).inputs[i];
          if (v == kNone || g_.is_constant(v)) continue;
          const Device want = operand_device(g_, p_, n, i);
          if (!(g_.type(v).device == want)) g_.set_input(n, i, moved(v, want, r, n));
        }
      }
      return_results(r);
    }
  }

 private:
  void mark_results() {
    for (NodeId id = 0; id < g_.node_limit(); ++id) {
      const graph::Node& n = g_.node(id);
      if (!n.alive) continue;
      ep::Provider* provider = p_.find(n.provider);
      if (!provider || provider->device() == kHost) continue;
      for (size_t j = 0; j < n.outputs.size(); ++j) {
        if (n.outputs[j] == kNone || ep::is_on_host(*provider, n, true, j)) continue;
        g_.edit_value(n.outputs[j]).type.device = provider->device();
      }
    }
  }

  void return_results(RegionId r) {
    std::vector<ValueId> results = g_.region(r).results;
    bool changed = false;
    for (ValueId& v : results) {
      if (v == kNone || g_.is_constant(v) || g_.type(v).device == kHost) continue;
      v = moved(v, kHost, r, kNone);
      changed = true;
    }
    if (!changed) return;
    const std::vector<std::string> names = g_.region(r).result_names;
    g_.set_results(r, std::move(results));
    g_.edit_region(r).result_names = names;
  }

  ValueId moved(ValueId v, const Device& to, RegionId r, NodeId before) {
    const auto key = std::tuple(v, order(to));
    if (const auto it = copies_.find(key); it != copies_.end()) return it->second;
    const Device from = g_.type(v).device;
    const auto [key_of_provider, transfer] = copy_performer(p_, from, to);
    if (!transfer) {
      if (from == kHost || to == kHost)
        fail(ErrorCode::kEpFail, "no provider can copy \"{}\" from {} to {}", g_.value(v).name, name_of(from),
             name_of(to));
      return copies_[key] = moved(moved(v, kHost, r, before), to, r, before);
    }
    graph::Node node;
    node.op = kCopyOp.name;
    node.domain = kCopyOp.domain;
    node.def = &kCopyOp;
    node.since_version = kCopyOp.since;
    node.inputs = {v};
    node.provider = key_of_provider;
    node.name = fmt::format("{}_to_{}", g_.value(v).name, name_of(to));
    const std::string names[] = {g_.value(v).name};
    const NodeId id = g_.add_node(r, std::move(node), names, before);
    const ValueId copy = g_.node(id).outputs[0];
    ValueType t = g_.type(v);
    t.device = to;
    p_.copies.push_back({g_.value(v).name, name_of(from), name_of(to),
                         t.is_static() ? static_cast<int64_t>(storage_bytes(t.elem, element_count(t.dims))) : -1});
    g_.set_type(copy, std::move(t));
    p_.executables[id] = std::make_shared<CopyKernel>(*transfer, from, to);
    // A copy that came through the host serves readers there as well.
    return copies_[key] = copy;
  }

  std::string name_of(const Device& d) const {
    if (d == kHost) return "host";
    for (const ep::Instance& i : p_.providers)
      if (i.provider->device() == d) return i.key;
    return "device";
  }

  Graph& g_;
  Placement& p_;
  std::map<std::tuple<ValueId, decltype(order({}))>, ValueId> copies_;
};

}  // namespace

std::pair<std::string, ep::DataTransfer*> copy_performer(const ep::Placed& p, const Device& from, const Device& to) {
  for (const Device& d : {to, from}) {
    if (d == kHost) continue;
    for (const ep::Instance& i : p.providers)
      if (i.provider->device() == d)
        if (ep::DataTransfer* t = i.provider->transfer(); t && t->can_copy(from, to)) return {i.key, t};
  }
  return {};
}

Device operand_device(const Graph& g, const ep::Placed& p, NodeId id, size_t i) {
  const graph::Node& n = g.node(id);
  const ep::Provider* provider = p.find(n.provider);
  if (!provider || !n.regions.empty()) return kHost;
  return ep::is_on_host(*provider, n, false, i) ? kHost : provider->device();
}

void insert_copies(Graph& g, Placement& p) { CopyInsertion(g, p).run(); }

}  // namespace tenon::partition
