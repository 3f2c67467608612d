// Conversion in tiles: stored type -> one of float, double, int64, uint64 -> stored type.
#include "ops/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/rows.h"
#include "ops/map.h"

namespace tenon::ops {
namespace {

static_assert(kTile % 8 == 0, "a tile must be a whole number of bytes of every packed type");

struct alignas(64) Tile {
  char bytes[kTile * 8];
};

// --- Loads ---------------------------------------------------------------------------------------------------------
template <class From, class C>
void load_numbers(DType, const void* x, void* tile, int64_t n) {
  const From* from = static_cast<const From*>(x);
  C* to = static_cast<C*>(tile);
  each_element(n, [=](int64_t i) { to[i] = static_cast<C>(from[i]); });
}
template <class H>
void load_half(DType, const void* x, void* tile, int64_t n) {
  kernels::to_float_row(static_cast<const H*>(x), static_cast<float*>(tile), n);
}
void load_small(DType from, const void* x, void* tile, int64_t n) {
  const float* values = small_float_values(from);
  const auto* codes = static_cast<const uint8_t*>(x);
  for (int64_t i = 0; i < n; ++i) static_cast<float*>(tile)[i] = values[codes[i]];
}
int bits_at(const void* x, int64_t i, int bits) {
  const int per = 8 / bits;
  return (static_cast<const uint8_t*>(x)[i / per] >> (bits * static_cast<int>(i % per))) & ((1 << bits) - 1);
}
void load_float4(DType from, const void* x, void* tile, int64_t n) {
  const float* values = small_float_values(from);
  for (int64_t i = 0; i < n; ++i) static_cast<float*>(tile)[i] = values[bits_at(x, i, 4)];
}
void load_packed(DType from, const void* x, void* tile, int64_t n) {
  const int bits = dtype_bits(from);
  const bool is_signed = from == DType::kInt4 || from == DType::kInt2;
  for (int64_t i = 0; i < n; ++i) {
    const int u = bits_at(x, i, bits);
    static_cast<int64_t*>(tile)[i] = is_signed && u >> (bits - 1) ? u - (1 << bits) : u;
  }
}
void load_string_numbers(DType, const void* x, void* tile, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<double*>(tile)[i] = string_to_number(static_cast<const std::string*>(x)[i]);
}
void load_string_integers(DType, const void* x, void* tile, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<int64_t*>(tile)[i] = string_to_integer(static_cast<const std::string*>(x)[i]);
}

// --- Single values -------------------------------------------------------------------------------------------------
// Out of range: the smallest int64, as x86 answers.
template <class C>
int64_t whole(C x) {
  if constexpr (std::is_integral_v<C>)
    return static_cast<int64_t>(x);
  else
    return x >= C(-0x1p63) && x < C(0x1p63) ? static_cast<int64_t>(x) : std::numeric_limits<int64_t>::min();
}
template <class T, class C>
T number(C x) {
  if constexpr (std::is_same_v<T, bool>)
    return x != 0;
  else if constexpr (std::is_integral_v<C> || std::is_floating_point_v<T>)
    return static_cast<T>(x);
  else if constexpr (std::is_same_v<T, uint64_t>)
    return x >= C(0x1p63) && x < C(0x1p64) ? static_cast<uint64_t>(x) : static_cast<uint64_t>(whole(x));
  else if constexpr (std::is_same_v<T, int32_t>)
    return x > C(-2147483649.0) && x < C(2147483648.0) ? static_cast<int32_t>(x) : std::numeric_limits<int32_t>::min();
  else
    return static_cast<T>(whole(x));
}

// To float with the last bit set where inexact (round to odd): rounding once more to fewer bits is then exact.
float odd_float(float x) { return x; }
float odd_float(double x) {
  float f = static_cast<float>(x);
  if (static_cast<double>(f) == x || std::isnan(x) || std::isinf(f)) return f;
  const bool above = std::fabs(static_cast<double>(f)) > std::fabs(x);
  return std::bit_cast<float>((std::bit_cast<uint32_t>(f) - above) | 1u);
}
float odd_float(int64_t x) { return odd_float(static_cast<double>(x)); }
float odd_float(uint64_t x) { return odd_float(static_cast<double>(x)); }

std::string text(float x) { return number_to_string(x); }
std::string text(double x) { return number_to_string(x); }
std::string text(int64_t x) { return fmt::format("{}", x); }
std::string text(uint64_t x) { return fmt::format("{}", x); }

std::string_view trimmed(const std::string& s) {
  std::string_view v = s;
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!v.empty() && space(v.front())) v.remove_prefix(1);
  while (!v.empty() && space(v.back())) v.remove_suffix(1);
  if (v.size() > 1 && v.front() == '+' && v[1] != '-' && v[1] != '+') v.remove_prefix(1);
  return v;
}

}  // namespace

