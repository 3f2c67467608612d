// Products with weights of 2, 4 and 8 bits on every instruction set against plain loops.
#include "kernels/gemm_nbits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/table.h"

namespace tenon::kernels::gemm_nbits_test {
namespace {

struct Weights {
  NBitsShape shape;
  std::vector<uint8_t> codes;
  std::vector<float> scales, zeros;
  float codebook[16];

  Weights(NBitsShape s, bool own_codebook, std::mt19937& random) : shape(s) {
    codes.resize(static_cast<size_t>(s.n * s.blocks() * s.block_bytes()));
    scales.resize(static_cast<size_t>(s.n * s.blocks()));
    zeros.resize(scales.size());
    for (auto& c : codes) c = static_cast<uint8_t>(random());
    for (auto& v : scales) v = static_cast<float>(random() % 64 + 1) / 64;
    for (auto& v : zeros) v = s.has_zeros ? static_cast<float>(random() % 8) - 4 : 0;
    for (int i = 0; i < 16; ++i)
      codebook[i] =
          own_codebook ? static_cast<float>(random() % 256) / 128 - 1 : static_cast<float>(i - (1 << (s.bits - 1)));
  }
  double at(int64_t p, int64_t j) const {
    const int64_t b = p / shape.block, i = p % shape.block, per = 8 / shape.bits;
    const auto scale = static_cast<size_t>(j * shape.blocks() + b);
    const uint8_t byte = codes[scale * static_cast<size_t>(shape.block_bytes()) + static_cast<size_t>(i / per)];
    const int code = byte >> i % per * shape.bits & ((1 << shape.bits) - 1);
    const double value = shape.bits == 8 ? code - 128 : static_cast<double>(codebook[code]);
    return (value - static_cast<double>(zeros[scale])) * static_cast<double>(scales[scale]);
  }
};

TEST(GemmNBits, EveryIsaAndWidth) {
  std::mt19937 random(7);
  const NBitsShape shapes[] = {{1, 1, 16, 4},   {16, 32, 32, 4},       {17, 33, 16, 4, true}, {40, 100, 32, 4, true},
                               {19, 37, 16, 2}, {33, 70, 32, 2, true}, {5, 67, 16, 8},        {18, 64, 64, 8, true},
                               {20, 9, 1, 4},   {9, 11, 1, 2, true}};
  for (const NBitsShape& shape : shapes)
    for (bool own : {false, true}) {
      if (own && shape.bits == 8) continue;
      const Weights w(shape, own, random);
      std::vector<char> packed(packed_nbits_bytes(shape));
      pack_nbits(shape, {w.codes.data(), w.scales.data(), shape.has_zeros ? w.zeros.data() : nullptr}, packed.data());
      for (int64_t m : {1, 2, 3, 7, 12, 13, 30}) {
        std::vector<float> a(static_cast<size_t>(m * shape.k)), bias(static_cast<size_t>(shape.n));
        for (auto& v : a) v = static_cast<float>(random() % 512) / 256 - 1;
        for (auto& v : bias) v = static_cast<float>(random() % 16);
        for (Isa isa : runnable_isas()) {
          std::vector<float> c(static_cast<size_t>(m * shape.n) + 1, 42),
              scratch(static_cast<size_t>(nbits_scratch(shape, m)) + 1, 43);
          NBitsGemmArgs g;
          g.shape = shape, g.packed = packed.data(), g.codebook = own ? w.codebook : nullptr;
          g.m = m, g.a = a.data(), g.bias = m == 3 ? nullptr : bias.data(), g.c = c.data();
          gemm_nbits(g, scratch.data(), {}, kernels_for(isa));
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < shape.n; ++j) {
              double want = g.bias ? static_cast<double>(bias[static_cast<size_t>(j)]) : 0, size = 1;
              for (int64_t p = 0; p < shape.k; ++p) {
                const double term = static_cast<double>(a[static_cast<size_t>(i * shape.k + p)]) * w.at(p, j);
                want += term, size += std::abs(term);
              }
              ASSERT_NEAR(c[static_cast<size_t>(i * shape.n + j)], want, 2e-6 * size)
                  << isa_name(isa) << " bits " << shape.bits << " block " << shape.block << " m " << m << " at " << i
                  << ", " << j;
            }
          EXPECT_EQ(c.back(), 42) << "written past the result";
          EXPECT_EQ(scratch.back(), 43) << "written past the scratch";
        }
      }
    }
}

}  // namespace
}  // namespace tenon::kernels::gemm_nbits_test
