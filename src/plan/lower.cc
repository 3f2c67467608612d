// Lowers the regions of a graph to plans: numbers slots, shares bytes of views, makes kernels, finds last uses.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/value_data.h"
#include "plan/plan.h"
#include "plan/weight_use.h"

namespace tenon::plan {
namespace {

using graph::kNone;
using graph::Lowering;
using graph::ValueId;

class Lowerer {
 public:
  Lowerer(std::shared_ptr<const graph::Graph> g, std::shared_ptr<const Devices> devices, graph::RegionId region,
          const PlanOptions& options, WeightUse* weights)
      : g_(*g), options_(options), weights_(weights), plan_(std::make_unique<Plan>()) {
    plan_->graph = std::move(g);
    plan_->devices = std::move(devices);
    plan_->region = region;
  }

  std::unique_ptr<Plan> lower() {
    const graph::Region& r = g_.region(plan_->region);
    for (size_t i = 0; i < r.args.size(); ++i) add_argument(r, i);
    plan_->steps.reserve(r.nodes.size());
    for (graph::NodeId n : r.nodes) add_step(n);
    for (size_t i = 0; i < r.results.size(); ++i) {
      const SlotId s = slot(r.results[i]);
      plan_->results.push_back({i < r.result_names.size() ? r.result_names[i] : g_.value(r.results[i]).name, s});
      Slot& root = plan_->slots[plan_->slots[s].root];
      root.escapes = true;
      root.dies = UINT32_MAX;
    }
    set_lifetimes();
    return std::move(plan_);
  }

 private:
  // A constant that reaches a body as a capture is the constant itself in there: kernels can pack it.
  ValueId resolve(ValueId v) const {
    while (v != kNone && g_.value(v).role == graph::ValueRole::kArgument) {
      const graph::Region& r = g_.region(g_.value(v).region);
      const graph::Node& owner = g_.node(r.owner);
      const size_t formal = r.args.size() - owner.captures;
      const auto at = static_cast<size_t>(std::find(r.args.begin(), r.args.end(), v) - r.args.begin());
      if (at < formal || at >= r.args.size()) return v;
      const ValueId outer = resolve(owner.captured()[at - formal]);
      if (!g_.is_constant(outer)) return v;
      v = outer;
    }
    return v;
  }

  void add_argument(const graph::Region& r, size_t i) {
    const ValueId v = r.args[i];
    if (resolve(v) != v) {
      plan_->arguments.push_back({g_.value(v).name, kNoSlot});
      return;
    }
    plan_->arguments.push_back({g_.value(v).name, slot(v)});
  }

  /// `reader`: the memory from which a constant is read; other values have one of their own.
  SlotId slot(ValueId v, uint16_t reader = 0) {
    v = resolve(v);
    const uint16_t domain = g_.is_constant(v) ? reader : plan_->devices->domain_of(g_.type(v).device);
    auto [it, fresh] = index_.try_emplace(uint64_t{domain} << 32 | v, static_cast<SlotId>(plan_->slots.size()));
    if (fresh) {
      const graph::ValueInfo& info = g_.value(v);
      Slot s;
      s.value = v;
      s.domain = domain;
      s.root = it->second;
      s.is_handle = !info.type.is_tensor() || info.type.elem == DType::kString;
      if (info.role == graph::ValueRole::kConstant) {
        s.kind = SlotKind::kConstant;
        if (!info.data) fail(ErrorCode::kInvalidGraph, "constant {} has no data", info.name);
        // Those of the host are filled in when it is known which bytes are read.
        plan_->constants.emplace_back(it->second, domain ? uploaded(info.data, domain) : Value());
      } else if (info.role != graph::ValueRole::kResult) {
        s.kind = SlotKind::kArgument;
      }
      plan_->slots.push_back(s);
    }
    return it->second;
  }

