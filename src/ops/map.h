// The map class: elementwise operators as type-erased row kernels under one broadcast driver.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// y[i] = f(x[i], p) for i in [0, n). p: two parameters of the operator. y may be x.
using UnaryRow = void (*)(const void* x, void* y, int64_t n, const double* p);
/// z[i] = f(a[i * sa], b[i * sb], p); sa and sb are 0 or 1. z may be a or b where that stride is 1.
using BinaryRow = void (*)(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n, const double* p);
/// Converts n elements between a stored type and the type that a row computes in.
using ConvertRow = void (*)(const void* from, void* to, int64_t n);

/// Elements staged at a time where a row computes in another type than the stored one (at most 8 bytes each).
inline constexpr int64_t kTile = 256;

struct UnaryMap {
  UnaryRow row = nullptr;
  kernels::UnaryRow simd = nullptr;             ///< used instead of row where set
  kernels::ActivationRow activation = nullptr;  ///< same, with p
  ConvertRow load = nullptr, store = nullptr;   ///< null: the row reads / writes the stored type
  uint8_t x_size = 0, y_size = 0;               ///< bytes of a stored element
  double cost = 1;                              ///< rough ns per element
  double p[2] = {0, 0};

  void run(const Parallel& par, const void* x, void* y, int64_t n) const;
  void run_row(const void* x, void* y, int64_t n) const;  ///< in the types that the row computes in
};

struct BinaryMap {
  BinaryRow row = nullptr;
  kernels::BinaryRows simd = {nullptr, nullptr, nullptr};  ///< used instead of row where set
  ConvertRow load_a = nullptr, load_b = nullptr, store = nullptr;
  uint8_t a_size = 0, b_size = 0, z_size = 0;
  double cost = 1;
  double p[2] = {0, 0};

  /// z[...] = f(a, b) with both operands broadcast to z's dims.
  void run(const Parallel& par, const TensorRef& a, const TensorRef& b, const TensorRef& z) const;
  void run_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n) const;  ///< in stored types

 private:
  void compute(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n) const;
};

/// Conversions of float16 and bfloat16 to and from float; null for every other type.
ConvertRow load_as_float(DType t);
ConvertRow store_from_float(DType t);
constexpr bool is_half(DType t) { return t == DType::kFloat16 || t == DType::kBFloat16; }
/// Types whose elementwise arithmetic is done in float.
constexpr bool is_single(DType t) { return t == DType::kFloat || is_half(t); }

/// Loops of a broadcast over up to kMax operands: axes of one kind merged, innermost first, so that each operand is
/// either fixed or contiguous along a row.
struct Nest {
  static constexpr int kMax = 3, kMaxRank = 32;
  int rank = 0;
  int64_t dim[kMaxRank];
  int64_t stride[kMax][kMaxRank];  ///< elements; 0 where the operand is broadcast

  Nest(std::span<const int64_t> out, std::initializer_list<std::span<const int64_t>> operands);
  /// fn(offsets of the operands, offset of the result, length) for the rows of elements [begin, end) of the result.
  template <class F>
  void each(int64_t begin, int64_t end, F&& fn) const;
};

/// Runs a UnaryMap from input 0 to output 0.
class UnaryKernel final : public Kernel {
 public:
  explicit UnaryKernel(const UnaryMap& map) : map_(map) {}
  void run(KernelContext& c) const override;

 private:
  UnaryMap map_;
};

/// Runs a BinaryMap on inputs 0 and 1. `axis` is the place of input 1's first dim in input 0 (opsets 1 and 6), -1 for
/// NumPy's rule.
class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const BinaryMap& map, int64_t axis = -1) : map_(map), axis_(axis) {}
  void run(KernelContext& c) const override;

 private:
  BinaryMap map_;
  int64_t axis_;
};

