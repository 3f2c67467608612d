// fp32 staging of float16 and bfloat16 tensors.
#include "ops/staging.h"

#include "kernels/rows.h"

namespace tenon::ops {
namespace {

void widen(const void* in, DType t, float* out, int64_t n, const kernels::KernelTable& table) {
  if (t == DType::kFloat16)
    kernels::to_float_row(static_cast<const Half*>(in), out, n, table);
  else if (t == DType::kBFloat16)
    kernels::to_float_row(static_cast<const BFloat16*>(in), out, n, table);
  else
    fail_dtype(t, dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16}));
}

}  // namespace

const float* load_f32(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table) {
  if (t.dtype == DType::kFloat) return t.as<float>();
  float* out = c.scratch<float>(t.count);
  c.par.loop(t.count, 0.3, [&](int64_t begin, int64_t end) {
    widen(static_cast<const char*>(t.data) + begin * 2, t.dtype, out + begin, end - begin, table);
  });
  return out;
}

const float* load_f32(KernelContext& c, size_t i, const kernels::KernelTable& table) {
  return c.has_input(i) ? load_f32(c, c.input(i), table) : nullptr;
}

F32Result::F32Result(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table)
    : t_(t), data_(t.dtype == DType::kFloat ? t.out<float>() : c.scratch<float>(t.count)), table_(table) {}

void F32Result::store(KernelContext& c) const {
  if (t_.dtype == DType::kFloat) return;
  c.par.loop(t_.count, 0.3, [&](int64_t begin, int64_t end) {
    if (t_.dtype == DType::kFloat16)
      kernels::from_float_row(data_ + begin, t_.out<Half>() + begin, end - begin, table_);
    else if (t_.dtype == DType::kBFloat16)
      kernels::from_float_row(data_ + begin, t_.out<BFloat16>() + begin, end - begin, table_);
    else
      fail_dtype(t_.dtype, dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16}));
  });
}

Value f32_constant(const Value& v, const kernels::KernelTable& table) {
  if (!v || v.dtype() == DType::kFloat) return v;
  Value out = Value::tensor(DType::kFloat, v.dims());
  widen(v.data(), v.dtype(), static_cast<float*>(out.mutable_data()), v.count(), table);
  return out;
}

}  // namespace tenon::ops
