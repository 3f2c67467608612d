// TestDevice: a provider with everything that makes a device different, in software.
#pragma once
#include <memory>

#include "ep/provider.h"
#include "ep/testdevice/options.h"
#include "memory/guarded.h"

namespace tenon::ep::testdevice {

struct State;

/// Never among the available providers; asked for by name. Memory of its own that faults when the host touches it,
/// streams with random delays, compiled groups, faults on demand. Results are those of the CPU kernels, to the bit.
class TestDevice final : public Provider {
 public:
  explicit TestDevice(const Options& options);
  ~TestDevice() override;

  std::string_view name() const override { return "TestDeviceExecutionProvider"; }
  Capability capability(const GraphView& view) override;
  std::vector<std::unique_ptr<const Executable>> compile(std::span<const Subgraph> groups,
                                                         const CompileContext& context) override;
  std::unique_ptr<const Executable> kernel(const graph::Node& node, const ops::NodeInfo& info) override;
  Device device() const override;
  std::shared_ptr<Allocator> allocator() override;
  DataTransfer* transfer() override;
  LayoutChoice* layout() override;
  CompiledContext* context() override;
  DynamicOptions* dynamic_options() override;
  Tracing* tracing() override;
  SimulatedClock* simulated_clock() override;
  bool has_streams() const override { return options_.async; }
  std::unique_ptr<Stream> make_stream() override;
  bool on_host(const graph::Node& node, bool is_result, size_t i) const override;
  void run_start() override;
  void run_end() override;

 private:
  class Transfer;
  class Layouts;
  class Dynamic;
  class Traces;
  Options options_;
  std::shared_ptr<State> state_;  ///< shared with executables and buffers, which may outlive the provider
  std::unique_ptr<DataTransfer> transfer_;
  std::unique_ptr<LayoutChoice> layouts_;  ///< with layout=NHWC
  std::unique_ptr<CompiledContext> contexts_;
  std::unique_ptr<DynamicOptions> dynamic_;
  std::unique_ptr<Tracing> traces_;
};

}  // namespace tenon::ep::testdevice
