// The interpreter's loop: infer with what is known by now, allocate, run the op's own kernel.
#include "ep/testdevice/group.h"

#include <cstring>
#include <deque>

#include "base/error.h"
#include "base/value_data.h"
#include "ep/testdevice/channels_last.h"
#include "graph/copy_nodes.h"
#include "ops/infer.h"
#include "ops/infer_types.h"

namespace tenon::ep::testdevice {

using graph::kNone;
using graph::NodeId;
using graph::ValueId;

namespace {

void inline_calls(graph::Graph& g) {
  bool found = false;
  for (NodeId n = 0; n < g.node_limit(); ++n) {
    if (!g.node(n).alive || g.node(n).def) continue;
    const graph::Function* f = g.find_function(g.node(n).domain, g.node(n).op, g.node(n).overload);
    if (!f) fail(ErrorCode::kEpFail, "there is no function {}.{}", g.node(n).domain, g.node(n).op);
    const std::vector<ValueId> results = f->instantiate(g, n);
    const std::vector<ValueId> outputs = g.node(n).outputs;
    for (size_t j = 0; j < outputs.size(); ++j) {
      std::vector<NodeId> made;
      if (outputs[j] != kNone)
        g.replace_all(outputs[j], graph::own_result(g, results.at(j), outputs[j], n, ops::builtin_ops(), &made));
    }
    g.erase_node(n);
    found = true;
  }
  if (!found) return;
  std::vector<Layout> layouts;  // inference knows nothing of them
  for (ValueId v = 0; v < g.value_limit(); ++v) layouts.push_back(g.type(v).layout);
  ops::infer_types(g);
  for (ValueId v = 0; v < g.value_limit(); ++v) g.edit_value(v).type.layout = layouts[v];
}

struct Tensor {
  ops::TensorRef ref;
  Dims dims;
};

}  // namespace

class GroupRun final : public ops::InferHost, public ops::KernelHost {
 public:
  GroupRun(const Interpreter& group, memory::GuardedMemory& memory, const Interpreter::Output& output)
      : g_(*group.graph_), kernels_(group.kernels_), memory_(memory), output_(output), tensors_(g_.value_limit()) {}
  ~GroupRun() override {
    for (void* p : blocks_) memory_.free(p);
  }

  void run(std::span<const ops::TensorRef> inputs) {
    const graph::Region& r = g_.region();
    for (size_t i = 0; i < r.args.size(); ++i) {
      check(r.args[i], inputs[i]);
      set(r.args[i], inputs[i]);
    }
    for (ValueId v = 0; v < g_.value_limit(); ++v) {
      if (!g_.is_constant(v)) continue;
      const Value& c = g_.constant(v);
      set(v,
          {const_cast<void*>(c.data()), c.dims().data(), static_cast<uint32_t>(c.dims().size()), c.dtype(), c.count()});
    }
    for (NodeId n : r.nodes) node(n);
    for (size_t j = 0; j < r.results.size(); ++j) {
      const ops::TensorRef& from = tensors_[r.results[j]].ref;
      const ops::TensorRef to = output_(j, from.dtype, from.dims());
      if (to.dtype != from.dtype || !std::ranges::equal(to.dims(), from.dims()))
        fail(ErrorCode::kEpFail, "result {} has shape {}, memory is there for {}", j, to_string(from.dims()),
             to_string(to.dims()));
      if (from.bytes()) std::memcpy(to.data, from.data, from.bytes());
    }
  }

  // InferHost: whatever has been computed can be looked at here.
  Value contents(size_t i) override {
    const ValueId v = g_.node(node_).inputs[i];
    if (v == kNone) return {};
    const ops::TensorRef& r = tensors_[v].ref;
    return ValueAccess::view(r.dtype, r.dims(), r.data);
  }
  const std::vector<int64_t>* derived_ints(size_t) override { return nullptr; }
  bool infer_region(size_t, std::span<const ValueType>, std::vector<ValueType>*) override { return false; }

  // KernelHost.
  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    Tensor& out = tensors_[g_.node(node_).outputs[j]];
    if (out.ref.data && out.ref.dtype == t && std::ranges::equal(out.ref.dims(), dims)) return out.ref;
    out.dims.assign(dims);
    const int64_t count = element_count(out.dims);
    out.ref = {allocate(storage_bytes(t, count)), out.dims.data(), static_cast<uint32_t>(out.dims.size()), t, count};
    return out.ref;
  }
  void set_output(size_t j, Value v) override {
    const ops::TensorRef& r = allocate_output(j, v.dtype(), v.dims());
    std::memcpy(r.data, v.data(), v.bytes());
  }
  Value input_value(size_t i) override { return contents(i); }
  void* scratch(size_t bytes) override { return allocate(bytes); }

