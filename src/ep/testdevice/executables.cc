// What a task of a stream keeps of its operands, and the two executables.
#include "ep/testdevice/executables.h"

#include <cstring>

#include "base/error.h"
#include "base/value_data.h"
#include "ep/testdevice/state.h"

namespace tenon::ep::testdevice {

using memory::GuardedMemory;

namespace {

/// A tensor that a task of a stream can keep.
struct Kept {
  explicit Kept(const ops::TensorRef& r) : ref(r), dims(r.dims()) {}
  ops::TensorRef get() const {
    ops::TensorRef r = ref;
    r.dim = dims.data();
    return r;
  }
  ops::TensorRef ref;
  Dims dims;
};

std::vector<Kept> kept_inputs(const ops::KernelContext& c) {
  std::vector<Kept> in;
  for (size_t i = 0; i < c.num_inputs(); ++i) in.emplace_back(c.has_input(i) ? c.input(i) : ops::TensorRef{});
  return in;
}

/// Every result has memory: dims are known before the kernel runs.
bool all_placed(const ops::KernelContext& c) {
  for (size_t j = 0; j < c.num_outputs(); ++j)
    if (c.has_output(j) && !c.output(j).data) return false;
  return true;
}

/// The CPU's kernel on tensors that a task has kept.
class KeptRun final : public ops::KernelHost {
 public:
  KeptRun(std::vector<Kept> in, std::vector<Kept> out, GuardedMemory& memory) : memory_(memory), in_(std::move(in)) {
    for (const Kept& k : in_) refs_.push_back(k.get());
    out_ = std::move(out);
    for (const Kept& k : out_) refs_.push_back(k.get());
    for (uint32_t i = 0; i < refs_.size(); ++i)
      (i < in_.size() ? in_index_ : out_index_).push_back(refs_[i].dtype == DType::kUndefined ? UINT32_MAX : i);
  }
  ~KeptRun() override {
    for (void* p : blocks_) memory_.free(p);
  }
  void run(const ops::Kernel& kernel) {
    ops::KernelContext c(refs_.data(), in_index_, out_index_, {}, *this);
    kernel.run(c);
  }
  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    ops::TensorRef& r = refs_[in_.size() + j];
    if (r.dtype != t || !std::ranges::equal(r.dims(), dims))
      fail(ErrorCode::kEpFail, "result {} has shape {}, memory is there for {}", j, to_string(dims),
           to_string(r.dims()));
    return r;
  }
  void set_output(size_t j, Value v) override {
    std::memcpy(allocate_output(j, v.dtype(), v.dims()).data, v.data(), v.bytes());
  }
  Value input_value(size_t i) override { return ValueAccess::view(refs_[i].dtype, refs_[i].dims(), refs_[i].data); }
  void* scratch(size_t bytes) override {
    blocks_.push_back(memory_.alloc(bytes, 64, nullptr));
    if (!blocks_.back()) fail_out_of_memory(bytes, "memory of the test device");
    return blocks_.back();
  }

 private:
  GuardedMemory& memory_;
  std::vector<Kept> in_, out_;
  std::vector<ops::TensorRef> refs_;
  std::vector<uint32_t> in_index_, out_index_;
  std::vector<void*> blocks_;
};

class DeviceKernel final : public Executable {
 public:
  DeviceKernel(std::shared_ptr<State> state, Work work, std::unique_ptr<const ops::Kernel> kernel, bool reads_host)
      : state_(std::move(state)), work_(std::move(work)), kernel_(std::move(kernel)), reads_host_(reads_host) {}

  void run(ops::KernelContext& c) const override {
    if (c.stream && all_placed(c) && !reads_host_) {
      std::vector<Kept> in = kept_inputs(c), out;
      for (size_t j = 0; j < c.num_outputs(); ++j) out.emplace_back(c.has_output(j) ? c.output(j) : ops::TensorRef{});
      submit(state_, c.stream, work_,
             [state = state_.get(), kernel = kernel_, in = std::move(in), out = std::move(out)] {
               KeptRun(in, out, *state->memory).run(*kernel);
             });
      return;
    }
    if (c.stream) c.stream->synchronize();
    submit(state_, nullptr, work_, [&] { kernel_->run(c); });
  }

 private:
  std::shared_ptr<State> state_;
  Work work_;
  std::shared_ptr<const ops::Kernel> kernel_;
  bool reads_host_;
};

class DeviceGroup final : public Executable {
 public:
  DeviceGroup(std::shared_ptr<State> state, Work work, std::shared_ptr<const Interpreter> group)
      : state_(std::move(state)), work_(std::move(work)), group_(std::move(group)) {}

  void run(ops::KernelContext& c) const override {
    std::vector<Kept> in = kept_inputs(c);
    if (c.stream && all_placed(c)) {
      std::vector<Kept> out;
      for (size_t j = 0; j < c.num_outputs(); ++j) out.emplace_back(c.output(j));
      submit(state_, c.stream, work_, [state = state_.get(), group = group_, in = std::move(in), out = std::move(out)] {
        start(
            *group, in, [&](size_t j, DType, std::span<const int64_t>) { return out[j].get(); }, *state);
      });
      return;
    }
    if (c.stream) c.stream->synchronize();
    submit(state_, nullptr, work_, [&] {
      start(
          *group_, in, [&](size_t j, DType t, std::span<const int64_t> dims) { return c.output(j, t, dims); }, *state_);
    });
  }

 private:
  static void start(const Interpreter& group, const std::vector<Kept>& in, const Interpreter::Output& output,
                    State& state) {
    std::vector<ops::TensorRef> refs;
    for (const Kept& k : in) refs.push_back(k.get());
    group.run(refs, output, *state.memory);
  }
  std::shared_ptr<State> state_;
  Work work_;
  std::shared_ptr<const Interpreter> group_;
};

}  // namespace

std::unique_ptr<const Executable> device_kernel(std::shared_ptr<State> state, Work work,
                                                std::unique_ptr<const ops::Kernel> kernel, bool reads_host) {
  return std::make_unique<DeviceKernel>(std::move(state), std::move(work), std::move(kernel), reads_host);
}

std::unique_ptr<const Executable> device_group(std::shared_ptr<State> state, Work work,
                                               std::shared_ptr<const Interpreter> group) {
  return std::make_unique<DeviceGroup>(std::move(state), std::move(work), std::move(group));
}

}  // namespace tenon::ep::testdevice
