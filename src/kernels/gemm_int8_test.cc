// 8-bit GEMM against plain loops: exact for every sign, zero point, stride, tail and ISA.
#include "kernels/gemm_int8.h"

#include <fmt/format.h>

#include "support/kernel_data.h"
#include "support/reference/reference.h"

namespace tenon::kernels::gemm_int8_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;

struct Case {
  int64_t m, n, k;
  bool a_signed, b_signed, a_transposed, b_transposed, packed, extreme;
};

void check(const Case& c, const KernelTable& table) {
  SCOPED_TRACE(fmt::format("m={} n={} k={} as={} bs={} at={} bt={} packed={} extreme={}", c.m, c.n, c.k, c.a_signed,
                           c.b_signed, c.a_transposed, c.b_transposed, c.packed, c.extreme));
  test::Random random(static_cast<uint64_t>(c.m * 7 + c.n));
  Guarded<uint8_t> a(c.m * c.k), b(c.k * c.n);
  Guarded<int32_t> za(c.m), zb(c.n), out(c.m * c.n);
  // extreme: the largest products everywhere, which saturating instructions would get wrong
  for (uint8_t& v : a) v = c.extreme ? (c.a_signed ? 0x80 : 0xff) : static_cast<uint8_t>(random.bits() >> 9);
  for (uint8_t& v : b) v = c.extreme ? (c.b_signed ? 0x80 : 0xff) : static_cast<uint8_t>(random.bits() >> 9);
  for (int32_t& v : za) v = static_cast<int32_t>(random.below(256)) - (c.a_signed ? 128 : 0);
  for (int32_t& v : zb) v = static_cast<int32_t>(random.below(256)) - (c.b_signed ? 128 : 0);
  GemmInt8Args g;
  g.m = c.m, g.n = c.n, g.k = c.k;
  g.a = a.data(), g.a_signed = c.a_signed, g.b = b.data(), g.b_signed = c.b_signed;
  g.a_row = c.a_transposed ? 1 : c.k, g.a_col = c.a_transposed ? c.m : 1;
  g.b_row = c.b_transposed ? 1 : c.n, g.b_col = c.b_transposed ? c.k : 1;
  g.c = out.data(), g.ldc = c.n;
  const test::AlignedScratch packed(packed_b_int8_bytes(c.k, c.n, table));
  if (c.packed) pack_b_int8(g.b, c.b_signed, g.b_row, g.b_col, c.k, c.n, packed.data(), table);
  for (int zeros = 0; zeros < 3; ++zeros) {  // none, one each, one per row and column
    g.a_zero = zeros == 1 ? 3 : 0;
    g.b_zero = zeros == 1 ? -7 : 0;
    g.a_zero_rows = zeros == 2 ? za.data() : nullptr;
    g.b_zero_columns = zeros == 2 ? zb.data() : nullptr;
    g.packed_b = nullptr;
    g.b = b.data();
    const auto want = reference::gemm_int8(g);
    if (c.packed) g.packed_b = packed.data(), g.b = nullptr;
    expect_same_bits<int32_t>(out, [&](const Parallel& par) { gemm_int8(g, par, table); });
    for (size_t i = 0; i < want.size(); ++i) ASSERT_EQ(out[static_cast<int64_t>(i)], want[i]) << i;
  }
}

TEST(GemmInt8, SignsZeroPointsTails) {
  each_table([](const KernelTable& t) {
    for (int64_t m : {0, 1, 2, 7})
      for (int64_t n : {0, 1, 5, 16, 33, 64, 70})
        for (int64_t k : {0, 1, 3, 4, 5, 31, 64})
          for (int bits = 0; bits < 4; ++bits)
            for (bool packed : {false, true}) {
              const bool at = (m + k) % 2 != 0, bt = (n + k) % 2 != 0;
              check({m, n, k, (bits & 1) != 0, (bits & 2) != 0, at, bt, packed, false}, t);
              if (testing::Test::HasFatalFailure()) return;
            }
  });
}

TEST(GemmInt8, NoSaturation) {
  each_table([](const KernelTable& t) {
    for (int bits = 0; bits < 4; ++bits)
      check({5, 40, 600, (bits & 1) != 0, (bits & 2) != 0, false, false, true, true}, t);
  });
}

TEST(GemmInt8, LargerThanEveryBlock) {
  each_table([](const KernelTable& t) {
    check({100, 270, 600, false, true, false, false, true, false}, t);
    check({100, 270, 520, true, false, false, true, false, false}, t);
  });
}

}  // namespace
}  // namespace tenon::kernels::gemm_int8_test