  void add_step(graph::NodeId id) {
    const graph::Node& n = g_.node(id);
    if (!n.def) fail(ErrorCode::kNotImplemented, "{}: no implementation of {}.{}", n.name, n.domain, n.op);
    Step s{};
    s.node = id;
    s.def = n.def;
    s.lowering = n.def->lowering;
    s.in_begin = static_cast<uint32_t>(plan_->operands.size());
    s.in_count = static_cast<uint32_t>(n.inputs.size());
    const ep::Provider* provider = options_.placed ? options_.placed->find(n.provider) : nullptr;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const bool device = provider && n.regions.empty() && !ep::is_on_host(*provider, n, false, i);
      const uint16_t reader = device ? plan_->devices->domain_of(provider->device()) : 0;
      plan_->operands.push_back(n.inputs[i] == kNone ? kNoSlot : slot(n.inputs[i], reader));
    }
    s.out_begin = static_cast<uint32_t>(plan_->operands.size());
    s.out_count = static_cast<uint32_t>(n.outputs.size());
    for (ValueId v : n.outputs) {
      // An output that nothing reads still needs memory: the kernel writes it.
      plan_->operands.push_back(v == kNone ? kNoSlot : slot(v));
    }
    if (s.lowering == Lowering::kView) share_bytes(s);
    if (s.lowering == Lowering::kKernel || (s.lowering == Lowering::kView && !is_view(s))) {
      s.lowering = Lowering::kKernel;
      s.kernel = make_kernel(id);
      if (weights_) weights_->made(id);
      set_streams(s, provider);
    }
    s.first_region = static_cast<uint32_t>(plan_->regions.size());
    s.region_count = static_cast<uint32_t>(n.regions.size());
    for (graph::RegionId r : n.regions)
      plan_->regions.push_back(Lowerer(plan_->graph, plan_->devices, r, options_, weights_).lower());
    plan_->steps.push_back(s);
  }

  bool is_view(const Step& s) const {
    const SlotId in = plan_->operands[s.in_begin], out = plan_->operands[s.out_begin];
    return out != kNoSlot && plan_->slots[out].root == plan_->slots[in].root;
  }

  void share_bytes(const Step& s) {
    const SlotId in = plan_->operands[s.in_begin], out = plan_->operands[s.out_begin];
    if (in == kNoSlot || out == kNoSlot) return;
    if (plan_->slots[in].is_handle || plan_->slots[out].is_handle) return;
    if (plan_->slots[in].domain != plan_->slots[out].domain) return;
    plan_->slots[out].root = plan_->slots[in].root;
  }

  // A copy may read what another device's stream still writes; everybody else reads what the own stream or a copy made.
  void set_streams(Step& s, const ep::Provider* provider) {
    const Devices& devices = *plan_->devices;
    for (uint16_t i = 0; i < devices.streams.size(); ++i)
      if (devices.streams[i] == provider) s.stream = i;
    for (uint32_t i = 0; i < s.in_count; ++i) {
      const SlotId in = plan_->operands[s.in_begin + i];
      if (in == kNoSlot) continue;
      const uint16_t made_on = devices.domains[plan_->slots[in].domain].stream;
      if (made_on != kNoStream && made_on != s.stream) s.wait = made_on;
    }
  }

  Value uploaded(const Value& host, uint16_t domain) {
    const Domain& d = plan_->devices->domains[domain];
    void* p = d.allocator->reserve(std::max<size_t>(host.bytes(), 1), 64);
    if (!p) fail_out_of_memory(host.bytes(), "a weight on a device");
    Value v = ValueAccess::adopt(host.dtype(), host.dims(), p, d.allocator);
    ValueAccess::data(v)->device = d.device;
    const auto ref = [](const Value& x) {
      return ops::TensorRef{const_cast<void*>(x.data()), x.dims().data(), static_cast<uint32_t>(x.dims().size()),
                            x.dtype(), x.count()};
    };
    d.transfer->copy(ref(host), {}, ref(v), d.device, nullptr);
    plan_->uploaded_bytes += static_cast<int64_t>(host.bytes());
    return v;
  }

