// Granularity, runs, and the generic quantizing row.
#include "ops/quantization.h"

#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/convert.h"

namespace tenon::ops {

void check_granularity(InferContext& c) {
  const int64_t block = c.attrs().get_int("block_size", 0);
  if (block < 0) fail("attribute block_size is {}, expected at least 0", block);
  if (c.has_input(2) && c.has_rank(1) && c.has_rank(2)) {
    const bool same = c.rank(1) == c.rank(2);
    for (size_t i = 0; same && i < c.rank(1); ++i) expect_equal(c, c.dims(1)[i], c.dims(2)[i], "scale and zero point");
    const auto single = [&](size_t input) {
      return std::all_of(c.dims(input).begin(), c.dims(input).end(), [](int64_t d) { return !differ(d, 1); });
    };
    if (!same && !(single(1) && single(2)))
      fail("zero point has dims {}, expected the scale's {}", c.sym.to_string(c.dims(2)), c.sym.to_string(c.dims(1)));
  }
  if (!c.has_rank(0) || !c.has_rank(1)) return;
  const Dims &x = c.dims(0), &scale = c.dims(1);
  bool single = true;
  for (int64_t d : scale) single = single && d == 1;
  if (single && (block == 0 || scale.empty())) return;
  const auto misfit = [&](const char* expected) {
    fail("scale has dims {}, input has {}: expected {}", c.sym.to_string(scale), c.sym.to_string(x), expected);
  };
  if (block == 0) {
    if (scale.size() != 1) misfit("a scalar or one scale per index of the axis (block_size is 0)");
    if (c.since() >= 10 && c.since() < 13 && !is_symbol(scale[0])) misfit("a scalar (before opset 13)");
    if (x.empty()) {
      if (differ(scale[0], 1)) misfit("one scale");
      return;
    }
    const int64_t d =
        x.size() == 1 ? x[0] : x[static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 1), x.size()))];
    if (differ(d, scale[0])) misfit("one scale per index of the axis");
    return;
  }
  if (scale.size() != x.size()) misfit("the input's rank (block_size is set)");
  const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 1), x.size()));
  for (size_t i = 0; i < x.size(); ++i)
    if (differ(scale[i], i == axis ? c.sym.ceil_div(x[i], block) : x[i]))
      misfit("the input's dims, divided by block_size (rounded up) along the axis");
}

QuantRuns::QuantRuns(std::span<const int64_t> dims, std::span<const int64_t> scale, int64_t axis, int64_t block) {
  const int64_t total = element_count(dims);
  if (element_count(scale) == 1) {
    length = total;
    return;
  }
  const size_t at = dims.size() == 1 ? 0 : static_cast<size_t>(resolve_axis(axis, dims.size()));
  const int64_t outer = extent(dims, 0, at);
  axis_ = dims[at];
  inner_ = extent(dims, at + 1, dims.size());
  if (block == 0) {
    kind_ = inner_ == 1 ? Kind::kAxisElements : Kind::kAxisRows;
    count = inner_ == 1 ? outer : outer * axis_;
    length = inner_ == 1 ? axis_ : inner_;
    scale_step = inner_ == 1;
    return;
  }
  block_ = block;
  scales_ = scale[at];
  kind_ = inner_ == 1 ? Kind::kBlockPieces : Kind::kBlockRows;
  count = inner_ == 1 ? outer * scales_ : outer * axis_;
  length = inner_ == 1 ? block : inner_;
  scale_step = inner_ != 1;
}

QuantRuns::Run QuantRuns::run(int64_t i) const {
  switch (kind_) {
    case Kind::kTensor:
      return {0, length, 0};
    case Kind::kAxisRows:
      return {i * inner_, inner_, i % axis_};
    case Kind::kAxisElements:
      return {i * axis_, axis_, 0};
    case Kind::kBlockRows:
      return {i * inner_, inner_, (i / axis_ * scales_ + i % axis_ / block_) * inner_};
    case Kind::kBlockPieces:
      break;
  }
  const int64_t first = i % scales_ * block_;
  return {i / scales_ * axis_ + first, std::min(block_, axis_ - first), i};
}

