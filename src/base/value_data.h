// ValueData: the record behind a Value handle, and the way for the runtime to make one over its own memory.
#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/shape.h"
#include "tenon/allocator.h"
#include "tenon/value.h"

namespace tenon {

class FileBytes;

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
  bool releasable = false;         ///< the memory is this record's alone: give_back() may free it early
  std::array<uint64_t, 2> hash{};  ///< of the contents, kept by the weight store; zeros = not yet known
  // A weight in a file: `source` is its place there. Where that is not aligned, `data` is null until somebody asks.
  std::shared_ptr<const FileBytes> file;
  const std::byte* source = nullptr;
  std::shared_ptr<const void> copy;

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
  /// Tensor whose bytes are `part` of `file`. Where they are not aligned for the type, the first data() copies them.
  static Value in_file(DType type, std::span<const int64_t> dims, std::span<const std::byte> part,
                       std::shared_ptr<const FileBytes> file);
  /// Tensor over shared memory, with what is known of its contents.
  static Value share(DType type, std::span<const int64_t> dims, std::shared_ptr<const void> data,
                     const std::array<uint64_t, 2>& hash);
  /// Makes data() of a weight in a file ready; throws out of memory (data() itself would then answer the place in the
  /// file, unaligned).
  static void load(const Value& v);
  /// Frees the memory of a weight that nobody will read soon, when `handles` handles are all there are and nobody holds
  /// a pointer into it. A weight in a file is read again by the next data() (pages of a mapping go in any case); a
  /// tensor with memory of its own of at least 16 KiB is emptied: its data() is null.
  static void give_back(const Value& v, int handles) noexcept;
  /// Emptied by give_back().
  static bool is_empty(const Value& v) noexcept;
};

/// Deep copy of a tensor into memory of its own (strings too); sequences copy their items' handles.
Value copy_tensor(const Value& v);

}  // namespace tenon
