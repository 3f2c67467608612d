// Calls of abilities, and what they need converted.
#include "ep/library/abilities.h"

#include "base/error.h"
#include "ep/layout.h"
#include "ep/library/views.h"

namespace tenon::ep::library {

std::unique_ptr<const Executable> executable(std::shared_ptr<const void> library, std::shared_ptr<const void> data,
                                             std::unique_ptr<const plugin::Kernel> kernel, std::vector<DType> outputs) {
  if (!kernel) return nullptr;
  struct Kept {  // members go in reverse order
    std::shared_ptr<const void> library, data;
  };
  auto kept = std::make_shared<const Kept>(Kept{std::move(library), std::move(data)});
  return std::make_unique<const ops::PluginKernel>(std::move(kept), std::move(kernel), std::move(outputs));
}

bool Transfer::can_copy(const Device& from, const Device& to) const {
  return ops::guarded([&] { return memory_.can_copy(from, to); });
}
void Transfer::copy(const ops::TensorRef& from, const Device& from_device, const ops::TensorRef& to,
                    const Device& to_device, Stream* stream) {
  const auto* own = dynamic_cast<const ops::PluginStream*>(stream);
  ops::guarded([&] {
    memory_.copy(ops::plugin_view(from), from_device, ops::plugin_tensor(to), to_device, own ? own->get() : nullptr);
  });
}

Layout Layouts::preferred() const {
  const plugin::Layout l = ops::guarded([&] { return choice_.preferred(); });
  if (l > plugin::Layout::kNhwc) fail(ErrorCode::kEpFail, "it prefers the unknown layout {}", static_cast<int>(l));
  return static_cast<Layout>(l);
}
LayoutFit Layouts::fit(const graph::Graph& g, graph::NodeId n) const {
  Views views(g);
  const auto said = ops::guarded([&] { return choice_.fit(*views.node(n)); });
  if (!said) return default_layout_fit(g, n);
  return {static_cast<LayoutFit::Use>(said->use), said->operands, said->results};
}

std::string Contexts::version() const {
  return ops::guarded([&] { return contexts_.version(); });
}
std::string Contexts::serialize(const Subgraph& group, const Executable& executable, const CompileContext&) {
  Views views(*group.body);
  const auto& kernel = static_cast<const ops::PluginKernel&>(executable);  // made by the adapter's compile
  return ops::guarded([&] { return contexts_.serialize({views.region(0), group.name}, kernel.inner()); });
}
std::unique_ptr<const Executable> Contexts::restore(const graph::Graph& g, graph::NodeId n, const Blob& blob,
                                                    const CompileContext&) {
  Views views(g);
  auto kernel = ops::guarded([&] { return contexts_.restore(*views.node(n), blob.bytes); });
  if (!kernel) fail(ErrorCode::kEpFail, "it restored no kernel");
  std::vector<DType> outputs;
  for (graph::ValueId v : g.node(n).outputs) outputs.push_back(v == graph::kNone ? DType::kUndefined : g.type(v).elem);
  return executable(library_, blob.owner, std::move(kernel), std::move(outputs));
}

Options::Options(plugin::DynamicOptions& options) : options_(options) {
  names_ = ops::guarded([&] { return options_.keys(); });
  keys_.assign(names_.begin(), names_.end());
}
void Options::set(std::string_view key, const std::string& value) {
  ops::guarded([&] { options_.set(key, value); });
}

void Events::trace(bool on) {
  ops::guarded([&] { tracing_.trace(on); });
}
std::vector<TraceEvent> Events::take() {
  std::vector<TraceEvent> out;
  for (plugin::TraceEvent& e : ops::guarded([&] { return tracing_.take(); }))
    out.push_back({std::move(e.name), std::move(e.stream), e.begin, e.duration});
  return out;
}

}  // namespace tenon::ep::library
