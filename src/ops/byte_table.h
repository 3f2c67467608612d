// A function of 8-bit codes as a table of its 256 values.
#pragma once
#include "base/thread_pool.h"
#include "ops/quantization.h"

namespace tenon::ops {

struct ByteTable {
  uint8_t at[256];

  /// y = at[x]; y may be x.
  void run(const Parallel& par, const uint8_t* x, uint8_t* y, int64_t n) const {
    par.loop(n, 0.5, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = at[x[i]];
    });
  }
  /// Codes of one scale as codes of another; both types have the same sign.
  static ByteTable between(ByteScale from, ByteScale to, bool is_signed) {
    ByteTable t;
    float values[256];
    from.values(is_signed, values);
    for (int i = 0; i < 256; ++i) t.at[i] = from == to ? static_cast<uint8_t>(i) : to.code(values[i], is_signed);
    return t;
  }
};

}  // namespace tenon::ops
