// Type inference over a whole graph: every op's infer with symbolic dims, nested regions through their owners.
#include "ops/infer_types.h"

#include "base/error.h"
#include "base/model_error.h"
#include "graph/verify.h"
#include "ops/infer.h"

namespace tenon::ops {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

constexpr int kMaxDepth = 64;  // nested regions

bool unknown(const ValueType& t) { return t.is_tensor() && t.elem == DType::kUndefined; }

class Inference {
 public:
  Inference(Graph& g, DerivedInts& ints, const InferOptions& options) : g_(g), ints_(ints), options_(options) {
    // Bodies are inferred again when their arguments widen; nested loops multiply that.
    budget_ = 1000 + 64 * static_cast<int64_t>(g.node_limit());
  }

  void region(RegionId r) {
    for (NodeId n : g_.region(r).nodes) node(n);
  }

  void node(NodeId id) {
    if (--budget_ < 0) fail_limit("infer_nodes", "type inference of nested bodies does not settle");
    try {
      infer(id);
    } catch (const Error& e) {
      const Node& n = g_.node(id);
      throw at_node(e, fmt::format("\"{}\"", n.name), n.op);
    }
  }

 private:
  class Host : public InferHost {
   public:
    Host(Inference& parent, NodeId n) : parent_(parent), node_(n) {}
    Value contents(size_t i) override {
      const ValueId v = operand(i);
      if (v == kNone) return {};
      if (const Value& known = parent_.g_.constant(v)) return known;
      // A Constant node that nothing has folded: numbers beyond what derived_ints() can hold, and floats.
      const NodeId from = parent_.g_.producer(v);
      if (from == kNone || parent_.g_.node(from).op != "Constant") return {};
      const Value* value = parent_.g_.node(from).attrs.get_tensor("value");
      return value && value->is_tensor() ? *value : Value();
    }
    const std::vector<int64_t>* derived_ints(size_t i) override {
      const auto it = parent_.ints_.find(operand(i));
      return it == parent_.ints_.end() ? nullptr : &it->second;
    }
    bool infer_region(size_t k, std::span<const ValueType> args, std::vector<ValueType>* results) override {
      return parent_.body(node_, k, args, results);
    }

   private:
    ValueId operand(size_t i) const {
      const auto operands = parent_.g_.node(node_).operands();
      return i < operands.size() ? operands[i] : kNone;
    }
    Inference& parent_;
    NodeId node_;
  };

  void infer(NodeId id) {
    const Node& n = g_.node(id);
    for (ValueId v : n.outputs)
      if (v != kNone) ints_.erase(v);
    if (!n.def) return;  // a call keeps its declared types until it is inlined
    graph::verify_operands(g_, id, false);
    std::vector<const ValueType*> types;
    for (ValueId v : n.operands()) {
      if (v != kNone && unknown(g_.type(v))) return;  // behind a call of a function
      types.push_back(v == kNone ? nullptr : &g_.type(v));
    }
    Host host(*this, id);
    InferContext c(n, types, g_.symbols(), host);
    if (n.def->infer) n.def->infer(c);
    const std::vector<ValueId> outputs = n.outputs;
    for (size_t j = 0; j < outputs.size(); ++j) {
      if (outputs[j] == kNone) continue;
      std::optional<ValueType> t = c.result(j);
      if (!t) t = type_by_port(n, j, types);
      if (t) settle(outputs[j], std::move(*t));
      if (const auto& ints = c.result_ints(j)) ints_[outputs[j]] = *ints;
    }
  }

  /// Takes the inferred type, with what the model declared where inference knows nothing.
  void settle(ValueId v, ValueType inferred) {
    const graph::ValueInfo& info = g_.value(v);
    if (!info.declared && !options_.refine) return g_.set_type(v, std::move(inferred));
    // Bodies are inferred several times, each time against the model's own words.
    const ValueType declared = depth_ == 0 ? info.type : declared_.try_emplace(v, info.type).first->second;
    if (!info.declared)
      keep_known(declared, inferred);
    else if (!unknown(declared))
      merge(info.name, declared, inferred);
    g_.set_type(v, std::move(inferred));
  }