/// Attribute "axis" of the binary operators of opsets 1 and 6 where it matters, else -1.
int64_t legacy_axis(const NodeInfo& n);
/// infer of the binary operators of opsets 1 and 6: the result has input 0's dims. `out` as in infer_binary.
void infer_legacy(InferContext& c, DType out);
/// Output 0 = type of input 0 (contents are not passed on, other than in infer_same).
void infer_like(InferContext& c);
/// Output 0 = type of input 0 with another element type.
void infer_like(InferContext& c, DType out);

/// What a DeriveOp answers when it cannot tell: then nothing is derived.
inline constexpr int64_t kUndecided = INT64_MAX;
using DeriveOp = int64_t (*)(Symbols& s, int64_t a, int64_t b);
/// Derived integers of output 0 = op(inputs 0 and 1) with broadcasting, where those are known; nothing where a concrete
/// result does not fit the output's type (it would wrap).
void derive_binary(InferContext& c, DeriveOp op);
void derive_unary(InferContext& c, int64_t (*op)(Symbols& s, int64_t a));
/// Integers of input i broadcast to `dims` (all concrete, at most 4096 elements); nothing when they are not known.
std::optional<std::vector<int64_t>> derived_broadcast(InferContext& c, size_t i, const Dims& dims);
/// Whether element type t holds v; symbols always fit, types that are not integers never.
bool fits(DType t, int64_t v);

/// f(i) for i in [0, n), in chunks of a length that compilers turn into vector code at -O2. Element i of a result may
/// share memory with element i of an operand, never with another one.
template <class F>
inline void each_element(int64_t n, F&& f) {
  constexpr int64_t kChunk = 64;
  int64_t i = 0;
  for (; i + kChunk <= n; i += kChunk) {
#if defined(__GNUC__) && !defined(__clang__)  // Clang warns where it cannot, and Werror makes that an error
#pragma GCC ivdep
#endif
    for (int64_t j = 0; j < kChunk; ++j) f(i + j);
  }
  for (; i < n; ++i) f(i);
}

template <class F, class T>
void unary_row(const void* x, void* y, int64_t n, const double* p) {
  const T* in = static_cast<const T*>(x);
  auto* out = static_cast<decltype(F::apply(T(), p))*>(y);
  each_element(n, [=](int64_t i) { out[i] = F::apply(in[i], p); });
}

template <class F, class T>
void binary_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n, const double* p) {
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  auto* out = static_cast<decltype(F::apply(T(), T(), p))*>(z);
  if (sa && sb) {
    each_element(n, [=](int64_t i) { out[i] = F::apply(x[i], y[i], p); });
  } else if (sa) {
    const T v = *y;
    each_element(n, [=, &v](int64_t i) { out[i] = F::apply(x[i], v, p); });
  } else {
    const T v = *x;
    each_element(n, [=, &v](int64_t i) { out[i] = F::apply(v, y[i * sb], p); });
  }
}

/// UnaryMap of functor F (static R apply(T, const double* p)) for element type t of `Types`; float16 and bfloat16 go
/// through float.
template <class Types, class F>
UnaryMap unary_map(DType t, double cost) {
  UnaryMap m;
  m.cost = cost;
  m.load = load_as_float(t);
  m.x_size = static_cast<uint8_t>(dtype_size(t));
  visit<Types>(m.load ? DType::kFloat : t, [&]<class T>() {
    using R = decltype(F::apply(T(), m.p));
    m.row = &unary_row<F, T>;
    m.store = std::is_same_v<R, T> ? store_from_float(t) : nullptr;
    m.y_size = m.store ? m.x_size : sizeof(R);
  });
  return m;
}
/// UnaryMap of a float row of the kernels; t is float, float16 or bfloat16.
UnaryMap float_unary_map(DType t, double cost, kernels::UnaryRow simd, kernels::ActivationRow activation = nullptr);

