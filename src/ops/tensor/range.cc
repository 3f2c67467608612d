// Range (and com.microsoft's, whose delta may be missing): start, start + delta, ... up to and without limit.
#include <cmath>

#include "ops/move.h"

namespace tenon::ops::range {
namespace {

/// ceil((limit - start) / delta), at least 0, without overflow.
int64_t int_length(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0) fail("delta is 0");
  const __int128 span = static_cast<__int128>(limit) - start, d = delta;
  if ((span > 0) != (d > 0) || span == 0) return 0;
  const __int128 n = (span + d + (d > 0 ? -1 : 1)) / d;
  if (n > kMaxElements) fail_limit("tensor_elements", "range from {} to {} by {} is too long", start, limit, delta);
  return static_cast<int64_t>(n);
}

int64_t float_length(double start, double limit, double delta) {
  if (delta == 0) fail("delta is 0");
  const double n = std::ceil((limit - start) / delta);
  if (std::isnan(n)) fail("range from {} to {} by {} has no length", start, limit, delta);
  if (n > static_cast<double>(kMaxElements))
    fail_limit("tensor_elements", "range from {} to {} by {} is too long", start, limit, delta);
  return n > 0 ? static_cast<int64_t>(n) : 0;
}

void infer_ints(InferContext& c) {
  const auto start = c.scalar_int(0), limit = c.scalar_int(1);
  const auto delta = c.has_input(2) ? c.scalar_int(2) : std::optional<int64_t>(1);
  if (!start || !limit || !delta) return c.set(0, c.dtype(0), {c.fresh()});
  if (is_symbol(*delta) || is_symbol(*start) || is_symbol(*limit)) {
    const bool simple = !is_symbol(*delta) && *delta > 0;
    const int64_t span = c.sym.max(c.sym.sub(*limit, *start), 0);
    return c.set(0, c.dtype(0), {simple ? c.sym.ceil_div(span, *delta) : c.fresh()});
  }
  const int64_t n = int_length(*start, *limit, *delta);
  c.set(0, c.dtype(0), {n});
  if (n > 4096) return;
  std::vector<int64_t> v;
  for (int64_t i = 0; i < n; ++i) v.push_back(*start + i * *delta);
  c.set_ints(0, std::move(v));
}

void infer(InferContext& c) {
  for (size_t i = 0; i < 3; ++i) {
    if (!c.has_rank(i)) continue;
    const int64_t n = c.sym.product(c.dims(i));
    if (differ(n, 1)) fail("input {} has shape {}, expected a scalar", i, to_string(c.dims(i)));
  }
  if (is_int(c.dtype(0))) return infer_ints(c);
  const auto start = c.floats(0), limit = c.floats(1), delta = c.floats(2);
  if (!start || !limit || (c.has_input(2) && !delta)) return c.set(0, c.dtype(0), {c.fresh()});
  c.set(0, c.dtype(0), {float_length(start->front(), limit->front(), delta ? delta->front() : 1)});
}

struct Range final : Kernel {
  explicit Range(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef &start = c.input(0), &limit = c.input(1);
    const TensorRef* delta = c.has_input(2) ? &c.input(2) : nullptr;
    const DType t = start.dtype;
    if (is_int(t)) {
      visit<TypeList<int16_t, int32_t, int64_t>>(t, [&]<class T>() {
        const int64_t a = *start.as<T>(), d = delta ? *delta->as<T>() : T{1}, n = int_length(a, *limit.as<T>(), d);
        const TensorRef& y = c.output(0, t, {&n, 1});
        for (int64_t i = 0; i < n; ++i) y.out<T>()[i] = static_cast<T>(a + i * d);
      });
      return;
    }
    const double a = number_at(start, 0), d = delta ? number_at(*delta, 0) : 1;
    const int64_t n = float_length(a, number_at(limit, 0), d);
    const TensorRef& y = c.output(0, t, {&n, 1});
    const auto value = [&](int64_t i) { return a + static_cast<double>(i) * d; };
    for (int64_t i = 0; i < n; ++i) {
      if (t == DType::kDouble) {
        y.out<double>()[i] = value(i);
      } else if (t == DType::kFloat) {
        y.out<float>()[i] = static_cast<float>(value(i));
      } else if (t == DType::kFloat16) {
        y.out<Half>()[i] = to_half(static_cast<float>(value(i)));
      } else {
        y.out<BFloat16>()[i] = to_bfloat16(static_cast<float>(value(i)));
      }
    }
  }
};

constexpr DTypeSet kTypes11 = dtype_set({DType::kFloat, DType::kDouble, DType::kInt16, DType::kInt32, DType::kInt64});
constexpr DTypeSet kTypes27 = kTypes11 | dtype_set({DType::kFloat16, DType::kBFloat16});
constexpr AttrDef kAttrs27[] = {int_attr("stash_type", 1)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"start", T}, {"limit", T}, {"delta", T}}, kOut[] = {{"output", T}};
};
struct MicrosoftPorts {
  static constexpr Port kIn[] = {
      {"start", kTypes11}, {"limit", kTypes11}, {"delta", kTypes11, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"Y", kTypes11}};
};
constexpr OpDef kMicrosoft = {.name = "Range", .domain = "com.microsoft", .infer = infer, .make = make<Range>};
constexpr OpDef kRow = {.name = "Range", .infer = infer, .make = make<Range>};
constexpr OpDef kOps[] = {row_of<MicrosoftPorts>(kMicrosoft, 1, 0), row_of<Ports<kTypes11>>(kRow, 11, 26),
                          row_of<Ports<kTypes27>>(kRow, 27, 0, kAttrs27)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::range