 private:
  /// Kernels were made for the types of the group.
  void check(ValueId v, const ops::TensorRef& r) const {
    const ValueType& t = g_.type(v);
    bool fits = t.elem == r.dtype && (!t.has_rank || t.dims.size() == r.rank);
    for (size_t i = 0; fits && t.has_rank && i < r.rank; ++i) fits = is_symbol(t.dims[i]) || t.dims[i] == r.dim[i];
    if (!fits)
      fail(ErrorCode::kEpFail, "operand \"{}\" is a tensor of {} {}, expected {}", g_.value(v).name,
           dtype_name(r.dtype), to_string(r.dims()), to_string(t, &g_.symbols()));
  }

  void set(ValueId v, const ops::TensorRef& r) {
    tensors_[v].ref = r;
    tensors_[v].dims.assign(r.dims());
    tensors_[v].ref.dim = tensors_[v].dims.data();
  }

  void* allocate(size_t bytes) {
    void* p = memory_.alloc(bytes, 64, nullptr);
    if (!p) fail_out_of_memory(bytes, "memory of the test device");
    blocks_.push_back(p);
    return p;
  }

  void node(NodeId id) {
    node_ = id;
    const graph::Node& n = g_.node(id);
    std::vector<ValueType> types(n.inputs.size());
    std::vector<const ValueType*> pointers;
    std::vector<uint32_t> in, out;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const ValueId v = n.inputs[i];
      in.push_back(v);
      pointers.push_back(v == kNone ? nullptr : &types[i]);
      if (v != kNone) types[i] = ValueType::tensor(tensors_[v].ref.dtype, tensors_[v].dims);
    }
    ops::InferContext c(n, pointers, symbols_, *this);
    n.def->infer(c);
    refs_.resize(tensors_.size());
    for (uint32_t j = 0; j < n.outputs.size(); ++j) {
      out.push_back(n.outputs[j]);
      if (n.outputs[j] == kNone) continue;
      tensors_[n.outputs[j]] = {};
      if (const auto& t = c.result(j); t && t->is_static()) allocate_output(j, t->elem, t->dims);
    }
    for (ValueId v : n.inputs)
      if (v != kNone) refs_[v] = tensors_[v].ref;
    for (ValueId v : n.outputs)
      if (v != kNone) refs_[v] = tensors_[v].ref;
    ops::KernelContext context(refs_.data(), in, out, {}, *this);
    try {
      kernels_.at(id)->run(context);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("node {} ({}): {}", n.name, n.op, e.what()), e.reason(), e.limit());
    }
  }

  const graph::Graph& g_;
  const std::unordered_map<NodeId, std::unique_ptr<const ops::Kernel>>& kernels_;
  memory::GuardedMemory& memory_;
  const Interpreter::Output& output_;
  std::vector<Tensor> tensors_;
  std::vector<ops::TensorRef> refs_;
  std::vector<void*> blocks_;
  Symbols symbols_;
  NodeId node_ = kNone;
};

Interpreter::Interpreter(const graph::Graph& group, Isa isa) : graph_(group.clone()) {
  inline_calls(*graph_);
  for (NodeId id : graph_->region().nodes) {
    const graph::Node& n = graph_->node(id);
    if (!n.def->make) fail(ErrorCode::kEpFail, "the test device has no kernel for {}", n.op);
    std::vector<const ValueType*> in, out;
    std::vector<Value> constants;
    for (ValueId v : n.inputs) {
      in.push_back(v == kNone ? nullptr : &graph_->type(v));
      constants.push_back(v == kNone ? Value() : graph_->constant(v));
    }
    for (ValueId v : n.outputs) out.push_back(v == kNone ? nullptr : &graph_->type(v));
    kernels_[id] = channels_last(
        n, in, out, n.def->make({n.op, n.name, n.since_version, n.attrs, in, out, constants, nullptr, isa, n.def}));
  }
}

void Interpreter::run(std::span<const ops::TensorRef> inputs, const Output& output,
                      memory::GuardedMemory& memory) const {
  GroupRun(*this, memory, output).run(inputs);
}

}  // namespace tenon::ep::testdevice
