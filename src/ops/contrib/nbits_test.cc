// MatMulNBits, MatMulBnb4, MatMulFpQ4 and GatherBlockQuantized against plain loops, and their errors.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "support/op_runner.h"

namespace tenon::ops::nbits_test {
namespace {

using namespace tenon::test;
using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
constexpr const char* kDomain = "com.microsoft";
size_t at(int64_t i) { return static_cast<size_t>(i); }

Value bytes(Ints dims, uint32_t seed, int limit = 256) {
  Value v = Value::tensor(DType::kUint8, dims);
  const Doubles r = random_numbers(at(v.count()), 0, limit, seed);
  for (int64_t i = 0; i < v.count(); ++i) v.as_mutable<uint8_t>()[at(i)] = static_cast<uint8_t>(r[at(i)]);
  return v;
}
Value floats(Ints dims, uint32_t seed, double low = -1, double high = 1, DType t = DType::kFloat) {
  const auto n = at(element_count(dims));
  return numbers(t, std::move(dims), random_numbers(n, low, high, seed));
}
void near(const Value& v, const Doubles& want, double bound) {
  const Doubles got = as_doubles(v);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], bound * (1 + std::abs(want[i]))) << "at " << i;
}
/// A [m, k] times B(p, j).
template <class F>
Doubles product(const Value& a, int64_t m, int64_t k, int64_t n, F&& b) {
  const Doubles x = as_doubles(a);
  Doubles y;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += x[at(i * k + p)] * b(p, j);
      y.push_back(sum);
    }
  return y;
}

TEST(MatMulNBits, EveryFormOfOperands) {
  const int64_t n = 19, k = 37, block = 16, blocks = 3;
  for (int64_t bits : {2, 4, 8})
    for (int zeros = 0; zeros < 3; ++zeros)
      for (bool groups : {false, true})
        for (DType type : {DType::kFloat, DType::kFloat16, DType::kBFloat16}) {
          const Value a = floats({2, 3, k}, 1, -1, 1, type), scales = floats({n * blocks}, 2, 0.1, 1, type),
                      bias = floats({n}, 3, -1, 1, type), b = bytes({n, blocks, block * bits / 8}, 4);
          const int64_t row = (blocks * bits + 7) / 8;
          const Value packed = bytes({n * row}, 5), whole = floats({n, blocks}, 6, 0, 3, type);
          const Value g = vec<int32_t>([&] {
            std::vector<int32_t> v;
            for (int64_t p = 0; p < k; ++p) v.push_back(static_cast<int32_t>(groups ? p * 7 % blocks : p / block));
            return v;
          }());
          const Doubles s = as_doubles(scales), z = as_doubles(whole), added = as_doubles(bias);
          const auto code = [&](int64_t byte, int64_t i) { return byte >> i * bits % 8 & ((1 << bits) - 1); };
          Doubles want = product(a, 6, k, n, [&](int64_t p, int64_t j) {
            const int64_t group = j * blocks + g.as<int32_t>()[at(p)], in = p % block;
            const int64_t q =
                code(b.as<uint8_t>()[at((j * blocks + p / block) * block * bits / 8 + in * bits / 8)], in);
            const int64_t of_row = group % blocks;
            const double zero =
                zeros == 0   ? static_cast<double>(1 << (bits - 1))
                : zeros == 1 ? static_cast<double>(code(packed.as<uint8_t>()[at(j * row + of_row * bits / 8)], of_row))
                             : z[at(group)];
            return (static_cast<double>(q) - zero) * s[at(group)];
          });
          for (size_t i = 0; i < want.size(); ++i) want[i] += added[i % at(n)];
          const std::vector<Value> in{
              a, b, scales, zeros == 0 ? Value() : zeros == 1 ? packed : whole, groups ? g : Value(), bias};
          const Attrs attrs{{"K", k}, {"N", n}, {"bits", bits}, {"block_size", block}};
          const double scale = bits == 8 ? 100 : 1;
          for (Isa isa : runnable_isas()) {
            RunSettings settings;
            settings.isa = isa;
            const Value y = run_op(kDomain, "MatMulNBits", 1, in, attrs, 1, settings)[0];
            EXPECT_EQ(dims_of(y), (Ints{2, 3, n}));
            near(y, want, scale * (type == DType::kFloat ? 1e-5 : type == DType::kFloat16 ? 1e-3 : 8e-3));
          }
        }
}

