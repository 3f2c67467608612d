// Stack: gathers one result per iteration into a tensor with one more axis.
#pragma once
#include <vector>

#include "base/value_type.h"
#include "exec/frame.h"
#include "tenon/allocator.h"

namespace tenon::exec {

/// Elements [from_at, from_at + n) of `from` to the places from to_at on in `to`; elements of any type, also such that
/// share bytes.
void copy_items(DType t, const void* from, int64_t from_at, void* to, int64_t to_at, int64_t n);

/// Scan outputs of Loop and Scan. Grows by doubling; warm runs take the same blocks from the arena again.
class Stack {
 public:
  void begin(Allocator& arena, int64_t expected = 0) {
    arena_ = &arena;
    count_ = 0;
    expected_ = expected;
    items_.clear();
  }
  /// Copies the item; all items of a stack have one shape. Error otherwise.
  void push(const Crossing& item);
  /// The tensor [count, item dims...] (axis 0), handed to `out`; of `item_type` with unknown dims 0 when nothing was
  /// pushed.
  void finish(Crossing& out, const ValueType& item_type);
  void abandon() noexcept;

 private:
  Allocator* arena_ = nullptr;
  void* block_ = nullptr;
  size_t capacity_ = 0;  ///< bytes of block_
  int64_t item_count_ = 0, count_ = 0, expected_ = 0;
  Dims dims_;
  DType dtype_ = DType::kUndefined;
  std::vector<Value> items_;  ///< of strings
};

}  // namespace tenon::exec
