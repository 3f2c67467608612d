// Pow: Z = X ^ Y with broadcasting; Z has X's type. Integers to integer powers are exact modulo 2^bits.
#include <cmath>
#include <limits>

#include "ops/map_rows.h"

namespace tenon::ops::pow {
namespace {

template <class From, class To>
void convert_row(const void* from, void* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<To*>(to)[i] = static_cast<To>(static_cast<const From*>(from)[i]);
}
template <class Half, class To>
void convert_half_row(const void* from, void* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<To*>(to)[i] = static_cast<To>(to_float(static_cast<const Half*>(from)[i]));
}
/// Exponents of type t as T; null when they are stored so.
template <class T>
ConvertRow load_as(DType t) {
  if (t == DTypeOf<T>::value) return nullptr;
  if (t == DType::kFloat16) return &convert_half_row<Half, T>;
  if (t == DType::kBFloat16) return &convert_half_row<BFloat16, T>;
  return visit<NumericTypes>(t, []<class From>() -> ConvertRow { return &convert_row<From, T>; });
}

// The exponents that models use are cheaper, and at least as exact, as products and roots.
template <class T>
bool special_row(const T* x, int64_t sx, T y, T* z, int64_t n) {
  const auto each = [&](auto f) {
    for (int64_t i = 0; i < n; ++i) z[i] = f(x[i * sx]);
    return true;
  };
  if (y == 2) return each([](T v) { return v * v; });
  if (y == 3) return each([](T v) { return v * v * v; });
  if (y == 1) return each([](T v) { return v; });
  if (y == -1) return each([](T v) { return 1 / v; });
  if (y == T(0.5))  // pow(-inf, 0.5) is inf, pow(-0, 0.5) is 0
    return each([](T v) { return v == -std::numeric_limits<T>::infinity() ? -v : std::sqrt(v) + T(0); });
  return false;
}

void float_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n, const double*) {
  const float *x = static_cast<const float*>(a), *y = static_cast<const float*>(b);
  float* out = static_cast<float*>(z);
  if (sb == 0 && special_row(x, sa, *y, out, n)) return;
  const kernels::BinaryRows rows = kernels::binary_rows(kernels::Binary::kPow);
  if (sa && sb) {
    rows.vv(x, y, out, n);
  } else if (sb) {
    rows.sv(x, y, out, n);
  } else if (sa) {
    rows.vs(x, y, out, n);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = std::pow(*x, *y);
  }
}
void double_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n, const double*) {
  const double *x = static_cast<const double*>(a), *y = static_cast<const double*>(b);
  double* out = static_cast<double*>(z);
  if (sb == 0 && special_row(x, sa, *y, out, n)) return;
  for (int64_t i = 0; i < n; ++i) out[i] = std::pow(x[i * sa], y[i * sb]);
}

template <class T>
T int_power(T x, int64_t y) {
  if (y < 0) {
    if (x == 0) fail("0 to the power of {} in integers", y);
    if (x == 1) return 1;
    if (x == -1) return y % 2 ? -1 : 1;
    return 0;
  }
  std::make_unsigned_t<T> base = static_cast<std::make_unsigned_t<T>>(x), result = 1;
  for (; y; y >>= 1, base *= base)
    if (y & 1) result *= base;
  return static_cast<T>(result);
}
template <class T>
void int_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n, const double*) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<T*>(z)[i] = int_power(static_cast<const T*>(a)[i * sa], static_cast<const int64_t*>(b)[i * sb]);
}
// A result outside T's range becomes T's nearest value, NaN becomes 0.
template <class T>
void int_to_real_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n, const double*) {
  constexpr double kEnd = static_cast<double>(std::numeric_limits<T>::max() / 2 + 1) * 2;
  for (int64_t i = 0; i < n; ++i) {
    const double r =
        std::pow(static_cast<double>(static_cast<const T*>(a)[i * sa]), static_cast<const double*>(b)[i * sb]);
    static_cast<T*>(z)[i] = std::isnan(r) ? 0
                            : r >= kEnd   ? std::numeric_limits<T>::max()
                            : r <= -kEnd  ? std::numeric_limits<T>::min()
                                          : static_cast<T>(r);
  }
}

std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  const DType x = n.dtype(0), y = n.dtype(1);
  BinaryMap m;
  m.cost = 8;
  m.a_size = m.z_size = static_cast<uint8_t>(dtype_size(x));
  m.b_size = static_cast<uint8_t>(dtype_size(y));
  if (is_single(x)) {
    m.row = &float_row;
    m.load_a = load_as_float(x);
    m.load_b = load_as<float>(y);
    m.store = store_from_float(x);
  } else if (x == DType::kDouble) {
    m.row = &double_row;
    m.load_b = load_as<double>(y);
  } else {
    visit<IndexTypes>(x, [&]<class T>() { m.row = is_int(y) ? &int_row<T> : &int_to_real_row<T>; });
    m.load_b = is_int(y) ? load_as<int64_t>(y) : load_as<double>(y);
  }
  return std::make_unique<const BinaryKernel>(m, legacy_axis(n));
}

void infer_old(InferContext& c) { infer_legacy(c, c.dtype(0)); }

constexpr DTypeSet kBase12 = kOldFloatSet | kIndexSet, kBase13 = kFloatSet | kIndexSet,
                   kPower12 = kOldFloatSet | kIntSet;
constexpr Port kOldIn[] = {{"X", kOldFloatSet}, {"Y", kOldFloatSet}};
constexpr Port kIn12[] = {{"X", kBase12}, {"Y", kPower12, "T1"}};
constexpr Port kIn13[] = {{"X", kBase13}, {"Y", kPower12, "T1"}};
constexpr Port kIn15[] = {{"X", kBase13}, {"Y", kNumericSet, "T1"}};
constexpr Port kOldOut[] = {{"Z", kOldFloatSet}};
constexpr Port kOut12[] = {{"Z", kBase12}};
constexpr Port kOut13[] = {{"Z", kBase13}};
constexpr OpDef kOps[] = {
    {"Pow", "", 1, 6, kOldIn, kOldOut, kLegacy6, infer_old, make_op, Lowering::kKernel, 1},
    {"Pow", "", 7, 11, kOldIn, kOldOut, {}, infer_broadcast, make_op, Lowering::kKernel, 1},
    {"Pow", "", 12, 12, kIn12, kOut12, {}, infer_broadcast, make_op, Lowering::kKernel, 1},
    {"Pow", "", 13, 14, kIn13, kOut13, {}, infer_broadcast, make_op, Lowering::kKernel, 1},
    {"Pow", "", 15, 0, kIn15, kOut13, {}, infer_broadcast, make_op, Lowering::kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::pow
