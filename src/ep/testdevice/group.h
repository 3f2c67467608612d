// Interpreter: a compiled group of the test device, node by node in device memory.
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "graph/graph.h"
#include "memory/guarded.h"
#include "ops/kernel.h"

namespace tenon::ep::testdevice {

/// Makes the kernels of a group once; runs it for any dims by asking each node's infer first. Thread-safe.
class Interpreter {
 public:
  /// Calls of model functions are replaced by their bodies.
  Interpreter(const graph::Graph& group, Isa isa);

  const graph::Graph& graph() const { return *graph_; }

  /// Memory for result j, once its dims are known.
  using Output = std::function<ops::TensorRef(size_t j, DType t, std::span<const int64_t> dims)>;
  /// The memory must be open.
  void run(std::span<const ops::TensorRef> inputs, const Output& output, memory::GuardedMemory& memory) const;

 private:
  friend class GroupRun;
  std::unique_ptr<graph::Graph> graph_;
  std::unordered_map<graph::NodeId, std::unique_ptr<const ops::Kernel>> kernels_;
};

}  // namespace tenon::ep::testdevice
