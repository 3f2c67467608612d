// Growth and hand-over of stacked results.
#include "exec/stack.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/value_data.h"

namespace tenon::exec {

namespace {

void copy_bits(int64_t bits, const uint8_t* from, int64_t from_at, uint8_t* to, int64_t to_at, int64_t n) {
  const int64_t per = 8 / bits;
  const auto mask = static_cast<unsigned>((1 << bits) - 1);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t a = from_at + i, b = to_at + i;
    const auto at = static_cast<unsigned>(b % per * bits);
    const unsigned v = (from[a / per] >> (a % per * bits)) & mask;
    to[b / per] = static_cast<uint8_t>((to[b / per] & ~(mask << at)) | (v << at));
  }
}

}  // namespace

void copy_items(DType t, const void* from, int64_t from_at, void* to, int64_t to_at, int64_t n) {
  if (n == 0) return;
  if (t == DType::kString) {
    std::copy_n(static_cast<const std::string*>(from) + from_at, n, static_cast<std::string*>(to) + to_at);
  } else if (is_packed(t)) {
    copy_bits(dtype_bits(t), static_cast<const uint8_t*>(from), from_at, static_cast<uint8_t*>(to), to_at, n);
  } else {
    const auto size = static_cast<int64_t>(dtype_size(t));
    std::memcpy(static_cast<char*>(to) + to_at * size, static_cast<const char*>(from) + from_at * size,
                static_cast<size_t>(n * size));
  }
}

void Stack::push(const Crossing& item) {
  if (count_ == 0) {
    dims_ = item.dims;
    dtype_ = item.ref.dtype;
    item_count_ = item.ref.count;
  } else if (!(dims_ == item.dims) || dtype_ != item.ref.dtype) {
    fail("scan output changes its shape from {} to {} between iterations", to_string(dims_), to_string(item.dims));
  }
  if (dtype_ == DType::kString) {
    items_.push_back(item.handle);
    ++count_;
    return;
  }
  const auto bytes = [&](int64_t items) { return storage_bytes(dtype_, items * item_count_); };
  const size_t used = bytes(count_), needed = bytes(count_ + 1);
  if (needed > capacity_) {
    const size_t wanted = std::max({needed, capacity_ * 2, bytes(expected_)});
    void* grown = arena_->alloc(std::max<size_t>(wanted, 1), 64, nullptr);
    if (!grown) fail_out_of_memory(wanted, "a scan output");
    if (used) std::memcpy(grown, block_, used);
    arena_->free(block_);
    block_ = grown;
    capacity_ = wanted;
  }
  copy_items(dtype_, item.ref.data, 0, block_, count_ * item_count_, item_count_);
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