std::string number_to_string(float x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "INF" : "-INF";
  return fmt::format("{:.8g}", x);
}
std::string number_to_string(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "INF" : "-INF";
  const std::string s = fmt::format("{}", x);
  return s.size() > 2 && s.compare(s.size() - 2, 2, ".0") == 0 ? s.substr(0, s.size() - 2) : s;
}
double string_to_number(const std::string& s) {
  const std::string_view v = trimmed(s);  // from_chars reads inf and nan in any case
  double x = 0;
  const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), x);
  if (end == v.data() + v.size() && !v.empty()) {
    if (error == std::errc()) return x;
    if (error == std::errc::result_out_of_range) {
      const bool tiny = v.find("e-") != v.npos || v.find("E-") != v.npos;
      return (v.front() == '-' ? -1 : 1) * (tiny ? 0.0 : std::numeric_limits<double>::infinity());
    }
  }
  fail("cannot read the string '{}' as a number", s);
}
int64_t string_to_integer(const std::string& s) {
  const std::string_view v = trimmed(s);
  int64_t x = 0;
  const auto signed_result = std::from_chars(v.data(), v.data() + v.size(), x);
  if (signed_result.ptr == v.data() + v.size() && signed_result.ec == std::errc() && !v.empty()) return x;
  uint64_t u = 0;
  const auto unsigned_result = std::from_chars(v.data(), v.data() + v.size(), u);
  if (unsigned_result.ptr == v.data() + v.size() && unsigned_result.ec == std::errc() && !v.empty())
    return static_cast<int64_t>(u);
  return whole(string_to_number(s));
}

template <class C, class T>
void Converter::store_numbers(const Converter&, const void* tile, void* y, int64_t n) {
  const C* from = static_cast<const C*>(tile);
  T* to = static_cast<T*>(y);
  each_element(n, [=](int64_t i) { to[i] = number<T>(from[i]); });
}
template <class C>
void Converter::store_small(const Converter& c, const void* tile, void* y, int64_t n) {
  const C* x = static_cast<const C*>(tile);
  if (is_packed(c.to_)) {
    auto* out = static_cast<uint8_t*>(y);
    for (int64_t i = 0; i < n; ++i) {
      const uint8_t code = encode_small_float(c.to_, odd_float(x[i]), c.options_.saturate);
      out[i / 2] = i % 2 ? static_cast<uint8_t>(out[i / 2] | code << 4) : code;
    }
    return;
  }
  Tile singles;
  float* f = reinterpret_cast<float*>(singles.bytes);
  for (int64_t i = 0; i < n; ++i) f[i] = odd_float(x[i]);
  if (c.to_ == DType::kFloat16) {
    kernels::from_float_row(f, static_cast<Half*>(y), n);
  } else if (c.to_ == DType::kBFloat16) {
    kernels::from_float_row(f, static_cast<BFloat16*>(y), n);
  } else {
    for (int64_t i = 0; i < n; ++i)
      static_cast<uint8_t*>(y)[i] = encode_small_float(c.to_, f[i], c.options_.saturate, c.options_.rounding);
  }
}
template <class C>
void Converter::store_packed(const Converter& c, const void* tile, void* y, int64_t n) {
  const int bits = dtype_bits(c.to_), per = 8 / bits, mask = (1 << bits) - 1;
  auto* out = static_cast<uint8_t*>(y);
  for (int64_t i = 0; i < n; ++i) {
    const auto code = static_cast<uint8_t>(static_cast<uint64_t>(whole(static_cast<const C*>(tile)[i])) &
                                           static_cast<uint64_t>(mask));
    const int at = bits * static_cast<int>(i % per);
    out[i / per] = at ? static_cast<uint8_t>(out[i / per] | code << at) : code;
  }
}
template <class C>
void Converter::store_strings(const Converter&, const void* tile, void* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<std::string*>(y)[i] = text(static_cast<const C*>(tile)[i]);
}

