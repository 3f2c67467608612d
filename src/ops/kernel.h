// Kernel: a prepared, immutable object that runs one node; KernelContext: what it sees during a run.
#pragma once
#include <memory>
#include <span>
#include <string_view>

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/pack_store.h"
#include "base/shape.h"
#include "base/stream.h"
#include "base/thread_pool.h"
#include "base/value_type.h"
#include "graph/attr.h"
#include "ops/op.h"
#include "tenon/value.h"

namespace tenon::ops {

/// A tensor during a run: pointer, element type, concrete dims. Strings: `data` points at std::string objects.
struct TensorRef {
  void* data = nullptr;
  const int64_t* dim = nullptr;
  uint32_t rank = 0;
  DType dtype = DType::kUndefined;
  int64_t count = 0;

  std::span<const int64_t> dims() const { return {dim, rank}; }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  template <class T>
  T* out() const {
    return static_cast<T*>(data);
  }
  size_t bytes() const { return storage_bytes(dtype, count); }
};

using PackStore = tenon::PackStore;

/// What a kernel's constructor sees: the node, the types of its inputs (dims may be symbolic) and its constants.
struct NodeInfo {
  std::string_view op, name;
  int since = 0;
  const graph::Attrs& attrs;
  std::span<const ValueType* const> inputs;   ///< null where missing
  std::span<const ValueType* const> outputs;  ///< null where not wanted
  std::span<const Value> constants;           ///< per input; empty handle where not constant
  PackStore* store = nullptr;                 ///< may be null: the kernel then owns what it packs
  Isa isa = Isa::kPortable;
  const graph::OpDef* def = nullptr;  ///< the row, for rows that share a make

  bool has_input(size_t i) const { return i < inputs.size() && inputs[i]; }
  DType dtype(size_t i) const { return has_input(i) ? inputs[i]->elem : DType::kUndefined; }
  Value constant(size_t i) const { return i < constants.size() ? constants[i] : Value(); }
  /// Packs through the store, or into memory of its own.
  std::shared_ptr<const void> pack(const Value& weight, std::string_view kind, size_t bytes,
                                   FunctionRef<void(void*)> fill) const;
};

/// Supplied by the executor for the rare paths (data-dependent outputs, scratch memory, non-tensor values).
class KernelHost {
 public:
  virtual ~KernelHost() = default;
  virtual TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) = 0;
  virtual void set_output(size_t j, Value v) = 0;
  virtual Value input_value(size_t i) = 0;
  virtual void* scratch(size_t bytes) = 0;
};

/// Lives on the stack of the run loop; cheap to build.
class KernelContext {
 public:
  KernelContext(TensorRef* slots, std::span<const uint32_t> in, std::span<const uint32_t> out, const Parallel& parallel,
                KernelHost& host, Stream* device_stream = nullptr)
      : par(parallel), stream(device_stream), slots_(slots), in_(in), out_(out), host_(host) {}

  size_t num_inputs() const { return in_.size(); }
  size_t num_outputs() const { return out_.size(); }
  bool has_input(size_t i) const { return i < in_.size() && in_[i] != UINT32_MAX; }
  bool has_output(size_t j) const { return j < out_.size() && out_[j] != UINT32_MAX; }
  /// Tensor operand i; valid only when has_input(i) and it is a tensor.
  const TensorRef& input(size_t i) const { return slots_[in_[i]]; }
  /// Result j with memory, when infer gave all its dims. May be the memory of an input of the row's `inplace` mask.
  TensorRef& output(size_t j) const { return slots_[out_[j]]; }
  /// Result j whose dims only the run knows (infer gave symbols): allocates. Also fine when they were known.
  TensorRef& output(size_t j, DType t, std::span<const int64_t> dims) { return host_.allocate_output(j, t, dims); }
  /// Operand i as a handle (sequences, maps, optionals; a tensor is wrapped and valid during the call only).
  Value input_value(size_t i) { return host_.input_value(i); }
  /// Result j as a handle (sequences, maps, optionals, or a tensor to share).
  void set_output(size_t j, Value v) { host_.set_output(j, std::move(v)); }
  /// 64-byte aligned memory, valid until run() returns; several calls give disjoint blocks. No system call when warm.
  template <class T = char>
  T* scratch(int64_t count) {
    return static_cast<T*>(host_.scratch(static_cast<size_t>(count) * sizeof(T)));
  }

  /// The same run for a kernel that works on tensors of the caller's: its operands and results are `slots` at these
  /// indices (UINT32_MAX: missing). Its results must be known before it runs.
  KernelContext over(TensorRef* slots, std::span<const uint32_t> in, std::span<const uint32_t> out) const {
    return {slots, in, out, par, host_, stream};
  }

  Parallel par;
  Stream* stream;  ///< of the device that runs this step; null on the host

 private:
  TensorRef* slots_;
  std::span<const uint32_t> in_, out_;
  KernelHost& host_;
};

/// Immutable after construction, shared by all threads. Checks everything that depends on contents (index ranges, ...):
/// sizes and dims have been checked by infer before run is called.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(KernelContext& c) const = 0;
};

}  // namespace tenon::ops