  const ops::Kernel* make_kernel(graph::NodeId id) {
    const graph::Node& n = g_.node(id);
    if (options_.placed) {
      const auto made = options_.placed->executables.find(id);
      if (made != options_.placed->executables.end()) {
        plan_->kernels.push_back(made->second);
        return made->second.get();
      }
    }
    ep::Provider* provider = options_.placed ? options_.placed->find(n.provider) : nullptr;
    const bool foreign = provider && provider != options_.placed->providers.back().provider;
    if (!foreign && !n.def->make) fail(ErrorCode::kNotImplemented, "{}: {} has no CPU implementation", n.name, n.op);
    std::vector<const ValueType*> in, out;
    std::vector<Value> constants;
    for (ValueId v : n.operands()) {
      const ValueId r = resolve(v);
      in.push_back(v == kNone ? nullptr : &g_.type(v));
      constants.push_back(r == kNone ? Value() : g_.constant(r));
    }
    for (ValueId v : n.outputs) out.push_back(v == kNone ? nullptr : &g_.type(v));
    try {
      const ops::NodeInfo info{n.op, n.name,    n.since_version, n.attrs,      in,
                               out,  constants, weights_,        options_.isa, n.def};
      plan_->kernels.push_back(foreign ? provider->kernel(n, info) : n.def->make(info));
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("node {} ({}): {}", n.name, n.op, e.what()), e.reason(), e.limit());
    }
    return plan_->kernels.back().get();
  }

  void set_lifetimes() {
    std::vector<uint32_t> last(plan_->slots.size(), 0);
    for (uint32_t i = 0; i < plan_->steps.size(); ++i) {
      const Step& s = plan_->steps[i];
      for (SlotId o : plan_->outputs(s)) {
        if (o == kNoSlot) continue;
        plan_->slots[o].born = i;
        last[plan_->slots[o].root] = std::max(last[plan_->slots[o].root], i);
      }
      for (SlotId in : plan_->inputs(s))
        if (in != kNoSlot) last[plan_->slots[in].root] = i;
    }
    std::vector<std::vector<SlotId>> frees(plan_->steps.size());
    for (SlotId id = 0; id < plan_->slots.size(); ++id) {
      Slot& s = plan_->slots[id];
      if (s.root != id || s.kind != SlotKind::kTemp || s.escapes) continue;
      s.dies = last[id];
      frees[s.dies].push_back(id);
    }
    for (uint32_t i = 0; i < plan_->steps.size(); ++i) {
      Step& s = plan_->steps[i];
      s.free_begin = static_cast<uint32_t>(plan_->operands.size());
      s.free_count = static_cast<uint32_t>(frees[i].size());
      plan_->operands.insert(plan_->operands.end(), frees[i].begin(), frees[i].end());
      choose_reuse(s, i);
    }
    for (Slot& s : plan_->slots) {
      const Slot& root = plan_->slots[s.root];
      s.dies = root.dies;
      s.escapes = root.escapes;
    }
  }

  // An op that moves data must not write where another operand still reads.
  bool read_twice(const Step& s, SlotId root) const {
    int readers = 0;
    for (uint32_t k = 0; k < s.in_count; ++k) {
      const SlotId in = plan_->operands[s.in_begin + k];
      readers += in != kNoSlot && plan_->slots[in].root == root;
    }
    return readers > 1;
  }