  void keep_known(const ValueType& old, ValueType& t) {
    if (old.kind != t.kind || old.elem != t.elem || !old.has_rank) return;
    if (!t.has_rank) {
      t.has_rank = true;
      t.dims = old.dims;
    } else if (old.dims.size() == t.dims.size()) {
      for (size_t i = 0; i < t.dims.size(); ++i)
        if (g_.symbols().is_fresh(t.dims[i])) t.dims[i] = old.dims[i];
    }
  }

  void merge(const std::string& name, const ValueType& declared, ValueType& t) {
    const auto conflict = [&] {
      return fmt::format("value \"{}\" is declared as {} but is inferred as {}", name,
                         to_string(declared, &g_.symbols()), to_string(t, &g_.symbols()));
    };
    if (declared.kind != t.kind || (declared.elem != t.elem && !unknown(t)))
      fail(ErrorCode::kInvalidGraph, "{}", conflict());
    if (!t.is_tensor() && t.kind != ValueKind::kSparse) return;
    t.elem = declared.elem;
    if (!declared.has_rank) return;
    if (!t.has_rank) {
      t.has_rank = true;
      t.dims = declared.dims;
      return;
    }
    bool differs = declared.dims.size() != t.dims.size();
    for (size_t i = 0; i < t.dims.size() && !differs; ++i) {
      if (g_.symbols().is_fresh(t.dims[i])) t.dims[i] = declared.dims[i];
      differs = differ(declared.dims[i], t.dims[i]);
    }
    if (!differs) return;
    if (options_.strict) fail(ErrorCode::kInvalidGraph, "{}", conflict());
    if (options_.on_conflict) options_.on_conflict(conflict());
  }

  bool body(NodeId owner, size_t k, std::span<const ValueType> args, std::vector<ValueType>* results) {
    const Node& n = g_.node(owner);
    if (k >= n.regions.size()) return false;
    if (depth_ >= kMaxDepth) fail_limit("region_depth", "subgraphs are nested more than {} deep", kMaxDepth);
    const RegionId r = n.regions[k];
    const std::vector<ValueId> formal = g_.region(r).args;
    if (formal.size() != args.size() + n.captures) {
      fail(ErrorCode::kInvalidGraph, "subgraph \"{}\" takes {} inputs, expected {}", n.region_names[k],
           formal.size() - n.captures, args.size());
    }
    ++depth_;
    for (size_t i = 0; i < args.size(); ++i) {
      ints_.erase(formal[i]);
      settle(formal[i], args[i]);
    }
    for (uint32_t i = 0; i < n.captures; ++i) {
      const ValueId outer = n.captured()[i], inner = formal[args.size() + i];
      g_.set_type(inner, g_.type(outer));
      ints_.erase(inner);
      if (const auto it = ints_.find(outer); it != ints_.end()) {
        std::vector<int64_t> copy = it->second;
        ints_[inner] = std::move(copy);
      }
    }
    region(r);
    --depth_;
    results->clear();
    for (ValueId v : g_.region(r).results) results->push_back(g_.type(v));
    return true;
  }

  Graph& g_;
  DerivedInts& ints_;
  const InferOptions& options_;
  std::unordered_map<ValueId, ValueType> declared_;
  int64_t budget_ = 0;
  int depth_ = 0;
};

}  // namespace

DerivedInts infer_types(Graph& g, const InferOptions& options) {
  DerivedInts ints;
  Inference inference(g, ints, options);
  inference.region(0);
  return ints;
}

void infer_node(Graph& g, NodeId n, DerivedInts& ints) {
  const InferOptions options;
  Inference(g, ints, options).node(n);
}

}  // namespace tenon::ops