const float* scratch_floats(KernelContext& c, const TensorRef& t) {
  if (t.dtype == DType::kFloat) return t.as<float>();
  float* out = c.scratch<float>(t.count);
  Converter(t.dtype, DType::kFloat).run(c.par, t.data, out, t.count);
  return out;
}

void expect_scalars(InferContext& c, std::initializer_list<size_t> inputs) {
  for (size_t i : inputs)
    if (c.has_rank(i) && differ(c.sym.product(c.dims(i)), 1))
      fail("input {} has dims {}, expected a scalar", i, c.sym.to_string(c.dims(i)));
}

ByteScale ByteScale::of(KernelContext& c, size_t scale, size_t zero) {
  ByteScale s{*scratch_floats(c, c.input(scale)), 0};
  if (!c.has_input(zero)) return s;
  const TensorRef& z = c.input(zero);
  s.zero = z.dtype == DType::kInt8 ? *z.as<int8_t>() : *z.as<uint8_t>();
  return s;
}

void ByteScale::values(bool is_signed, float* table) const {
  for (int code = 0; code < 256; ++code)
    table[code] = static_cast<float>((is_signed ? static_cast<int8_t>(code) : code) - zero) * scale;
}

uint8_t ByteScale::code(float x, bool is_signed) const {
  const float low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
  const float q = std::nearbyint(x / scale) + static_cast<float>(zero);
  return static_cast<uint8_t>(static_cast<int32_t>(!(q >= low) ? low : std::min(q, high)));
}

ByteScale dynamic_range(const float* x, int64_t n, const Parallel& par, const kernels::KernelTable& table) {
  const int64_t dims[] = {n};
  const bool all[] = {true};
  float low = 0, high = 0;
  if (n > 0) {
    kernels::reduce(kernels::Reduce::kMin, x, dims, all, &low, par, table);
    kernels::reduce(kernels::Reduce::kMax, x, dims, all, &high, par, table);
  }
  low = low < 0 ? low : 0;  // also where x holds NaN
  high = high > 0 ? high : 0;
  const float scale = high == low ? 1 : (high - low) / 255;
  const float zero = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
  return {scale, std::isnan(zero) ? 0 : static_cast<int32_t>(zero)};
}

void quantize_bytes(const float* x, uint8_t* y, int64_t n, ByteScale s, const Parallel& par,
                    const kernels::KernelTable& table) {
  par.loop(n, 1, [&](int64_t b, int64_t e) { kernels::quantize_row(x + b, y + b, e - b, s.scale, s.zero, table); });
}

void quantize_bytes(const float* x, const TensorRef& y, ByteScale s, const Parallel& par,
                    const kernels::KernelTable& table) {
  if (y.dtype == DType::kUint8) return quantize_bytes(x, y.out<uint8_t>(), y.count, s, par, table);
  par.loop(y.count, 1, [&](int64_t b, int64_t e) {
    kernels::quantize_row(x + b, y.out<int8_t>() + b, e - b, s.scale, s.zero, table);
  });
}

QuantizeTo::QuantizeTo(DType t, bool s)
    : to(t), saturate(s), is_integer(!contains(kSmallFloatSet, t)), wide(dtype_bits(t) == 16) {
  if (!is_integer) return;
  const bool is_signed = contains(SignedInts::set | dtype_set({DType::kInt4, DType::kInt2}), t);
  const auto span = static_cast<float>(1 << dtype_bits(t));
  low = is_signed ? -span / 2 : 0;
  high = (is_signed ? span / 2 : span) - 1;
}

void QuantizeTo::row(const float* x, int64_t n, const float* scale, const float* zero, int64_t step,
                     void* codes) const {
  for (int64_t i = 0; i < n; ++i) {
    const float v = x[i] / scale[i * step], z = zero ? zero[i * step] : 0;
    if (!is_integer) {
      static_cast<uint8_t*>(codes)[i] = encode_small_float(to, v + z, saturate);
      continue;
    }
    const float q = std::nearbyint(v) + z;
    const auto code = static_cast<int32_t>(!(q >= low) ? low : q > high ? high : q);
    if (wide)
      static_cast<uint16_t*>(codes)[i] = static_cast<uint16_t>(code);
    else
      static_cast<uint8_t*>(codes)[i] = static_cast<uint8_t>(code);
  }
}

}  // namespace tenon::ops