  // Output 0 may take the buffer of an input that dies here, unless the output leaves the region.
  void choose_reuse(Step& s, uint32_t at) {
    if (!options_.reuse || s.lowering != Lowering::kKernel || !s.def->inplace || s.out_count == 0) return;
    const SlotId out = plan_->operands[s.out_begin];
    if (out == kNoSlot || plan_->slots[out].is_handle || plan_->slots[out].escapes) return;
    for (uint32_t i = 0; i < s.in_count && i < 32; ++i) {
      const SlotId in = plan_->operands[s.in_begin + i];
      if (!(s.def->inplace >> i & 1) || in == kNoSlot) continue;
      const SlotId root = plan_->slots[in].root;
      const Slot& r = plan_->slots[root];
      if (r.domain != plan_->slots[out].domain) continue;
      if (r.kind != SlotKind::kTemp || r.escapes || r.is_handle || r.dies != at || r.born == at) continue;
      if (read_twice(s, root)) continue;
      s.reuse = root;
      return;
    }
  }

  const graph::Graph& g_;
  const PlanOptions& options_;
  WeightUse* weights_;
  std::unique_ptr<Plan> plan_;
  std::unordered_map<uint64_t, SlotId> index_;  ///< domain << 32 | value
};

std::shared_ptr<const Devices> devices_of(const ep::Placed* placed) {
  auto devices = std::make_shared<Devices>();
  if (!placed) return devices;
  for (const ep::Instance& i : placed->providers) {
    uint16_t stream = kNoStream;
    if (i.provider->has_streams()) {
      stream = static_cast<uint16_t>(devices->streams.size());
      devices->streams.push_back(i.provider);
    }
    if (i.provider->device() == Device{}) continue;
    if (!i.provider->allocator() || !i.provider->transfer())
      fail(ErrorCode::kEpFail, "{} has memory of its own, but no allocator or no data transfer", i.key);
    devices->domains.push_back({i.provider->device(), i.provider->allocator(), i.provider->transfer(), stream});
  }
  return devices;
}

void add_constants(Plan& p, const WeightUse* weights) {
  for (auto& [id, value] : p.constants) {
    Slot& s = p.slots[id];
    if (s.domain) continue;
    value = p.graph->constant(s.value);
    s.packed = weights && weights->is_packed(s.value);
    if (!s.packed) ValueAccess::load(value);
  }
  for (auto& r : p.regions) add_constants(*r, weights);
}

}  // namespace

std::unique_ptr<Plan> make_plan(std::shared_ptr<const graph::Graph> g, const PlanOptions& options) {
  const std::shared_ptr<const Devices> devices = devices_of(options.placed);
  std::optional<WeightUse> weights;
  if (options.store) weights.emplace(*g, *options.store, options.weight_handles);
  auto plan = Lowerer(std::move(g), devices, 0, options, weights ? &*weights : nullptr).lower();
  add_constants(*plan, weights ? &*weights : nullptr);
  return plan;
}

uint16_t Devices::domain_of(const Device& d) const {
  for (uint16_t i = 0; i < domains.size(); ++i)
    if (domains[i].device == d) return i;
  fail(ErrorCode::kEngineError, "a value lives in the memory of no provider of the session");
}

std::string to_string(const Plan& p) {
  std::string out;
  auto names = [&](std::span<const SlotId> ids) {
    std::string s;
    for (SlotId id : ids) {
      if (!s.empty()) s += ", ";
      if (id == kNoSlot) {
        s += "_";
        continue;
      }
      s += fmt::format("{}", p.graph->value(p.slots[id].value).name);
      if (p.slots[id].root != id) s += fmt::format("={}", p.graph->value(p.slots[p.slots[id].root].value).name);
    }
    return s;
  };
  for (size_t i = 0; i < p.steps.size(); ++i) {
    const Step& s = p.steps[i];
    out += fmt::format("{:4} {} = {}({})", i, names(p.outputs(s)), s.def->name, names(p.inputs(s)));
    if (s.reuse != kNoSlot) out += fmt::format(" in place of {}", p.graph->value(p.slots[s.reuse].value).name);
    if (s.free_count) out += fmt::format(" frees {}", names(p.frees(s)));
    out += '\n';
    for (uint32_t r = 0; r < s.region_count; ++r) out += to_string(*p.regions[s.first_region + r]);
  }
  return out;
}

}  // namespace tenon::plan
