// Value: the refcounted handle of everything that flows between nodes, sessions and clients.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/dtype.h"
#include "tenon/export.h"

namespace tenon {

enum class ValueKind : uint8_t { kNone, kTensor, kSequence, kMap, kOptional, kSparse, kOpaque };

/// Where bytes live. The host is {kCpu, 0, 0, kDefault}.
struct Device {
  enum class Type : uint8_t { kCpu, kGpu, kFpga, kNpu };
  enum class Memory : uint8_t { kDefault, kHostAccessible };
  Type type = Type::kCpu;
  uint32_t vendor = 0;
  int32_t id = 0;
  Memory memory = Memory::kDefault;
  bool operator==(const Device&) const = default;
};

struct ValueData;

/// Handle: copying shares, the last handle frees. Thread-safe to share; the bytes are not synchronised.
/// An empty handle (`!value`) stands for "no value" (a missing optional input).
class TENON_API Value {
 public:
  Value() noexcept = default;
  Value(const Value& o) noexcept;
  Value(Value&& o) noexcept : d_(o.d_) { o.d_ = nullptr; }
  Value& operator=(Value o) noexcept {
    std::swap(d_, o.d_);
    return *this;
  }
  ~Value();

  /// New tensor with owned, uninitialised, 64-byte aligned memory (strings: empty strings).
  /// Throws kInvalidArgument for negative dims or a size over 2^63, out-of-memory otherwise.
  static Value tensor(DType type, std::span<const int64_t> dims);
  /// Tensor over the caller's memory: `data` must be element-aligned and hold the extent; `release` runs with the last
  /// handle.
  static Value borrow(DType type, std::span<const int64_t> dims, void* data, std::function<void()> release = {});
  /// Tensor of UTF-8 strings; `items` has as many entries as the dims say.
  static Value strings(std::span<const int64_t> dims, std::vector<std::string> items);
  /// Sequence; all items have one kind and element type. `element` is the tensor element type of an empty sequence.
  static Value sequence(std::vector<Value> items, DType element = DType::kUndefined);
  /// Map from int64 or string keys (a 1-D tensor) to values (a 1-D tensor of the same length).
  static Value map(Value keys, Value values);
  /// Optional that holds `item`, or nothing when `item` is empty.
  static Value optional(Value item);
  /// Sparse COO tensor: `values` [nnz], `indices` int64 [nnz] (linear) or [nnz, rank].
  static Value sparse(std::span<const int64_t> dims, Value values, Value indices);

  explicit operator bool() const noexcept { return d_ != nullptr; }
  ValueKind kind() const noexcept;
  bool is_tensor() const noexcept { return kind() == ValueKind::kTensor; }

  // Tensors (and the dense extent of sparse ones).
  DType dtype() const noexcept;
  std::span<const int64_t> dims() const noexcept;
  int64_t count() const noexcept;  ///< elements; 1 for rank 0
  size_t bytes() const noexcept;   ///< storage bytes (packed for 4-bit and 2-bit types); 0 for strings
  const void* data() const noexcept;
  void* mutable_data() noexcept;
  template <class T>
  std::span<const T> as() const noexcept {
    return {static_cast<const T*>(data()), static_cast<size_t>(count())};
  }
  template <class T>
  std::span<T> as_mutable() noexcept {
    return {static_cast<T*>(mutable_data()), static_cast<size_t>(count())};
  }
  std::span<const std::string> string_data() const noexcept { return as<std::string>(); }
  const Device& device() const noexcept;

  // Sequences, maps, optionals, sparse tensors.
  std::span<const Value> items()
      const noexcept;  ///< sequence items; map {keys, values}; optional {} or {item}; sparse {values, indices}
  /// Tensor with the same bytes and other dims (same element count).
  Value reshaped(std::span<const int64_t> dims) const;
  /// Number of handles on the same data.
  int use_count() const noexcept;

 private:
  friend struct ValueAccess;
  explicit Value(ValueData* d) noexcept : d_(d) {}
  ValueData* d_ = nullptr;
};

}  // namespace tenon
