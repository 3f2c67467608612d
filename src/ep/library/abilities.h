// The abilities of a provider from outside as those of ours, one small class each.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ep/abilities.h"
#include "ops/plugin.h"
#include "tenon/provider.h"

namespace tenon::ep::library {

/// An extension's kernel with what it needs to live: its library, and what it may point into. Null stays null.
std::unique_ptr<const Executable> executable(std::shared_ptr<const void> library, std::shared_ptr<const void> data,
                                             std::unique_ptr<const plugin::Kernel> kernel, std::vector<DType> outputs);

class Transfer final : public DataTransfer {
 public:
  explicit Transfer(plugin::Memory& memory) : memory_(memory) {}
  bool can_copy(const Device& from, const Device& to) const override;
  void copy(const ops::TensorRef& from, const Device& from_device, const ops::TensorRef& to, const Device& to_device,
            Stream* stream) override;

 private:
  plugin::Memory& memory_;
};

class Layouts final : public LayoutChoice {
 public:
  explicit Layouts(const plugin::LayoutChoice& choice) : choice_(choice) {}
  Layout preferred() const override;
  LayoutFit fit(const graph::Graph& g, graph::NodeId n) const override;

 private:
  const plugin::LayoutChoice& choice_;
};

class Contexts final : public CompiledContext {
 public:
  Contexts(plugin::CompiledContext& contexts, std::shared_ptr<const void> library)
      : contexts_(contexts), library_(std::move(library)) {}
  std::string version() const override;
  std::string serialize(const Subgraph& group, const Executable& executable, const CompileContext& context) override;
  std::unique_ptr<const Executable> restore(const graph::Graph& g, graph::NodeId n, const Blob& blob,
                                            const CompileContext& context) override;

 private:
  plugin::CompiledContext& contexts_;
  std::shared_ptr<const void> library_;
};

class Options final : public DynamicOptions {
 public:
  explicit Options(plugin::DynamicOptions& options);
  std::span<const std::string_view> keys() const override { return keys_; }
  void set(std::string_view key, const std::string& value) override;

 private:
  plugin::DynamicOptions& options_;
  std::vector<std::string> names_;
  std::vector<std::string_view> keys_;
};

class Events final : public Tracing {
 public:
  explicit Events(plugin::Tracing& tracing) : tracing_(tracing) {}
  void trace(bool on) override;
  std::vector<TraceEvent> take() override;

 private:
  plugin::Tracing& tracing_;
};

}  // namespace tenon::ep::library
