// Dims with inline storage, checked size arithmetic, broadcasting and axis rules on plain integers.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/error.h"

namespace tenon {

/// Small vector of int64: six inline, more on the heap. An entry may be a symbol (see base/symbols.h) where the owner
/// says so.
class Dims {
 public:
  Dims() noexcept = default;
  Dims(std::initializer_list<int64_t> l) : Dims(std::span<const int64_t>(l.begin(), l.size())) {}
  Dims(std::span<const int64_t> s) { assign(s); }  // NOLINT: implicit, a span of dims is Dims
  Dims(size_t n, int64_t v) {
    resize(n);
    for (auto& x : *this) x = v;
  }
  Dims(const Dims& o) { assign(o); }
  Dims(Dims&& o) noexcept { take(o); }
  Dims& operator=(const Dims& o) {
    if (this != &o) assign(o);
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      release();
      take(o);
    }
    return *this;
  }
  ~Dims() { release(); }

  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  int64_t* data() noexcept { return data_; }
  const int64_t* data() const noexcept { return data_; }
  int64_t* begin() noexcept { return data_; }
  int64_t* end() noexcept { return data_ + size_; }
  const int64_t* begin() const noexcept { return data_; }
  const int64_t* end() const noexcept { return data_ + size_; }
  int64_t& operator[](size_t i) noexcept { return data_[i]; }
  int64_t operator[](size_t i) const noexcept { return data_[i]; }
  int64_t& back() noexcept { return data_[size_ - 1]; }
  int64_t back() const noexcept { return data_[size_ - 1]; }
  operator std::span<const int64_t>() const noexcept { return {data_, size_}; }  // NOLINT

  void assign(std::span<const int64_t> s);
  void resize(size_t n);  ///< new entries are 0
  void clear() noexcept { size_ = 0; }
  void push_back(int64_t v) {
    resize(size_ + 1);
    data_[size_ - 1] = v;
  }
  void insert(size_t at, int64_t v);
  void erase(size_t at);
  void append(std::span<const int64_t> s);

  friend bool operator==(const Dims& a, const Dims& b) noexcept {
    if (a.size_ != b.size_) return false;
    for (size_t i = 0; i < a.size_; ++i)
      if (a.data_[i] != b.data_[i]) return false;
    return true;
  }

 private:
  static constexpr size_t kInline = 6;
  void release() noexcept {
    if (data_ != inline_) delete[] data_;
    data_ = inline_;
    size_ = 0;
    capacity_ = kInline;
  }
  void take(Dims& o) noexcept;

  int64_t* data_ = inline_;
  size_t size_ = 0;
  size_t capacity_ = kInline;
  int64_t inline_[kInline] = {};
};

/// a*b, a+b for non-negative sizes; throws kInvalidArgument when the result leaves int64.
int64_t checked_mul(int64_t a, int64_t b);
int64_t checked_add(int64_t a, int64_t b);
/// Product of concrete dims (1 for rank 0); throws on negative dims and overflow.
int64_t element_count(std::span<const int64_t> dims);
/// Product of dims[begin, end).
inline int64_t extent(std::span<const int64_t> dims, size_t begin, size_t end) {
  int64_t n = 1;
  for (size_t i = begin; i < end; ++i) n *= dims[i];
  return n;
}
/// Axis in [-rank, rank) as [0, rank); throws "axis 5 out of range [-3, 2]".
int64_t resolve_axis(int64_t axis, size_t rank);
/// Multidirectional broadcasting of concrete dims; throws and names both shapes when they do not match.
Dims broadcast(std::span<const int64_t> a, std::span<const int64_t> b);
/// "[2,3]"; symbols print as "s7" unless a Symbols table formats them.
std::string to_string(std::span<const int64_t> dims);

}  // namespace tenon
