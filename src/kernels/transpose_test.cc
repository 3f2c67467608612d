// Permutations and strided copies against index arithmetic, for every element size, on every ISA.
#include "kernels/transpose.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "support/kernel_data.h"

namespace tenon::kernels::transpose_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;

int64_t volume(std::span<const int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

Guarded<uint8_t> random_bytes(int64_t n) {
  test::Random random;
  Guarded<uint8_t> out(n);
  for (uint8_t& b : out) b = static_cast<uint8_t>(random.bits() >> 7);
  return out;
}

void check(const std::vector<int64_t>& dims, const std::vector<int64_t>& perm, size_t elem) {
  const int64_t count = volume(dims), e = static_cast<int64_t>(elem);
  const size_t rank = dims.size();
  const auto in = random_bytes(count * e);
  std::vector<uint8_t> want(static_cast<size_t>(count * e));
  std::vector<int64_t> at(rank);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, o = 0;
    for (size_t d = rank; d-- > 0;) at[d] = rest % dims[d], rest /= dims[d];
    for (size_t d = 0; d < rank; ++d) o = o * dims[static_cast<size_t>(perm[d])] + at[static_cast<size_t>(perm[d])];
    std::memcpy(want.data() + o * e, in.data() + i * e, elem);
  }
  each_table([&](const KernelTable& t) {
    SCOPED_TRACE(fmt::format("elem {} dims {} perm {}", elem, fmt::join(dims, ","), fmt::join(perm, ",")));
    Guarded<uint8_t> out(count * e);
    expect_same_bits<uint8_t>(out,
                              [&](const Parallel& par) { transpose(in.data(), out.data(), elem, dims, perm, par, t); });
    EXPECT_TRUE(std::equal(want.begin(), want.end(), out.begin()));
  });
}

TEST(Transpose, EveryPermutationOfSmallShapes) {
  for (const auto& dims : {std::vector<int64_t>{3, 5}, {1, 7}, {2, 3, 4}, {1, 3, 1, 2}, {2, 3, 5, 4}}) {
    std::vector<int64_t> perm(dims.size());
    std::iota(perm.begin(), perm.end(), 0);
    do
      for (size_t elem : {1u, 2u, 3u, 4u, 8u, 16u, 24u}) check(dims, perm, elem);
    while (std::next_permutation(perm.begin(), perm.end()));
  }
}

TEST(Transpose, TilesAndTails) {
  for (size_t elem : {1u, 2u, 4u, 8u, 16u}) {
    check({70, 131}, {1, 0}, elem);
    check({16, 16}, {1, 0}, elem);
    check({200, 3}, {1, 0}, elem);
    check({3, 200}, {1, 0}, elem);
    check({2, 33, 12, 20}, {0, 2, 1, 3}, elem);
    check({2, 33, 12, 20}, {0, 2, 3, 1}, elem);
    check({2, 12, 40, 20}, {0, 1, 3, 2}, elem);
    check({5, 4, 3, 2, 3}, {4, 2, 0, 3, 1}, elem);
  }
  check({300, 500}, {1, 0}, 4);
  check({70000, 2}, {0, 1}, 4);
  check({}, {}, 4);
  check({0, 3}, {1, 0}, 4);
}

TEST(CopyStrided, RepeatsReversesAndSubregions) {
  struct Case {
    std::vector<int64_t> dims, in, out;
    int64_t in_start, out_start;
  };
  const Case cases[] = {
      {{4, 5}, {0, 1}, {5, 1}, 0, 0},     // repeated rows
      {{4, 5}, {1, 0}, {5, 1}, 0, 0},     // repeated columns
      {{4, 5}, {0, 0}, {5, 1}, 3, 0},     // one value
      {{6}, {-1}, {1}, 5, 0},             // reversed
      {{3, 4}, {-8, -2}, {4, 1}, 22, 0},  // both reversed, steps of 2
      {{3, 4}, {4, 1}, {10, 1}, 0, 23},   // into the middle of a wider matrix
      {{3, 4}, {1, 3}, {10, 2}, 0, 1},    // transposed into strided columns
      {{2, 3, 4}, {12, 4, 1}, {12, 4, 1}, 0, 0},
      {{100, 700}, {700, 1}, {900, 1}, 0, 50},
  };
  each_table([&](const KernelTable& t) {
    for (const Case& c : cases)
      for (size_t elem : {1u, 4u, 6u, 8u}) {
        SCOPED_TRACE(fmt::format("dims {} elem {}", fmt::join(c.dims, ","), elem));
        const int64_t e = static_cast<int64_t>(elem), count = volume(c.dims);
        const auto in = random_bytes(100000 * e);
        std::vector<uint8_t> want(static_cast<size_t>(100000 * e), 7);
        for (int64_t i = 0; i < count; ++i) {
          int64_t rest = i, a = c.in_start, b = c.out_start;
          for (size_t d = c.dims.size(); d-- > 0;) {
            a += rest % c.dims[d] * c.in[d];
            b += rest % c.dims[d] * c.out[d];
            rest /= c.dims[d];
          }
          std::memcpy(want.data() + b * e, in.data() + a * e, elem);
        }
        for (const Parallel& par : test::parallels()) {
          std::vector<uint8_t> out(want.size(), 7);
          copy_strided(in.data() + c.in_start * e, c.in, out.data() + c.out_start * e, c.out, c.dims, elem, par, t);
          EXPECT_TRUE(out == want);
        }
      }
  });
}

TEST(Transpose, SixteenDims) {
  std::vector<int64_t> dims(16, 2), perm(16);
  std::iota(perm.rbegin(), perm.rend(), 0);
  check(dims, perm, 1);
}

TEST(CopyStrided, TooManyDimsIsAnError) {
  std::vector<int64_t> dims(20, 2), perm(20);
  std::iota(perm.rbegin(), perm.rend(), 0);
  std::vector<uint8_t> buffer(1 << 20);
  EXPECT_THROW(transpose(buffer.data(), buffer.data(), 1, dims, perm, {}), Error);
}

}  // namespace
}  // namespace tenon::kernels::transpose_test
