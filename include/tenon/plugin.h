// What custom operators and providers from outside share: types, tensors and attributes of a node, the run of a kernel.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/dtype.h"
#include "tenon/error.h"
#include "tenon/value.h"

/// Nothing in this namespace needs a symbol of libtenon: a library that uses it alone need not link it. Classes with
/// pure virtual functions are implemented by Tenon where they are handed in, and by the extension where they are handed
/// over. Errors are exceptions: tenon::Error, or any std::exception, whose text is kept.
namespace tenon::plugin {

/// Grows with every change of a class in namespace plugin. A library serves hosts of the version it was built with.
inline constexpr uint32_t kApiVersion = 1;
/// Sizes of the standard library's types: host and library must have been built with the same one.
inline constexpr uint32_t kAbi =
    static_cast<uint32_t>(sizeof(std::string) << 16 | sizeof(std::function<void()>) << 8 | sizeof(std::vector<int>));

/// A dimension (or another integer that inference follows): its value, or the handle of one that only a run knows.
/// Equal handles are equal values. Handles are the lowest 2^40 integers.
using Dim = int64_t;
constexpr bool is_known(Dim d) { return d >= INT64_MIN + (int64_t{1} << 40); }

/// Order of the bytes of a tensor. Dims are logical in every layout: axis 1 is the channels.
enum class Layout : uint8_t { kPlain, kNhwc };

/// Element type and dims of a tensor; without `dims` the rank is unknown.
struct TensorType {
  DType dtype = DType::kUndefined;
  std::optional<std::vector<Dim>> dims;
  Layout layout = Layout::kPlain;  ///< another one only where a provider asked for it
};

/// A tensor to read during a call. `data` is element-aligned, row-major; 4-bit and 2-bit types are packed, low bits
/// first; strings are std::string objects.
struct TensorView {
  const void* data = nullptr;
  DType dtype = DType::kUndefined;
  std::span<const int64_t> dims;
  int64_t count = 0;  ///< elements
  size_t bytes = 0;   ///< of storage; 0 for strings

  template <class T>
  std::span<const T> as() const {
    return {static_cast<const T*>(data), static_cast<size_t>(count)};
  }
};

/// A tensor to write. Its memory holds no values yet (strings: empty strings).
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::kUndefined;
  std::span<const int64_t> dims;
  int64_t count = 0;
  size_t bytes = 0;

  template <class T>
  std::span<T> as() const {
    return {static_cast<T*>(data), static_cast<size_t>(count)};
  }
};

enum class AttributeKind : uint8_t { kInt, kFloat, kString, kTensor, kInts, kFloats, kStrings };

/// Attributes of a node, declared defaults included. The getters without `otherwise` throw kInvalidArgument when there
/// is no such attribute, all of them when it is of another kind. What they return lives as long as the node.
class Attributes {
 public:
  virtual ~Attributes() = default;
  /// Names in the model's order, then those that have their default.
  virtual std::vector<std::string> names() const = 0;
  virtual std::optional<AttributeKind> kind(std::string_view name) const = 0;  ///< nothing: absent, or a subgraph
  virtual int64_t get_int(std::string_view name) const = 0;
  virtual float get_float(std::string_view name) const = 0;
  virtual std::string_view get_string(std::string_view name) const = 0;
  virtual TensorView get_tensor(std::string_view name) const = 0;
  virtual std::span<const int64_t> get_ints(std::string_view name) const = 0;
  virtual std::span<const float> get_floats(std::string_view name) const = 0;
  virtual std::span<const std::string> get_strings(std::string_view name) const = 0;

  bool has(std::string_view name) const { return kind(name).has_value(); }
  int64_t get_int(std::string_view name, int64_t otherwise) const { return has(name) ? get_int(name) : otherwise; }
  float get_float(std::string_view name, float otherwise) const { return has(name) ? get_float(name) : otherwise; }
  std::string_view get_string(std::string_view name, std::string_view otherwise) const {
    return has(name) ? get_string(name) : otherwise;
  }
};

/// An ordered queue of work on a device; of one run at a time.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Returns when all work is done; throws the first error that it met, and forgets it.
  virtual void synchronize() = 0;
};

/// One run of a kernel: its operands, its results, and what the host does for it. Valid during the call.
class RunContext {
 public:
  virtual ~RunContext() = default;
  virtual size_t num_inputs() const = 0;
  virtual size_t num_outputs() const = 0;
  virtual bool has_input(size_t i) const = 0;   ///< false: an optional one that is missing
  virtual bool has_output(size_t j) const = 0;  ///< false: nobody wants it
  /// Throws kInvalidArgument when it is missing.
  virtual TensorView input(size_t i) const = 0;
  /// Memory for result j with these dims, element type as inferred; the same memory when it is asked for again. An
  /// error when inference knew other dims. The memory never overlaps an operand.
  virtual Tensor output(size_t j, std::span<const int64_t> dims) = 0;
  /// Host memory, 64-byte aligned, valid until the kernel returns; several calls give disjoint blocks. Null for 0
  /// bytes; throws out of memory.
  virtual void* scratch(size_t bytes) = 0;
  /// block(state, begin, end) over disjoint ranges that cover [0, n), on the session's threads and the caller;
  /// `cost_ns` is the rough time of one item. Cut alike for any number of threads. Rethrows the first exception; throws
  /// when the run was cancelled.
  virtual void parallel_for(int64_t n, double cost_ns, void (*block)(void* state, int64_t begin, int64_t end),
                            void* state) = 0;
  virtual int threads() const = 0;
  /// The run was cancelled or is past its deadline. Loops that last longer than some milliseconds ask.
  virtual bool cancelled() const = 0;
  virtual void check_cancelled() const = 0;  ///< throws when cancelled()
  /// The provider's stream of this run; null for custom operators and providers without streams.
  virtual Stream* stream() const = 0;

  /// parallel_for with a function of (begin, end).
  template <class F>
  void parallel_for(int64_t n, double cost_ns, F&& block) {
    using Block = std::remove_reference_t<F>;
    parallel_for(
        n, cost_ns, [](void* f, int64_t begin, int64_t end) { (*static_cast<Block*>(f))(begin, end); },
        const_cast<void*>(static_cast<const void*>(&block)));
  }
};

/// What runs a node. Made once per node; `run` is called by any number of threads at once.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(RunContext& c) const = 0;
};

/// A kernel from a function of RunContext&.
template <class F>
std::unique_ptr<const Kernel> make_kernel(F run) {
  struct Function final : Kernel {
    explicit Function(F f) : function(std::move(f)) {}
    void run(RunContext& c) const override { function(c); }
    F function;
  };
  return std::make_unique<const Function>(std::move(run));
}

/// The node that a kernel is made for. Valid during the call, but for constants and attributes, which live as long as
/// the kernel.
class KernelInfo {
 public:
  virtual ~KernelInfo() = default;
  virtual std::string_view name() const = 0;  ///< of the node
  virtual std::string_view op() const = 0;
  virtual std::string_view domain() const = 0;  ///< "" is ai.onnx
  virtual int since_version() const = 0;
  virtual const Attributes& attributes() const = 0;
  virtual size_t num_inputs() const = 0;
  virtual size_t num_outputs() const = 0;
  /// Null where the operand is missing, or nobody wants the result.
  virtual const TensorType* input(size_t i) const = 0;
  virtual const TensorType* output(size_t j) const = 0;
  /// Contents of operand i when it is a constant of the model (on the host): pack weights here.
  virtual std::optional<TensorView> constant(size_t i) const = 0;
};

}  // namespace tenon::plugin
