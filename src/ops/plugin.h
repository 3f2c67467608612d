// The public plugin interfaces over the runtime's own: attributes, types, node info and runs as extensions see them.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/kernel.h"
#include "tenon/plugin.h"

namespace tenon::ops {

/// Calls code of an extension. What it throws arrives as an Error of ours, which outlives the extension's library.
template <class F>
decltype(auto) guarded(F&& call) {
  try {
    return call();
  } catch (const Error& e) {
    throw Error(e);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kFail, "out of memory", ErrorReason::kOutOfMemory);
  } catch (const std::exception& e) {
    throw Error(ErrorCode::kFail, e.what());
  } catch (...) {
    throw Error(ErrorCode::kFail, "an exception of unknown type");
  }
}

/// A copy of a node's attributes, with the row's defaults and `more` of them.
class PluginAttributes final : public plugin::Attributes {
 public:
  PluginAttributes(const graph::Attrs& given, const graph::OpDef* def, const graph::Attrs& more = {});

  std::vector<std::string> names() const override;
  std::optional<plugin::AttributeKind> kind(std::string_view name) const override;
  int64_t get_int(std::string_view name) const override;
  float get_float(std::string_view name) const override;
  std::string_view get_string(std::string_view name) const override;
  plugin::TensorView get_tensor(std::string_view name) const override;
  std::span<const int64_t> get_ints(std::string_view name) const override;
  std::span<const float> get_floats(std::string_view name) const override;
  std::span<const std::string> get_strings(std::string_view name) const override;

 private:
  void expect(std::string_view name) const;
  graph::Attrs all_;
};

plugin::TensorType plugin_type(const ValueType& t);
plugin::TensorView plugin_view(const Value& v);
plugin::TensorView plugin_view(const TensorRef& t);
plugin::Tensor plugin_tensor(const TensorRef& t);

/// A copy of what a kernel may keep of its NodeInfo.
class PluginNode final : public plugin::KernelInfo {
 public:
  explicit PluginNode(const NodeInfo& info, const graph::Attrs& defaults = {});

  std::string_view name() const override { return name_; }
  std::string_view op() const override { return op_; }
  std::string_view domain() const override { return domain_; }
  int since_version() const override { return since_; }
  const plugin::Attributes& attributes() const override { return attributes_; }
  size_t num_inputs() const override { return inputs_.size(); }
  size_t num_outputs() const override { return outputs_.size(); }
  const plugin::TensorType* input(size_t i) const override { return at(inputs_, i); }
  const plugin::TensorType* output(size_t j) const override { return at(outputs_, j); }
  std::optional<plugin::TensorView> constant(size_t i) const override;

 private:
  using Types = std::vector<std::optional<plugin::TensorType>>;
  static const plugin::TensorType* at(const Types& types, size_t i) {
    return i < types.size() && types[i] ? &*types[i] : nullptr;
  }
  std::string name_, op_, domain_;
  int since_;
  PluginAttributes attributes_;
  Types inputs_, outputs_;
  std::vector<Value> constants_;
};

/// An extension's kernel as one of ours.
class PluginKernel final : public Kernel {
 public:
  /// `outputs`: element types of the results. `keep` lives as long as the kernel.
  PluginKernel(std::shared_ptr<const void> keep, std::unique_ptr<const plugin::Kernel> kernel,
               std::vector<DType> outputs)
      : keep_(std::move(keep)), kernel_(std::move(kernel)), outputs_(std::move(outputs)) {}
  void run(KernelContext& c) const override;
  const plugin::Kernel& inner() const { return *kernel_; }

 private:
  std::shared_ptr<const void> keep_;
  std::unique_ptr<const plugin::Kernel> kernel_;
  std::vector<DType> outputs_;
};

/// An extension's stream as one of ours.
class PluginStream final : public Stream {
 public:
  explicit PluginStream(std::unique_ptr<plugin::Stream> stream) : stream_(std::move(stream)) {}
  void synchronize() override {
    guarded([&] { stream_->synchronize(); });
  }
  plugin::Stream* get() const { return stream_.get(); }

 private:
  std::unique_ptr<plugin::Stream> stream_;
};

}  // namespace tenon::ops
