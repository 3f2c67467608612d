// Growth and hand-over of stacked results.
#include "exec/stack.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/value_data.h"

namespace tenon::exec {

void Stack::push(const Crossing& item) {
  if (count_ == 0) {
    dims_ = item.dims;
    dtype_ = item.ref.dtype;
    if (is_packed(dtype_) && item.ref.count % (8 / dtype_bits(dtype_)) != 0)
      fail(ErrorCode::kNotImplemented, "scan output of {} with a part of a byte per iteration", dtype_name(dtype_));
    item_bytes_ = dtype_ == DType::kString ? 0 : item.ref.bytes();
  } else if (!(dims_ == item.dims) || dtype_ != item.ref.dtype) {
    fail("scan output changes its shape from {} to {} between iterations", to_string(dims_), to_string(item.dims));
  }
  if (dtype_ == DType::kString) {
    items_.push_back(item.handle);
    ++count_;
    return;
  }
  const size_t used = static_cast<size_t>(count_) * item_bytes_;
  if (used + item_bytes_ > capacity_) {
    const size_t wanted = std::max({used + item_bytes_, capacity_ * 2, static_cast<size_t>(expected_) * item_bytes_});
    void* grown = arena_->alloc(std::max<size_t>(wanted, 1), 64, nullptr);
    if (!grown) fail_out_of_memory(wanted, "a scan output");
    if (used) std::memcpy(grown, block_, used);
    arena_->free(block_);
    block_ = grown;
    capacity_ = wanted;
  }
  if (item_bytes_) std::memcpy(static_cast<char*>(block_) + used, item.ref.data, item_bytes_);
  ++count_;
}

void Stack::finish(Crossing& out, const ValueType& item_type) {
  if (count_ == 0) {
    dtype_ = item_type.elem;
    dims_ = item_type.dims;
    for (int64_t& d : dims_)
      if (is_symbol(d)) d = 0;
  }
  out.dims.assign(dims_);
  out.dims.insert(0, count_);
  const int64_t n = element_count(out.dims);
  if (dtype_ == DType::kString) {
    out.handle = Value::tensor(dtype_, out.dims);
    auto to = out.handle.as_mutable<std::string>().begin();
    for (const Value& v : items_) to = std::copy(v.string_data().begin(), v.string_data().end(), to);
    out.ref = {out.handle.mutable_data(), out.dims.data(), static_cast<uint32_t>(out.dims.size()), dtype_, n};
    abandon();
    return;
  }
  if (!block_) block_ = arena_->alloc(1, 64, nullptr);
  if (!block_) fail_out_of_memory(1, "a scan output");
  out.block = block_;
  out.ref = {block_, out.dims.data(), static_cast<uint32_t>(out.dims.size()), dtype_, n};
  block_ = nullptr;
  abandon();
}

void Stack::abandon() noexcept {
  if (block_) arena_->free(block_);
  block_ = nullptr;
  capacity_ = 0;
  count_ = 0;
  items_.clear();
}

}  // namespace tenon::exec
