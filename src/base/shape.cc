// Dims storage and integer shape rules.
#include "base/shape.h"

#include <algorithm>

#include "base/symbols.h"

namespace tenon {

void Dims::assign(std::span<const int64_t> s) {
  resize(s.size());
  std::copy(s.begin(), s.end(), data_);
}

void Dims::resize(size_t n) {
  if (n > capacity_) {
    const size_t capacity = std::max(n, 2 * capacity_);
    auto* grown = new int64_t[capacity];
    std::copy(data_, data_ + size_, grown);
    if (data_ != inline_) delete[] data_;
    data_ = grown;
    capacity_ = capacity;
  }
  for (size_t i = size_; i < n; ++i) data_[i] = 0;
  size_ = n;
}

void Dims::insert(size_t at, int64_t v) {
  resize(size_ + 1);
  std::copy_backward(data_ + at, data_ + size_ - 1, data_ + size_);
  data_[at] = v;
}

void Dims::erase(size_t at) {
  std::copy(data_ + at + 1, data_ + size_, data_ + at);
  --size_;
}

void Dims::append(std::span<const int64_t> s) {
  const size_t old = size_;
  resize(size_ + s.size());
  std::copy(s.begin(), s.end(), data_ + old);
}

void Dims::take(Dims& o) noexcept {
  if (o.data_ == o.inline_) {
    std::copy(o.inline_, o.inline_ + o.size_, inline_);
    size_ = o.size_;
  } else {
    data_ = o.data_;
    size_ = o.size_;
    capacity_ = o.capacity_;
    o.data_ = o.inline_;
    o.capacity_ = kInline;
  }
  o.size_ = 0;
}

int64_t checked_mul(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r)) fail("size overflow: {} * {} does not fit in 63 bits", a, b);
  return r;
}

int64_t checked_add(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) fail("size overflow: {} + {} does not fit in 63 bits", a, b);
  return r;
}

int64_t element_count(std::span<const int64_t> dims) {
  int64_t n = 1;
  bool zero = false;
  for (int64_t d : dims) {
    if (d < 0) fail("negative dimension in shape {}", to_string(dims));
    if (d == 0) zero = true;
  }
  if (zero) return 0;
  for (int64_t d : dims) n = checked_mul(n, d);
  return n;
}

int64_t resolve_axis(int64_t axis, size_t rank) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= r) fail("axis {} out of range [{}, {}]", axis, -r, r - 1);
  return axis < 0 ? axis + r : axis;
}

Dims broadcast(std::span<const int64_t> a, std::span<const int64_t> b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) fail("shapes {} and {} do not broadcast", to_string(a), to_string(b));
    out[rank - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

std::string to_string(std::span<const int64_t> dims) {
  std::string s = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i) s += ",";
    s += is_symbol(dims[i]) ? "s" + std::to_string(symbol_id(dims[i])) : std::to_string(dims[i]);
  }
  return s + "]";
}

}  // namespace tenon
