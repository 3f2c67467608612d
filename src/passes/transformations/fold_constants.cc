// Values that do not depend on inputs become constants: nodes whose operands are all constant, integers that inference
// has derived (Shape of known dims and what follows from it), and captured constants inside the bodies that read them.
// Level 1, exact: the same kernels compute the same bits, only earlier.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "passes/pass.h"

namespace tenon::passes::fold_constants {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kGrowth = 8;

size_t bytes_of(const ValueType& t) {
  try {
    return t.elem == DType::kString ? 64 * static_cast<size_t>(element_count(t.dims))
                                    : storage_bytes(t.elem, element_count(t.dims));
  } catch (const Error&) {  // larger than any memory
    return std::numeric_limits<size_t>::max();
  }
}

/// Integers as a tensor of the type that inference gave the value; empty when they do not fit it.
Value tensor_of(const ValueType& t, const std::vector<int64_t>& ints) {
  using Types = Join<IntTypes, TypeList<bool>>;
  if (!t.is_static() || !contains(Types::set, t.elem) || std::any_of(ints.begin(), ints.end(), is_symbol) ||
      element_count(t.dims) != static_cast<int64_t>(ints.size()))
    return {};
  Value v = Value::tensor(t.elem, t.dims);
  const bool fits = visit<Types>(t.elem, [&]<class T>() {
    for (size_t i = 0; i < ints.size(); ++i) {
      v.as_mutable<T>()[i] = static_cast<T>(ints[i]);
      if (static_cast<int64_t>(v.as<T>()[i]) != ints[i]) return false;
    }
    return true;
  });
  return fits ? v : Value();
}

class Folder {
 public:
  Folder(Graph& g, PassContext& c) : g_(g), c_(c) {}

  int64_t region(RegionId r) {
    std::vector<NodeId> folded;
    const std::vector<NodeId> order = g_.region(r).nodes;
    int64_t changes = 0;
    for (NodeId n : order) {
      if (!g_.node(n).regions.empty()) {
        changes += sink_captures(n);
        for (RegionId body : std::vector<RegionId>(g_.node(n).regions)) changes += region(body);
      }
      if (fold(n, r)) folded.push_back(n);
    }
    std::reverse(folded.begin(), folded.end());
    g_.erase_nodes(folded);
    return changes + static_cast<int64_t>(folded.size());
  }

 private:
  /// Captured constants are visible in the bodies themselves.
  int64_t sink_captures(NodeId n) {
    int64_t changes = 0;
    const uint32_t count = g_.node(n).captures;
    for (uint32_t k = 0; k < count; ++k) {
      const ValueId v = g_.node(n).captured()[k];
      if (!g_.is_constant(v)) continue;
      for (RegionId r : g_.node(n).regions) {
        const auto& args = g_.region(r).args;
        const ValueId arg = args[args.size() - count + k];
        if (g_.pinned(arg)) continue;  // a body's result stays a value of the body
        changes += !g_.value(arg).uses.empty();
        g_.replace_all(arg, v);
      }
    }
    if (changes) g_.drop_unused_captures(n);
    return changes;
  }

  bool fold(NodeId n, RegionId r) {
    const Node& node = g_.node(n);
    if (!node.def || !node.def->deterministic || !node.regions.empty()) return false;
    // A body returns values of its own.
    const auto kept = [&](ValueId v) { return v != kNone && g_.pinned(v) && r != 0; };
    if (std::any_of(node.outputs.begin(), node.outputs.end(), kept)) return false;
    std::vector<Value> results = derived(node);
    if (results.empty()) results = evaluated(n);
    if (results.size() != node.outputs.size() || !c_.take()) return false;
    c_.fired(g_, n, 1);
    const std::vector<ValueId> outputs = node.outputs;
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (outputs[k] == kNone) continue;
      const std::string name = g_.value(outputs[k]).name;
      const ValueId constant = g_.add_constant(name, std::move(results[k]));
      g_.replace_all(outputs[k], constant);
      if (g_.value(constant).name != name) {  // the constant is called as the value was
        g_.rename(outputs[k], "folded");
        g_.rename(constant, name);
      }
    }
    return true;
  }

  std::vector<Value> derived(const Node& node) {
    if (node.outputs.size() != 1 || node.outputs[0] == kNone) return {};
    const auto it = c_.ints.find(node.outputs[0]);
    if (it == c_.ints.end()) return {};
    Value v = tensor_of(g_.type(node.outputs[0]), it->second);
    if (!v) return {};
    return {std::move(v)};
  }

  std::vector<Value> evaluated(NodeId n) {
    const Node& node = g_.node(n);
    const bool constant =
        std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return v == kNone || g_.is_constant(v); });
    if (!constant || !c_.evaluate) return {};
    // Backends recognise quantised weights by this node.
    if (node.op == "DequantizeLinear") return skip(n, "quantised constants stay quantised");
    size_t in = 0, out = 0;
    for (ValueId v : node.inputs)
      if (v != kNone) in += g_.constant(v).bytes();
    for (ValueId v : node.outputs) {
      if (v == kNone) continue;
      const ValueType& t = g_.type(v);
      if (!t.is_tensor()) return {};
      // How many elements the kernel will find is bounded by what it reads, unless it generates them.
      const bool bounded = node.op == "NonZero" || node.op == "Unique" || node.op == "Compress";
      if (!t.is_static() && !bounded) return skip(n, "the size of the result is not known");
      const size_t bytes = t.is_static() ? bytes_of(t) : 64 * in;
      if (bytes > c_.options.fold_bytes - std::min(out, c_.options.fold_bytes))
        return skip(n, "the result is larger than the limit for folded constants");
      out += bytes;
    }
    if (out > kMiB && out / kGrowth > in) return skip(n, "the result is much larger than the operands");
    if (out > c_.options.fold_bytes - std::min(c_.folded_bytes, c_.options.fold_bytes))
      return skip(n, "the limit for folded constants is reached");
    std::vector<Value> results;
    try {
      results = c_.evaluate(g_, n);
    } catch (const Error&) {
      return skip(n, "evaluation fails");  // the run reports it, if it comes to that
    }
    if (results.size() != node.outputs.size()) return {};
    for (size_t k = 0; k < results.size(); ++k) {
      if (node.outputs[k] == kNone) continue;
      if (!results[k].is_tensor() || !admits(g_.type(node.outputs[k]), results[k]))
        return skip(n, "the result is not of the inferred type");
    }
    c_.folded_bytes += out;
    return results;
  }

  std::vector<Value> skip(NodeId n, const char* reason) {
    c_.skipped(g_, n, reason);
    return {};
  }

  Graph& g_;
  PassContext& c_;
};

int64_t apply(Graph& g, PassContext& c) { return Folder(g, c).region(0); }

}  // namespace
extern const Transformation kTransformation;
const Transformation kTransformation{"fold_constants", "ConstantFolding", Level::kBasic, NumericClass::kExact, apply};
}  // namespace tenon::passes::fold_constants