std::string nbits_error(Attrs more, std::vector<Value> in) {
  Attrs attrs{{"K", int64_t{32}}, {"N", int64_t{2}}, {"block_size", int64_t{16}}};
  for (const auto& a : more.items()) attrs.set(a.name, a.value);
  return error_of([&] { run_op(kDomain, "MatMulNBits", 1, in, attrs); });
}
TEST(MatMulNBits, Errors) {
  const Value a = floats({3, 32}, 1), b = bytes({2, 2, 8}, 2), s = floats({4}, 3);
  const auto has = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  EXPECT_EQ(nbits_error({}, {a, b, s}), "");
  has(nbits_error({{"bits", int64_t{3}}}, {a, b, s}), "bits is 3");
  has(nbits_error({{"block_size", int64_t{24}}}, {a, b, s}), "block_size is 24");
  has(nbits_error({{"K", int64_t{0}}}, {a, b, s}), "K is 0");
  has(nbits_error({{"weight_prepacked", int64_t{1}}}, {a, b, s}), "weight_prepacked");
  has(nbits_error({}, {floats({3, 31}, 1), b, s}), "attribute K");
  has(nbits_error({}, {a, bytes({2, 2, 7}, 2), s}), "elements of B");
  has(nbits_error({}, {a, b, floats({3}, 3)}), "elements of scales");
  has(nbits_error({}, {a, b, s, bytes({3}, 1)}), "elements of zero_points");
  has(nbits_error({}, {a, b, s, Value(), vec<int32_t>(std::vector<int32_t>(31, 0))}), "g_idx has 31");
  has(nbits_error({}, {a, b, s, Value(), vec<int32_t>(std::vector<int32_t>(32, 2))}), "g_idx[0] is 2");
  has(nbits_error({}, {a, b, s, Value(), Value(), floats({3}, 1)}), "elements of bias");
}

TEST(MatMulBnb4, BothTypesAndBlocksOverRows) {
  const double fp4[] = {0, 0.0052083333, 0.6666667, 1, 0.33333333, 0.5, 0.16666667, 0.25};
  for (int64_t block : {16, 64})
    for (int64_t k : {32, 24}) {
      const int64_t n = 5, count = (n * k + block - 1) / block;
      const Value a = floats({3, k}, 1), b = bytes({n * k / 2}, 2), absmax = floats({count}, 3, 0.1, 2);
      const Doubles s = as_doubles(absmax);
      const Doubles want = product(a, 3, k, n, [&](int64_t p, int64_t j) {
        const int64_t i = j * k + p, code = b.as<uint8_t>()[at(i / 2)] >> (i % 2 ? 0 : 4) & 15;
        return (code > 7 ? -1 : 1) * fp4[code % 8] * s[at(i / block)];
      });
      near(run_op(kDomain, "MatMulBnb4", 1, {a, b, absmax},
                  Attrs{{"K", k}, {"N", n}, {"block_size", block}, {"quant_type", int64_t{0}}})[0],
           want, 2e-6);
    }
  // NF4 codes 0, 7 and 15 are -1, 0 and 1.
  const Value a = tensor<float>({1, 4}, {1, 2, 4, 8}), b = tensor<uint8_t>({2}, {0x07, 0xf0}), one = vec<float>({2});
  Attrs attrs{{"K", int64_t{4}}, {"N", int64_t{1}}, {"block_size", int64_t{16}}, {"quant_type", int64_t{1}}};
  EXPECT_EQ(items<float>(run_op(kDomain, "MatMulBnb4", 1, {a, b, one}, attrs)[0]),
            (std::vector<float>{2 * (-1 + 4 - 8)}));
  attrs.set("quant_type", int64_t{2});
  EXPECT_NE(error_of([&] {
              run_op(kDomain, "MatMulBnb4", 1, {a, b, one}, attrs);
            }).find("quant_type is 2"),
            std::string::npos);
  attrs.set("quant_type", int64_t{1}), attrs.set("N", int64_t{3});
  EXPECT_NE(error_of([&] {
              run_op(kDomain, "MatMulBnb4", 1, {a, b, one}, attrs);
            }).find("bytes of B"),
            std::string::npos);
}

