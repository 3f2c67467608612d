// Adapter: a provider from outside as one of ours. An ability is a class of abilities.h, a member here, and a line in
// the constructor; nothing else knows of it.
#pragma once
#include <memory>
#include <string>

#include "ep/provider.h"
#include "tenon/provider.h"

namespace tenon::ep::library {

class Adapter final : public Provider {
 public:
  /// `library` stays loaded as long as the adapter, its kernels, its allocator and what they allocated.
  Adapter(std::shared_ptr<const void> library, std::string name, std::unique_ptr<plugin::Provider> provider);
  ~Adapter() override;

  std::string_view name() const override { return name_; }
  Capability capability(const GraphView& view) override;
  std::vector<std::unique_ptr<const Executable>> compile(std::span<const Subgraph> groups,
                                                         const CompileContext& context) override;
  std::unique_ptr<const Executable> kernel(const graph::Node& node, const ops::NodeInfo& info) override;
  bool takes_part() const override;

  // Memory.
  Device device() const override { return device_; }
  std::shared_ptr<Allocator> allocator() override;
  DataTransfer* transfer() override { return transfer_.get(); }
  bool on_host(const graph::Node& node, bool is_result, size_t i) const override;
  // Streams.
  bool has_streams() const override { return provider_->streams() != nullptr; }
  std::unique_ptr<Stream> make_stream() override;
  // RunEvents.
  void run_start() override;
  void run_end() override;

  LayoutChoice* layout() override { return layout_.get(); }
  CompiledContext* context() override { return context_.get(); }
  DynamicOptions* dynamic_options() override { return dynamic_options_.get(); }
  Tracing* tracing() override { return tracing_.get(); }

 private:
  std::shared_ptr<const void> library_;
  std::string name_;
  std::unique_ptr<plugin::Provider> provider_;
  plugin::Memory* memory_ = nullptr;  ///< null: the host's
  Device device_;
  std::unique_ptr<DataTransfer> transfer_;
  std::unique_ptr<LayoutChoice> layout_;
  std::unique_ptr<CompiledContext> context_;
  std::unique_ptr<DynamicOptions> dynamic_options_;
  std::unique_ptr<Tracing> tracing_;
};

}  // namespace tenon::ep::library
