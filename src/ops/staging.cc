// Staging of tensors as fp32 or double.
#include "ops/staging.h"

#include "kernels/rows.h"

namespace tenon::ops {
namespace {

using PlainTypes = Join<NumericTypes, TypeList<bool>>;

/// out[0, n) = elements [first, first + n) of a tensor of type t.
template <class T>
void convert(const void* in, DType t, int64_t first, int64_t n, T* out, const kernels::KernelTable& table) {
  if (is_half(t)) {
    float buffer[256];
    for (int64_t i = 0; i < n; i += 256) {
      const int64_t m = n - i < 256 ? n - i : 256;
      float* to = buffer;
      if constexpr (std::is_same_v<T, float>) to = out + i;
      if (t == DType::kFloat16)
        kernels::to_float_row(static_cast<const Half*>(in) + first + i, to, m, table);
      else
        kernels::to_float_row(static_cast<const BFloat16*>(in) + first + i, to, m, table);
      if constexpr (!std::is_same_v<T, float>)
        for (int64_t j = 0; j < m; ++j) out[i + j] = buffer[j];
    }
    return;
  }
  visit<PlainTypes>(t, [&]<class S>() {
    const S* s = static_cast<const S*>(in) + first;
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(s[i]);
  });
}

template <class T>
void round_row(const T* in, const TensorRef& t, int64_t first, int64_t n, const kernels::KernelTable& table) {
  if (t.dtype == DType::kFloat) {
    for (int64_t i = 0; i < n; ++i) t.out<float>()[first + i] = static_cast<float>(in[i]);
  } else if (t.dtype == DType::kDouble) {
    for (int64_t i = 0; i < n; ++i) t.out<double>()[first + i] = static_cast<double>(in[i]);
  } else if (!is_half(t.dtype)) {
    fail_dtype(t.dtype, kFloatSet);
  } else if constexpr (std::is_same_v<T, float>) {
    if (t.dtype == DType::kFloat16)
      kernels::from_float_row(in, t.out<Half>() + first, n, table);
    else
      kernels::from_float_row(in, t.out<BFloat16>() + first, n, table);
  } else {
    for (int64_t i = 0; i < n; ++i)
      if (t.dtype == DType::kFloat16)
        t.out<Half>()[first + i] = to_half(static_cast<float>(in[i]));
      else
        t.out<BFloat16>()[first + i] = to_bfloat16(static_cast<float>(in[i]));
  }
}

constexpr double kCostPerValue = 0.3;

}  // namespace

template <class T>
const T* load_as(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table) {
  if (t.dtype == DTypeOf<T>::value) return t.as<T>();
  T* out = c.scratch<T>(t.count);
  c.par.loop(t.count, kCostPerValue,
             [&](int64_t begin, int64_t end) { convert(t.data, t.dtype, begin, end - begin, out + begin, table); });
  return out;
}
template const float* load_as(KernelContext&, const TensorRef&, const kernels::KernelTable&);
template const double* load_as(KernelContext&, const TensorRef&, const kernels::KernelTable&);

template <class T>
ResultAs<T>::ResultAs(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table)
    : t_(t), data_(t.dtype == DTypeOf<T>::value ? t.out<T>() : c.scratch<T>(t.count)), table_(table) {}

template <class T>
void ResultAs<T>::store(KernelContext& c) const {
  if (t_.dtype == DTypeOf<T>::value) return;
  c.par.loop(t_.count, kCostPerValue,
             [&](int64_t begin, int64_t end) { round_row(data_ + begin, t_, begin, end - begin, table_); });
}
template class ResultAs<float>;
template class ResultAs<double>;

Value f32_constant(const Value& v, const kernels::KernelTable& table) {
  if (!v || v.dtype() == DType::kFloat) return v;
  Value out = Value::tensor(DType::kFloat, v.dims());
  convert(v.data(), v.dtype(), 0, v.count(), static_cast<float*>(out.mutable_data()), table);
  return out;
}

}  // namespace tenon::ops