TEST(MatMulFpQ4, BlobsWithAndWithoutZeroPoints) {
  const int64_t k = 40, n = 3, blocks = 2;
  for (int64_t type : {0, 1}) {
    const int64_t blob = 20 + type;
    Value b = bytes({n * blocks * blob}, 5);
    for (int64_t i = 0; i < n * blocks; ++i) {
      const float scale = 0.25f * static_cast<float>(i + 1);
      std::memcpy(b.as_mutable<uint8_t>().data() + i * blob, &scale, 4);
    }
    const Value a = floats({2, k}, 1), shape = vec<int64_t>({k, n});
    const Doubles want = product(a, 2, k, n, [&](int64_t p, int64_t j) {
      const uint8_t* from = b.as<uint8_t>().data() + (j * blocks + p / 32) * blob;
      const int64_t i = p % 32, q = from[4 + type + i % 16] >> (i < 16 ? 0 : 4) & 15;
      return static_cast<double>(q - (type ? from[4] : 8)) * 0.25 * static_cast<double>(j * blocks + p / 32 + 1);
    });
    near(run_op(kDomain, "MatMulFpQ4", 1, {a, b, shape}, Attrs{{"blk_quant_type", type}})[0], want, 1e-5);
    EXPECT_NE(error_of([&] {
                run_op(kDomain, "MatMulFpQ4", 1, {a, bytes({7}, 1), shape}, Attrs{{"blk_quant_type", type}});
              }).find("bytes of B"),
              std::string::npos);
  }
  EXPECT_NE(error_of([&] {
              run_op(kDomain, "MatMulFpQ4", 1, {floats({1, k}, 1), bytes({7}, 1), vec<int64_t>({k, n})},
                     Attrs{{"blk_quant_type", int64_t{3}}});
            }).find("blk_quant_type is 3"),
            std::string::npos);
}

TEST(GatherBlockQuantized, PackedCodesAndErrors) {
  const int64_t rows = 4, width = 32, blocks = 2;
  for (int64_t bits : {2, 4, 8})
    for (bool with_zeros : {false, true}) {
      const Value data = bytes({rows, width * bits / 8}, 1), index = tensor<int64_t>({2, 2}, {3, -4, 1, 0});
      const Value scales = floats({rows, blocks}, 2), zeros = bytes({rows, (blocks * bits + 7) / 8}, 3);
      const Doubles s = as_doubles(scales);
      Doubles want;
      for (int64_t r : {3, 0, 1, 0})
        for (int64_t i = 0; i < width; ++i) {
          const auto code = [&](const Value& v, int64_t per_row, int64_t j) {
            return v.as<uint8_t>()[at(r * per_row + j * bits / 8)] >> j * bits % 8 & ((1 << bits) - 1);
          };
          const int64_t zero = with_zeros ? code(zeros, (blocks * bits + 7) / 8, i / 16) : 1 << (bits - 1);
          want.push_back(static_cast<double>(code(data, width * bits / 8, i) - zero) * s[at(r * blocks + i / 16)]);
        }
      const Value y = run_op(kDomain, "GatherBlockQuantized", 1, {data, index, scales, with_zeros ? zeros : Value()},
                             Attrs{{"bits", bits}, {"block_size", int64_t{16}}})[0];
      EXPECT_EQ(dims_of(y), (Ints{2, 2, width}));
      near(y, want, 1e-6);
    }
  const auto error = [&](Attrs attrs, int64_t index, Ints scale_dims) {
    return error_of([&] {
      run_op(kDomain, "GatherBlockQuantized", 1, {bytes({rows, 16}, 1), vec<int64_t>({index}), floats(scale_dims, 1)},
             attrs);
    });
  };
  const Attrs sound{{"block_size", int64_t{16}}};
  EXPECT_NE(error(sound, 4, {4, 2}).find("index 4 out of range [-4, 3]"), std::string::npos);
  EXPECT_NE(error(sound, 0, {4, 3}).find("dims of scales"), std::string::npos);
  EXPECT_NE(error({{"block_size", int64_t{8}}}, 0, {4, 2}).find("block_size is 8"), std::string::npos);
  EXPECT_NE(error({{"block_size", int64_t{16}}, {"quantize_axis", int64_t{0}}, {"gather_axis", int64_t{1}}}, 0, {1, 32})
                .find("expected the last one"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::nbits_test