template <class C>
Converter::Store Converter::store_of(DType to) {
  if (to == DTypeOf<C>::value) return nullptr;
  if (to == DType::kString) return &store_strings<C>;
  if (contains(kSmallIntSet, to)) return &store_packed<C>;
  if (contains(kSmallFloatSet, to) || to == DType::kFloat16 || to == DType::kBFloat16) return &store_small<C>;
  return visit<Join<NumericTypes, TypeList<bool>>>(to, []<class T>() -> Store { return &store_numbers<C, T>; });
}

Converter::Converter(DType from, DType to, ConvertOptions options) : from_(from), to_(to), options_(options) {
  if (from == to) return;
  DType tile = DType::kInt64;
  switch (from) {
    case DType::kFloat:
    case DType::kDouble:
    case DType::kInt64:
    case DType::kUint64:
      tile = from;
      break;
    case DType::kFloat16:
      tile = DType::kFloat;
      load_ = &load_half<Half>;
      break;
    case DType::kBFloat16:
      tile = DType::kFloat;
      load_ = &load_half<BFloat16>;
      break;
    case DType::kFloat4E2M1:
      tile = DType::kFloat;
      load_ = &load_float4;
      break;
    case DType::kString:
      tile = is_int(to) || contains(kSmallIntSet, to) ? DType::kInt64 : DType::kDouble;
      load_ = tile == DType::kInt64 ? &load_string_integers : &load_string_numbers;
      break;
    default:
      if (contains(kSmallFloatSet, from)) {
        tile = DType::kFloat;
        load_ = &load_small;
      } else if (contains(kSmallIntSet, from)) {
        load_ = &load_packed;
      } else if (to == DType::kFloat) {
        tile = DType::kFloat;
        load_ = visit<TypeList<bool, int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t>>(
            from, []<class T>() -> Load { return &load_numbers<T, float>; });
      } else {
        load_ = visit<TypeList<bool, int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t>>(
            from, []<class T>() -> Load { return &load_numbers<T, int64_t>; });
      }
  }
  store_ = visit<TypeList<float, double, int64_t, uint64_t>>(tile, [&]<class C>() { return store_of<C>(to); });
}

void Converter::run(const Parallel& par, const void* x, void* y, int64_t n) const {
  if (n == 0) return;
  const auto* from = static_cast<const char*>(x);
  auto* to = static_cast<char*>(y);
  if (from_ == to_ && from_ == DType::kString) {
    std::copy_n(static_cast<const std::string*>(x), n, static_cast<std::string*>(y));
  } else if (from_ == to_) {
    if (x != y) std::memcpy(y, x, storage_bytes(from_, n));
  } else {
    const int64_t x_tile = static_cast<int64_t>(storage_bytes(from_, kTile)),
                  y_tile = static_cast<int64_t>(storage_bytes(to_, kTile));
    const bool text = from_ == DType::kString || to_ == DType::kString;
    par.loop((n + kTile - 1) / kTile, kTile * (text ? 60.0 : 0.6), [&](int64_t begin, int64_t end) {
      Tile tile;
      for (int64_t t = begin; t < end; ++t) {
        const int64_t count = std::min(kTile, n - t * kTile);
        const void* in = from + t * x_tile;
        void* out = to + t * y_tile;
        if (load_) {
          load_(from_, in, store_ ? tile.bytes : out, count);
          in = tile.bytes;
        }
        if (store_) store_(*this, in, out, count);
      }
    });
  }
}

}  // namespace tenon::ops
