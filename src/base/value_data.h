// ValueData: the record behind a Value handle, and the way for the runtime to make one over its own memory.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/shape.h"
#include "tenon/allocator.h"
#include "tenon/value.h"

namespace tenon {

/// Records are recycled through a free list, so that a warm run makes handles without calling malloc.
struct ValueData {
  std::atomic<int> refs{1};
  ValueKind kind = ValueKind::kTensor;
  DType dtype = DType::kUndefined;
  Device device;
  Dims dims;
  int64_t count = 0;
  size_t bytes = 0;
  void* data = nullptr;
  std::shared_ptr<Allocator> allocator;  ///< owns `data` when set
  std::function<void()> release;         ///< else runs with the last handle
  std::vector<Value> items;

  static void* operator new(size_t bytes);
  static void operator delete(void* p) noexcept;
};

/// The runtime's door to handles.
struct ValueAccess {
  static Value make(ValueData* d) { return Value(d); }
  static ValueData* data(const Value& v) { return v.d_; }
  /// Tensor over `data` that came from allocator->alloc; freed there with the last handle. Not for strings.
  static Value adopt(DType type, std::span<const int64_t> dims, void* data, std::shared_ptr<Allocator> allocator);
  /// Tensor over memory that outlives the handle by other means.
  static Value view(DType type, std::span<const int64_t> dims, void* data);
};

/// Deep copy of a tensor into memory of its own (strings too); sequences copy their items' handles.
Value copy_tensor(const Value& v);

}  // namespace tenon
