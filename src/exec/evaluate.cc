// One node at a time: infer with contents, make the kernel, run it on handles.
#include "exec/evaluate.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/value_data.h"
#include "ops/infer.h"

namespace tenon::exec {
namespace {

class Evaluation final : public ops::InferHost, public ops::KernelHost {
 public:
  Evaluation(const graph::Node& n, std::span<const Value> inputs) : node_(n), inputs_(inputs.begin(), inputs.end()) {}
  ~Evaluation() override {
    for (void* p : scratch_) std::free(p);
  }

  /// Infers; false when known results are larger than `max_bytes`.
  bool prepare(size_t max_bytes) {
    types_.resize(inputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i]) types_[i] = type_of(inputs_[i]);
      type_pointers_.push_back(inputs_[i] ? &types_[i] : nullptr);
    }
    ops::InferContext c(node_, type_pointers_, symbols_, *this);
    node_.def->infer(c);
    size_t total = 0;
    for (size_t j = 0; j < node_.outputs.size(); ++j) {
      results_.push_back(c.result(j).value_or(ValueType{}));
      if (results_[j].is_static()) total += storage_bytes(results_[j].elem, element_count(results_[j].dims));
    }
    return total <= max_bytes;
  }

  std::vector<Value> run(const Parallel& par) {
    if (!node_.def->make) fail(ErrorCode::kNotImplemented, "{} has no CPU kernel", node_.op);
    const size_t n = inputs_.size(), m = node_.outputs.size();
    refs_.resize(n + m);
    outputs_.resize(m);
    for (uint32_t i = 0; i < n; ++i) {
      in_.push_back(inputs_[i] ? i : UINT32_MAX);
      if (inputs_[i] && inputs_[i].is_tensor()) refs_[i] = ref_of(inputs_[i]);
    }
    std::vector<const ValueType*> result_pointers;
    for (uint32_t j = 0; j < m; ++j) {
      const bool wanted = node_.outputs[j] != graph::kNone;
      out_.push_back(wanted ? static_cast<uint32_t>(n + j) : UINT32_MAX);
      result_pointers.push_back(wanted ? &results_[j] : nullptr);
      if (wanted && results_[j].is_static()) make_output(j, results_[j].elem, results_[j].dims);
    }
    const auto kernel = node_.def->make({node_.op, node_.name, node_.since_version, node_.attrs, type_pointers_,
                                         result_pointers, inputs_, nullptr, active_isa(), node_.def});
    ops::KernelContext c(refs_.data(), in_, out_, par, *this);
    kernel->run(c);
    return std::move(outputs_);
  }

  // InferHost: everything is known.
  Value contents(size_t i) override { return i < inputs_.size() && inputs_[i].is_tensor() ? inputs_[i] : Value(); }
  const std::vector<int64_t>* derived_ints(size_t) override { return nullptr; }
  bool infer_region(size_t, std::span<const ValueType>, std::vector<ValueType>*) override { return false; }

  // KernelHost.
  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    if (!outputs_[j] || outputs_[j].dtype() != t || !std::ranges::equal(outputs_[j].dims(), dims))
      make_output(j, t, dims);
    return refs_[inputs_.size() + j];
  }
  void set_output(size_t j, Value v) override { outputs_[j] = std::move(v); }
  Value input_value(size_t i) override { return inputs_[i]; }
  void* scratch(size_t bytes) override {
    scratch_.push_back(std::aligned_alloc(64, (bytes + 127) / 64 * 64));
    if (!scratch_.back()) fail_out_of_memory(bytes, "scratch memory");
    return scratch_.back();
  }

 private:
  static ops::TensorRef ref_of(const Value& v) {
    return {const_cast<void*>(v.data()), v.dims().data(), static_cast<uint32_t>(v.dims().size()), v.dtype(), v.count()};
  }
  static ValueType type_of(const Value& v) {
    if (v.is_tensor()) return ValueType::tensor(v.dtype(), Dims(v.dims()));
    if (v.kind() == ValueKind::kSequence) return ValueType::sequence(ValueType::tensor(v.dtype()));
    if (v.kind() == ValueKind::kOptional)
      return ValueType::optional(v.items().empty() ? ValueType::tensor(v.dtype()) : type_of(v.items()[0]));
    ValueType t;
    t.kind = v.kind();
    t.elem = v.dtype();
    return t;
  }
  void make_output(size_t j, DType t, std::span<const int64_t> dims) {
    outputs_[j] = Value::tensor(t, dims);
    refs_[inputs_.size() + j] = ref_of(outputs_[j]);
  }

  const graph::Node& node_;
  std::vector<Value> inputs_, outputs_;
  std::vector<ValueType> types_, results_;
  std::vector<const ValueType*> type_pointers_;
  std::vector<ops::TensorRef> refs_;
  std::vector<uint32_t> in_, out_;
  std::vector<void*> scratch_;
  Symbols symbols_;
};

}  // namespace

std::vector<Value> evaluate(const graph::Node& n, std::span<const Value> inputs, const Parallel& par) {
  if (!n.regions.empty()) fail(ErrorCode::kNotImplemented, "{} has regions: it needs a plan", n.op);
  Evaluation e(n, inputs);
  e.prepare(SIZE_MAX);
  return e.run(par);
}

std::vector<Value> fold(const graph::Graph& g, graph::NodeId id, size_t max_bytes) {
  const graph::Node& n = g.node(id);
  if (!n.def || !n.def->deterministic || !n.def->make || !n.regions.empty()) return {};
  std::vector<Value> inputs;
  for (graph::ValueId v : n.inputs) {
    if (v != graph::kNone && !g.is_constant(v)) return {};
    inputs.push_back(v == graph::kNone ? Value() : g.constant(v));
  }
  try {
    Evaluation e(n, inputs);
    if (!e.prepare(max_bytes)) return {};
    return e.run({});
  } catch (const Error&) {
    return {};  // the node stays and reports its error when it runs
  }
}

}  // namespace tenon::exec
