// Contexts: compiled groups of the test device as bytes.
#pragma once
#include <memory>

#include "ep/abilities.h"

namespace tenon::ep::testdevice {

struct State;

/// The bytes: number of values in another layout, their names (each with its length before it; 32-bit numbers, low byte
/// first), then the group as a model.
class Contexts final : public CompiledContext {
 public:
  explicit Contexts(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::string version() const override { return "1"; }
  std::string serialize(const Subgraph& group, const Executable& executable, const CompileContext& context) override;
  std::unique_ptr<const Executable> restore(const graph::Graph& g, graph::NodeId n, const Blob& blob,
                                            const CompileContext& context) override;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace tenon::ep::testdevice
