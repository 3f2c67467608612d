// Shared by ops that move elements without looking at them: element sizes, strided copies, packed types.
#pragma once
#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "base/dtype.h"
#include "base/thread_pool.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace tenon::ops {

/// An element of 16 bytes with the alignment of complex128.
struct Bytes16 {
  uint64_t half[2];
};

/// f.template operator()<U>() with an unsigned type of t's element size, or std::string. t must be byte-addressable.
template <class F>
decltype(auto) visit_size(DType t, F&& f) {
  if (t == DType::kString) return f.template operator()<std::string>();
  switch (dtype_size(t)) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    case 16:
      return f.template operator()<Bytes16>();
    default:
      fail_dtype(t, kIr13Set);
  }
}

/// Loop nest out[Σ i_k·out_k] = in[Σ i_k·in_k]; strides count elements and may be 0 or negative. Loops are added from
/// the outside in; neighbours that are one run of memory are merged.
class StridedCopy {
 public:
  void loop(int64_t n, int64_t in_stride, int64_t out_stride);
  /// `in` and `out` point at the elements of index 0. Types must be byte-addressable.
  void run(const Parallel& par, DType t, const void* in, void* out) const;

 private:
  void strings(int k, const std::string* in, std::string* out) const;

  static constexpr int kMaxRank = 16;
  int rank_ = 0;
  bool empty_ = false;
  int64_t n_[kMaxRank], in_[kMaxRank], out_[kMaxRank];
};

/// out[0, n) = in[0, n), elements of type t; strings are assigned.
void copy_elements(const Parallel& par, DType t, const void* in, void* out, int64_t n);
/// out[0, n) = the one element `value`.
void fill_elements(const Parallel& par, DType t, const void* value, void* out, int64_t n);
/// Copies all of `in` over `out` (same type and count, packed types too); nothing when they are the same memory.
void copy_tensor(const Parallel& par, const TensorRef& in, const TensorRef& out);
/// A tensor value as kernels see it; valid while `v` lives.
inline TensorRef ref_of(const Value& v) {
  return {const_cast<void*>(v.data()), v.dims().data(), static_cast<uint32_t>(v.dims().size()), v.dtype(), v.count()};
}
/// A new tensor with the contents of `t`: operands are valid during a kernel's call only.
Value copy_of(const Parallel& par, const TensorRef& t);
/// Pointer to element n of a byte-addressable tensor.
inline char* element(void* p, DType t, int64_t n) {
  return static_cast<char*>(p) + n * static_cast<int64_t>(dtype_size(t));
}
inline const char* element(const void* p, DType t, int64_t n) {
  return static_cast<const char*>(p) + n * static_cast<int64_t>(dtype_size(t));
}

// 4-bit and 2-bit types are moved as a byte per element in scratch memory: kernels read `addressable(c, input)`, write
// `addressable_output(c, output)`, then call `finish`. All three do nothing for other types.
TensorRef addressable(KernelContext& c, const TensorRef& t);
TensorRef addressable_output(KernelContext& c, const TensorRef& t);
void finish(const TensorRef& written, const TensorRef& output);

/// Integers of an int32 or int64 tensor.
inline int64_t int_at(const TensorRef& t, int64_t i) {
  return t.dtype == DType::kInt64 ? t.as<int64_t>()[i] : t.as<int32_t>()[i];
}
/// Element i of a numeric tensor.
double number_at(const TensorRef& t, int64_t i);
/// Index in [-n, n) as [0, n); throws "index 9 out of range [-3, 2]".
inline int64_t resolve_index(int64_t i, int64_t n) {
  if (i < -n || i >= n) fail("index {} out of range [{}, {}]", i, -n, n - 1);
  return i < 0 ? i + n : i;
}

/// make() of ops that are views: copies input 0 to output 0, whatever its kind.
std::unique_ptr<const Kernel> make_copy(const NodeInfo& info);

// For infer.
inline constexpr int64_t kMaxElements = int64_t{1} << 40;
/// Throws the limit error "tensor_elements" when the integer dims of a new tensor hold over 2^40 elements.
void limit_elements(std::span<const int64_t> dims);
/// Output 0 has the integers of input 0 in the same order.
void pass_ints(InferContext& c);
/// n fresh dims.
Dims fresh_dims(InferContext& c, size_t n);
/// Number of integers in 1-D operand i, where its dim is known.
std::optional<size_t> int_count(InferContext& c, size_t i);

/// Integers that old versions of an op take as attribute `name` and newer ones as operand i.
struct IntsArg {
  bool present = false;
  std::optional<std::vector<int64_t>> values;  ///< empty while only a run can tell
};
IntsArg ints_arg(InferContext& c, size_t i, std::string_view name);

/// The same for kernels.
class IntsParam {
 public:
  IntsParam(const NodeInfo& info, size_t input, std::string_view name)
      : input_(input), has_input_(info.has_input(input)), has_attr_(info.attrs.has(name)) {
    const auto values = info.attrs.get_ints(name);
    attr_.assign(values.begin(), values.end());
  }
  bool present() const { return has_input_ || has_attr_; }
  int64_t size(const KernelContext& c) const {
    return has_input_ ? c.input(input_).count : static_cast<int64_t>(attr_.size());
  }
  int64_t at(const KernelContext& c, int64_t k) const {
    return has_input_ ? int_at(c.input(input_), k) : attr_[static_cast<size_t>(k)];
  }

 private:
  size_t input_;
  bool has_input_, has_attr_;
  std::vector<int64_t> attr_;
};

}  // namespace tenon::ops