/// Kernel for functor F on the codes (uint8_t, uint16_t) of a type of 8 or 16 bits.
template <class F>
std::unique_ptr<const Kernel> code_kernel(DType t, double p0, double p1 = 0) {
  UnaryMap m = unary_map<TypeList<uint8_t, uint16_t>, F>(dtype_size(t) == 1 ? DType::kUint8 : DType::kUint16, 0.5);
  m.p[0] = p0;
  m.p[1] = p1;
  return std::make_unique<const UnaryKernel>(m);
}
/// Kernel for functor F alone.
template <class Types, class F>
std::unique_ptr<const Kernel> make_unary(const NodeInfo& n, double cost, double p0 = 0, double p1 = 0) {
  UnaryMap m = unary_map<Types, F>(n.dtype(0), cost);
  m.p[0] = p0;
  m.p[1] = p1;
  return std::make_unique<const UnaryKernel>(m);
}
/// Kernel for a float row of the kernels, and functor F for the element types of `Types`.
template <class Types, class F>
std::unique_ptr<const Kernel> make_unary(const NodeInfo& n, double cost, kernels::Unary f) {
  if (!is_single(n.dtype(0))) return make_unary<Types, F>(n, cost);
  return std::make_unique<const UnaryKernel>(
      float_unary_map(n.dtype(0), cost, kernels::unary_row(f, kernels::kernels_for(n.isa))));
}
template <class Types, class F>
std::unique_ptr<const Kernel> make_unary(const NodeInfo& n, double cost, kernels::Activation f, double p0 = 0,
                                         double p1 = 0) {
  if (!is_single(n.dtype(0))) return make_unary<Types, F>(n, cost, p0, p1);
  UnaryMap m = float_unary_map(n.dtype(0), cost, nullptr, kernels::activation_row(f, kernels::kernels_for(n.isa)));
  m.p[0] = p0;
  m.p[1] = p1;
  return std::make_unique<const UnaryKernel>(m);
}

/// BinaryMap of functor F (static R apply(T, T, const double* p)); both operands have element type t.
template <class Types, class F>
BinaryMap binary_map(DType t, double cost) {
  BinaryMap m;
  m.cost = cost;
  m.load_a = m.load_b = load_as_float(t);
  m.a_size = m.b_size = static_cast<uint8_t>(dtype_size(t));
  visit<Types>(m.load_a ? DType::kFloat : t, [&]<class T>() {
    using R = decltype(F::apply(T(), T(), m.p));
    m.row = &binary_row<F, T>;
    m.store = std::is_same_v<R, T> ? store_from_float(t) : nullptr;
    m.z_size = m.store ? m.a_size : sizeof(R);
  });
  return m;
}
/// BinaryMap of a float row of the kernels; t is float, float16 or bfloat16.
BinaryMap float_binary_map(DType t, double cost, kernels::Binary f, Isa isa);

/// Map for a float row of the kernels, and functor F for the element types of `Types`.
template <class Types, class F>
BinaryMap binary_map(DType t, double cost, kernels::Binary f, Isa isa) {
  return is_single(t) ? float_binary_map(t, cost, f, isa) : binary_map<Types, F>(t, cost);
}

template <class F>
void Nest::each(int64_t begin, int64_t end, F&& fn) const {
  int64_t at[kMaxRank], offset[kMax] = {0, 0, 0};
  int64_t rest = begin;
  for (int k = 0; k < rank; ++k) {
    at[k] = rest % dim[k];
    rest /= dim[k];
    for (int o = 0; o < kMax; ++o) offset[o] += at[k] * stride[o][k];
  }
  while (begin < end) {
    const int64_t n = std::min(dim[0] - at[0], end - begin);
    fn(static_cast<const int64_t*>(offset), begin, n);
    begin += n;
    at[0] += n;
    for (int o = 0; o < kMax; ++o) offset[o] += n * stride[o][0];
    for (int k = 0; at[k] == dim[k] && k + 1 < rank; ++k) {
      at[k] = 0;
      ++at[k + 1];
      for (int o = 0; o < kMax; ++o) offset[o] += stride[o][k + 1] - dim[k] * stride[o][k];
    }
  }
}

}  // namespace tenon::ops
