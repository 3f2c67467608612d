// Copies into plain order before the kernel, and back after it.
#include "ep/testdevice/channels_last.h"

#include <algorithm>
#include <cstring>

#include "base/value_data.h"
#include "ep/layout.h"

namespace tenon::ep::testdevice {
namespace channels_last_kernel {
namespace {

/// What the inner kernel sees: plain copies of some operands, plain memory for some results.
class PlainView final : public ops::KernelHost {
 public:
  PlainView(ops::KernelContext& outer, std::span<const Layout> in, std::span<const Layout> out)
      : outer_(outer), out_(out), dims_(out.size()) {
    for (size_t i = 0; i < in.size(); ++i) {
      in_index_.push_back(outer.has_input(i) ? add(outer.input(i)) : UINT32_MAX);
      if (in_index_[i] == UINT32_MAX || in[i] == Layout::kPlain) continue;
      ops::TensorRef& plain = refs_.back();
      plain.data = outer.scratch(static_cast<int64_t>(plain.bytes()));
      convert_layout(outer.input(i), in[i], plain, Layout::kPlain, outer.par);
    }
    for (size_t j = 0; j < out.size(); ++j) {
      out_index_.push_back(outer.has_output(j) ? add(outer.output(j)) : UINT32_MAX);
      if (out_index_[j] == UINT32_MAX || out[j] == Layout::kPlain) continue;
      ops::TensorRef& r = refs_.back();
      if (r.data) r.data = outer.scratch(static_cast<int64_t>(r.bytes()));
    }
  }

  void run(const ops::Kernel& kernel) {
    ops::KernelContext c(refs_.data(), in_index_, out_index_, outer_.par, *this);
    kernel.run(c);
    for (size_t j = 0; j < out_.size(); ++j) {
      if (out_[j] == Layout::kPlain || out_index_[j] == UINT32_MAX) continue;
      const ops::TensorRef& plain = refs_[out_index_[j]];
      convert_layout(plain, Layout::kPlain, outer_.output(j, plain.dtype, plain.dims()), out_[j], outer_.par);
    }
  }

  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    ops::TensorRef& r = refs_[out_index_[j]];
    if (out_[j] == Layout::kPlain) return r = outer_.output(j, t, dims);
    if (r.data && r.dtype == t && std::ranges::equal(r.dims(), dims)) return r;
    dims_[j].assign(dims);
    const int64_t count = element_count(dims_[j]);
    r = {outer_.scratch(static_cast<int64_t>(storage_bytes(t, count))), dims_[j].data(),
         static_cast<uint32_t>(dims_[j].size()), t, count};
    return r;
  }
  void set_output(size_t j, Value v) override {
    if (out_[j] == Layout::kPlain) return outer_.set_output(j, std::move(v));
    const ops::TensorRef& r = allocate_output(j, v.dtype(), v.dims());
    if (v.bytes()) std::memcpy(r.data, v.data(), v.bytes());
  }
  Value input_value(size_t i) override {
    const ops::TensorRef& r = refs_[in_index_[i]];
    return ValueAccess::view(r.dtype, r.dims(), r.data);
  }
  void* scratch(size_t bytes) override { return outer_.scratch(static_cast<int64_t>(bytes)); }

 private:
  uint32_t add(const ops::TensorRef& r) {
    refs_.push_back(r);
    return static_cast<uint32_t>(refs_.size() - 1);
  }
  ops::KernelContext& outer_;
  std::span<const Layout> out_;
  std::vector<ops::TensorRef> refs_;
  std::vector<uint32_t> in_index_, out_index_;
  std::vector<Dims> dims_;
};

class ChannelsLast final : public ops::Kernel {
 public:
  ChannelsLast(std::unique_ptr<const ops::Kernel> kernel, std::vector<Layout> in, std::vector<Layout> out,
               bool elementwise)
      : kernel_(std::move(kernel)), in_(std::move(in)), out_(std::move(out)), elementwise_(elementwise) {}

  void run(ops::KernelContext& c) const override {
    if (elementwise_ && agree(c)) return kernel_->run(c);
    PlainView(c, in_, out_).run(*kernel_);
  }

 private:
  /// Order does not matter when operands and results go through memory in the same one.
  bool agree(const ops::KernelContext& c) const {
    if (!c.has_output(0) || !c.output(0).data) return false;
    for (size_t i = 0; i < in_.size(); ++i) {
      if (!c.has_input(i) || c.input(i).count == 1) continue;
      if (in_[i] != out_[0] || !std::ranges::equal(c.input(i).dims(), c.output(0).dims())) return false;
    }
    return std::ranges::all_of(out_, [&](Layout l) { return l == out_[0]; });
  }
  std::unique_ptr<const ops::Kernel> kernel_;
  std::vector<Layout> in_, out_;
  bool elementwise_;
};

std::vector<Layout> layouts_of(std::span<const ValueType* const> types) {
  std::vector<Layout> out;
  for (const ValueType* t : types) out.push_back(t ? t->layout : Layout::kPlain);
  return out;
}

}  // namespace
}  // namespace channels_last_kernel

std::unique_ptr<const ops::Kernel> channels_last(const graph::Node& node, std::span<const ValueType* const> inputs,
                                                 std::span<const ValueType* const> outputs,
                                                 std::unique_ptr<const ops::Kernel> kernel) {
  using namespace channels_last_kernel;
  std::vector<Layout> in = layouts_of(inputs), out = layouts_of(outputs);
  const auto plain = [](Layout l) { return l == Layout::kPlain; };
  if (node.def == &kConvertLayout || (std::ranges::all_of(in, plain) && std::ranges::all_of(out, plain))) return kernel;
  return std::make_unique<ChannelsLast>(std::move(kernel), std::move(in), std::move(out), is_elementwise(node));
}

}  // namespace tenon::ep::testdevice
