// Quantizing and dequantizing in every granularity and type; integer products and convolutions against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/op_runner.h"

namespace tenon::ops::quant_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Shape = std::vector<int64_t>;

Value cast(const Value& x, DType t) {
  return run1("Cast", 28, {x}, {{"to", static_cast<int64_t>(t)}}, {.check_variants = false});
}
Value typed(DType t, Shape dims, const Doubles& v) { return cast(numbers(DType::kFloat, std::move(dims), v), t); }
const DType kIntegers[] = {DType::kInt8, DType::kUint8, DType::kInt16, DType::kUint16,
                           DType::kInt4, DType::kUint4, DType::kInt2,  DType::kUint2};
std::pair<double, double> limits(DType t) {
  const bool is_signed = contains(SignedInts::set | dtype_set({DType::kInt4, DType::kInt2}), t);
  const double span = std::ldexp(1, dtype_bits(t));
  return is_signed ? std::pair(-span / 2, span / 2 - 1) : std::pair(0.0, span - 1);
}

// Index of the scale that element i of `dims` uses.
size_t scale_index(const Shape& dims, const Shape& scale, int64_t axis, int64_t block, size_t i) {
  size_t index = 0, step = 1;
  for (size_t k = dims.size(); k-- > 0;) {
    const size_t at = i % static_cast<size_t>(dims[k]);
    i /= static_cast<size_t>(dims[k]);
    if (block > 0) {
      index += (static_cast<int64_t>(k) == axis ? at / static_cast<size_t>(block) : at) * step;
      step *= static_cast<size_t>(scale[k]);
    } else if (static_cast<int64_t>(k) == axis && !scale.empty() && scale[0] > 1) {
      index = at;
    }
  }
  return index;
}

struct Granularity {
  Shape dims, scale;
  int64_t axis, block;
};
const Granularity kGranularities[] = {
    {{3, 7}, {}, 1, 0},           {{3, 7}, {1}, 1, 0},    {{3, 7}, {7}, 1, 0},
    {{3, 7}, {3}, 0, 0},          {{2, 3, 5}, {3}, 1, 0}, {{9}, {9}, 0, 0},
    {{3, 7}, {3, 3}, 1, 3},       {{6, 5}, {2, 5}, 0, 3}, {{2, 5, 3}, {2, 3, 3}, 1, 2},
    {{2, 5, 3}, {2, 5, 1}, 2, 3},
};
size_t total(const Shape& s) {
  size_t n = 1;
  for (int64_t d : s) n *= static_cast<size_t>(d);
  return n;
}

TEST(Quantize, EveryGranularityAndIntegerType) {
  for (const Granularity& g : kGranularities)
    for (DType t : kIntegers) {
      const auto [low, high] = limits(t);
      const Doubles x = random_numbers(total(g.dims), -1.3 * high, 1.3 * high);
      Doubles scale = random_numbers(total(g.scale), 0.5, 1.5, 2), zero = random_numbers(total(g.scale), 0, 2, 3);
      for (double& s : scale) s = static_cast<float>(s);
      for (double& z : zero) z = std::floor(z);
      graph::Attrs attrs{{"axis", g.axis}};
      if (g.block) attrs.set("block_size", g.block);
      const Value in = numbers(DType::kFloat, g.dims, x), s = numbers(DType::kFloat, g.scale, scale),
                  z = typed(t, g.scale, zero);
      const Value q = run1("QuantizeLinear", 25, {in, s, z}, attrs);
      ASSERT_EQ(q.dtype(), t);
      const Doubles got = as_doubles(q), from = as_doubles(in);
      for (size_t i = 0; i < got.size(); ++i) {
        const size_t k = scale_index(g.dims, g.scale, g.axis, g.block, i);
        const double v = std::nearbyint(static_cast<float>(from[i]) / static_cast<float>(scale[k])) + zero[k];
        ASSERT_EQ(got[i], std::clamp(v, low, high)) << dtype_name(t) << to_string(g.dims) << to_string(g.scale) << i;
      }
      const Doubles back = as_doubles(run1("DequantizeLinear", 25, {q, s, z}, attrs));
      for (size_t i = 0; i < got.size(); ++i) {
        const size_t k = scale_index(g.dims, g.scale, g.axis, g.block, i);
        ASSERT_EQ(back[i], static_cast<float>(got[i] - zero[k]) * static_cast<float>(scale[k]));
      }
    }
}

TEST(Quantize, SmallFloatsAndHalves) {
  const Value scale = scalar(2.f);
  for (DType t : {DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ,
                  DType::kFloat4E2M1, DType::kFloat6E2M3, DType::kFloat6E3M2}) {
    const Value x = vec<float>({0, 1, 2, 3, 4, -1e6f, 8}), zero = typed(t, {}, {0});
    const Value q = run1("QuantizeLinear", 28, {x, scale, zero});
    const Doubles got = as_doubles(q), want = as_doubles(cast(vec<float>({0, 0.5f, 1, 1.5f, 2, -5e5f, 4}), t));
    EXPECT_EQ(got, want) << dtype_name(t);
    const Doubles back = as_doubles(run1("DequantizeLinear", 28, {q, scale, zero}));
    for (size_t i = 0; i < back.size(); ++i) EXPECT_EQ(back[i], 2 * got[i]);
    EXPECT_EQ(as_doubles(run1("QuantizeLinear", 23, {vec<float>({1}), scale}, {{"output_dtype", int64_t{17}}}))[0],
              0.5);
  }
  for (DType t : {DType::kFloat16, DType::kBFloat16}) {
    const Value x = numbers(t, {2}, {5, -5}), s = numbers(t, {}, {0.5});
    const Value q = run1("QuantizeLinear", 19, {x, s, scalar<int8_t>(1)});
    EXPECT_EQ(as_doubles(q), (Doubles{11, -9}));
    const Value back = run1("DequantizeLinear", 19, {q, s, scalar<int8_t>(1)});
    EXPECT_EQ(back.dtype(), t);
    EXPECT_EQ(as_doubles(back), (Doubles{5, -5}));
    EXPECT_EQ(run1("DequantizeLinear", 23, {q, scalar(0.5f)}, {{"output_dtype", static_cast<int64_t>(t)}}).dtype(), t);
  }
  const Value e8m0 = typed(DType::kFloat8E8M0, {}, {4});
  EXPECT_EQ(as_doubles(run1("DequantizeLinear", 24, {vec<int8_t>({3}), e8m0}))[0], 12);
  EXPECT_EQ(as_doubles(run1("QuantizeLinear", 24, {vec<float>({9}), e8m0}))[0], 2);
  EXPECT_EQ(as_doubles(run1("QuantizeLinear", 10, {vec<int32_t>({-7, 300}), scalar(2.f)})), (Doubles{0, 150}));
  EXPECT_EQ(as_doubles(run1("DequantizeLinear", 10, {vec<int32_t>({-7, 300}), scalar(2.f)})), (Doubles{-14, 600}));
}

TEST(Quantize, RoundsHalvesToEvenAndSaturates) {
  const Value x = vec<float>({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1e9f, -1e9f, INFINITY, NAN});
  EXPECT_EQ(as_doubles(run1("QuantizeLinear", 13, {x, scalar(1.f), scalar<int8_t>(0)})),
            (Doubles{0, 2, 2, 0, -2, 127, -128, 127, -128}));
  EXPECT_EQ(as_doubles(run1("QuantizeLinear", 21, {x, scalar(1.f), scalar<int16_t>(0)})),
            (Doubles{0, 2, 2, 0, -2, 32767, -32768, 32767, -32768}));
  EXPECT_EQ(run1("QuantizeLinear", 13, {x, scalar(1.f)}).dtype(), DType::kUint8);
}

TEST(Quantize, Errors) {
  const Value x = numbers(DType::kFloat, {2, 3}, {1, 2, 3, 4, 5, 6}), two = vec<float>({1, 1});
  const auto error = [&](int version, std::vector<Value> in, graph::Attrs attrs = {}) {
    return error_of([&] { run1("QuantizeLinear", version, in, attrs); });
  };
  EXPECT_NE(error(13, {x, two}).find("scale has dims [2]"), std::string::npos);
  EXPECT_EQ(error(13, {x, two}, {{"axis", int64_t{0}}}), "");
  EXPECT_NE(error(13, {x, two}, {{"axis", int64_t{2}}}), "");
  EXPECT_NE(error(10, {x, two}), "");
  EXPECT_NE(error(13, {x, two, vec<int8_t>({1, 2, 3})}, {{"axis", int64_t{0}}}), "");
  EXPECT_NE(error(21, {x, tensor<float>({2, 2}, {1, 1, 1, 1})}, {{"block_size", int64_t{1}}}), "");
  EXPECT_NE(error(21, {x, two}, {{"block_size", int64_t{-1}}}), "");
  EXPECT_NE(error(21, {x, scalar(1.f), scalar<int8_t>(0)}, {{"output_dtype", int64_t{2}}}).find("output_dtype"),
            std::string::npos);
  EXPECT_NE(error(21, {x, scalar(1.f)}, {{"output_dtype", int64_t{1}}}).find("output_dtype"), std::string::npos);
}

TEST(Quantize, Dynamic) {
  const std::vector<Value> r =
      run_op("", "DynamicQuantizeLinear", 11, {vec<float>({0, 2, -3, -2.5f, 1.34f, 0.5f})}, {}, 3);
  EXPECT_EQ(as_doubles(r[0]), (Doubles{153, 255, 0, 26, 221, 179}));
  EXPECT_NEAR(as_doubles(r[1])[0], 0.0196078438, 1e-7);
  EXPECT_EQ(as_doubles(r[2])[0], 153);
  const std::vector<Value> zeros = run_op("", "DynamicQuantizeLinear", 11, {vec<float>({0, 0})}, {}, 3);
  EXPECT_EQ(as_doubles(zeros[0]), (Doubles{0, 0}));
  EXPECT_EQ(as_doubles(run_op("", "DynamicQuantizeLinear", 11, {vec<float>({1, 2})}, {}, 3)[2])[0], 0);
  EXPECT_EQ(as_doubles(run_op("", "DynamicQuantizeLinear", 11, {vec<float>({-1, -2})}, {}, 3)[2])[0], 255);
  run_op("", "DynamicQuantizeLinear", 11, {vec<float>({})}, {}, 3);
}

// A [batch..., m, k] and B as doubles, zero points already subtracted by the caller.
Value bytes(DType t, Shape dims, uint32_t seed) {
  const auto [low, high] = limits(t);
  Doubles v = random_numbers(total(dims), low, high + 1, seed);
  for (double& x : v) x = std::floor(x);
  return numbers(t, std::move(dims), v);
}

TEST(MatMulInteger, SignsZeroPointsAndBatches) {
  for (DType ta : {DType::kInt8, DType::kUint8})
    for (DType tb : {DType::kInt8, DType::kUint8}) {
      const Value a = bytes(ta, {3, 5}, 1), b = bytes(tb, {5, 4}, 2), za = bytes(ta, {}, 3), zb = bytes(tb, {4}, 4),
                  zrows = bytes(ta, {3}, 5);
      const Doubles da = as_doubles(a), db = as_doubles(b);
      for (int mode = 0; mode < 3; ++mode) {
        std::vector<Value> in = {a, b};
        if (mode == 1) in.push_back(za);
        if (mode == 2) in.insert(in.end(), {zrows, zb});
        const Value y = run1("MatMulInteger", 10, in);
        ASSERT_EQ(dims_of(y), (Shape{3, 4}));
        for (size_t i = 0; i < 3; ++i)
          for (size_t j = 0; j < 4; ++j) {
            double want = 0;
            const double z1 = mode == 0   ? 0
                              : mode == 1 ? as_doubles(za)[0]
                                          : as_doubles(zrows)[i],
                         z2 = mode == 2 ? as_doubles(zb)[j] : 0;
            for (size_t k = 0; k < 5; ++k) want += (da[i * 5 + k] - z1) * (db[k * 4 + j] - z2);
            EXPECT_EQ(y.as<int32_t>()[i * 4 + j], want);
          }
      }
    }
  const Value a = bytes(DType::kUint8, {2, 1, 3, 2}, 1), b = bytes(DType::kInt8, {3, 2, 4}, 2);
  const Value y = run1("MatMulInteger", 10, {a, b});
  ASSERT_EQ(dims_of(y), (Shape{2, 3, 3, 4}));
  for (int64_t n = 0; n < 6; ++n)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 4; ++j) {
        int32_t want = 0;
        for (int64_t k = 0; k < 2; ++k)
          want += a.as<uint8_t>()[n / 3 * 6 + i * 2 + k] * b.as<int8_t>()[n % 3 * 8 + k * 4 + j];
        EXPECT_EQ(y.as<int32_t>()[n * 12 + i * 4 + j], want);
      }
  EXPECT_EQ(run1("MatMulInteger", 10, {bytes(DType::kInt8, {3}, 1), bytes(DType::kInt8, {3}, 2)}).dims().size(), 0u);
  EXPECT_NE(error_of([&] {
              run1("MatMulInteger", 10, {bytes(DType::kInt8, {2, 3}, 1), bytes(DType::kInt8, {2, 3}, 1)});
            }).find("inner dims"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              run1("MatMulInteger", 10,
                   {bytes(DType::kInt8, {2, 3}, 1), bytes(DType::kInt8, {3, 2}, 1), bytes(DType::kInt8, {3}, 1)});
            }).find("zero point of A"),
            std::string::npos);
}

TEST(QLinearMatMul, RequantizesExactProducts) {
  for (DType t : {DType::kInt8, DType::kUint8})
    for (bool rows : {false, true})
      for (bool columns : {false, true}) {
        const Shape one = {}, ms = rows ? Shape{3} : one, ns = columns ? Shape{4} : one;
        const Value a = bytes(t, {2, 3, 8}, 1), b = bytes(t, {8, 4}, 2), za = bytes(t, ms, 3), zb = bytes(t, ns, 4),
                    zy = bytes(t, {}, 5);
        const Value sa = numbers(DType::kFloat, ms, random_numbers(total(ms), 0.01, 0.02)),
                    sb = numbers(DType::kFloat, ns, random_numbers(total(ns), 0.01, 0.02, 2)), sy = scalar(0.05f);
        const Value y = run1("QLinearMatMul", 21, {a, sa, za, b, sb, zb, sy, zy});
        ASSERT_EQ(dims_of(y), (Shape{2, 3, 4}));
        const Doubles da = as_doubles(a), db = as_doubles(b), got = as_doubles(y);
        const auto [low, high] = limits(t);
        for (size_t r = 0; r < 6; ++r)
          for (size_t j = 0; j < 4; ++j) {
            const size_t i = rows ? r % 3 : 0, col = columns ? j : 0;
            double sum = 0;
            for (size_t k = 0; k < 8; ++k)
              sum += (da[r * 8 + k] - as_doubles(za)[i]) * (db[k * 4 + j] - as_doubles(zb)[col]);
            const double v = sum * (as_doubles(sa)[i] * as_doubles(sb)[col] / 0.05) + as_doubles(zy)[0];
            EXPECT_NEAR(got[r * 4 + j], std::clamp(v, low, high), 0.51);
          }
      }
  const auto f8 = [](Shape dims, const Doubles& v) { return typed(DType::kFloat8E4M3FN, std::move(dims), v); };
  const Value one = scalar(1.f), zero = f8({}, {0});
  EXPECT_EQ(as_doubles(run1("QLinearMatMul", 21,
                            {f8({1, 2}, {1.5, 2}), one, zero, f8({2, 1}, {4, 0.5}), one, zero, one, zero})),
            Doubles{7});
}

TEST(QLinearBinary, SumsAndProducts) {
  for (DType t : {DType::kInt8, DType::kUint8}) {
    const auto [low, high] = limits(t);
    const Value a = bytes(t, {3, 1, 5}, 1), b = bytes(t, {2, 1}, 2), za = bytes(t, {}, 3), zb = bytes(t, {}, 4),
                zc = bytes(t, {}, 5);
    for (bool product : {false, true}) {
      const float sc = product ? 0.7f : 0.2f;
      const Value y = run_op("com.microsoft", product ? "QLinearMul" : "QLinearAdd", 1,
                             {a, scalar(0.1f), za, b, scalar(0.05f), zb, scalar(sc), zc})[0];
      ASSERT_EQ(dims_of(y), (Shape{3, 2, 5}));
      for (size_t i = 0; i < 30; ++i) {
        const double u = (as_doubles(a)[i / 10 * 5 + i % 5] - as_doubles(za)[0]) * 0.1,
                     v = (as_doubles(b)[i / 5 % 2] - as_doubles(zb)[0]) * 0.05;
        EXPECT_NEAR(as_doubles(y)[i], std::clamp((product ? u * v : u + v) / sc + as_doubles(zc)[0], low, high), 0.51);
      }
    }
  }
  const Value a = bytes(DType::kUint8, {2}, 1), two = vec<float>({1, 2});
  EXPECT_NE(error_of([&] {
              run_op("com.microsoft", "QLinearAdd", 1, {a, two, Value(), a, two, Value(), scalar(1.f)});
            }).find("expected a scalar"),
            std::string::npos);
}

TEST(ConvInteger, StridesPadsGroupsAndDimensions) {
  struct Case {
    Shape x, w;
    Shape strides, pads, dilations;
    int64_t group;
  };
  const Case cases[] = {
      {{2, 3, 5, 6}, {4, 3, 3, 2}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
      {{1, 4, 5, 6}, {4, 2, 3, 3}, {2, 1}, {1, 2, 0, 1}, {1, 2}, 2},
      {{1, 3, 7, 5}, {3, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3},
      {{2, 3, 4, 4}, {5, 3, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
      {{1, 2, 9}, {3, 2, 4}, {2}, {3, 0}, {2}, 1},
      {{1, 2, 3, 4, 5}, {2, 2, 2, 2, 2}, {1, 2, 1}, {0, 1, 0, 1, 0, 1}, {1, 1, 2}, 1},
  };
  for (const Case& k : cases)
    for (DType t : {DType::kInt8, DType::kUint8}) {
      const Value x = bytes(t, k.x, 1), w = bytes(DType::kInt8, k.w, 2), zx = bytes(t, {}, 3),
                  zw = bytes(DType::kInt8, {k.w[0]}, 4);
      const graph::Attrs attrs{
          {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}};
      const Value y = run1("ConvInteger", 10, {x, w, zx, zw}, attrs);
      // The same in doubles through Conv, whose kernel has its own tests.
      Doubles dx = as_doubles(x), dw = as_doubles(w);
      for (double& v : dx) v -= as_doubles(zx)[0];
      const size_t per = dw.size() / static_cast<size_t>(k.w[0]);
      for (size_t i = 0; i < dw.size(); ++i) dw[i] -= as_doubles(zw)[i / per];
      const Value want = run1("Conv", 22, {numbers(DType::kDouble, k.x, dx), numbers(DType::kDouble, k.w, dw)}, attrs);
      ASSERT_EQ(dims_of(y), dims_of(want));
      EXPECT_EQ(as_doubles(y), as_doubles(want)) << to_string(k.x) << to_string(k.w);
      // QLinearConv divides what ConvInteger sums.
      Doubles scales = random_numbers(static_cast<size_t>(k.w[0]), 0.001, 0.002);
      const Value bias = numbers(DType::kInt32, {k.w[0]}, random_numbers(static_cast<size_t>(k.w[0]), -500, 500));
      const Value q = run1("QLinearConv", 10,
                           {x, scalar(0.5f), zx, w, numbers(DType::kFloat, {k.w[0]}, scales), zw, scalar(0.25f),
                            scalar<uint8_t>(100), bias},
                           attrs);
      const Doubles got = as_doubles(q), sums = as_doubles(want);
      const size_t positions = got.size() / static_cast<size_t>(k.x[0] * k.w[0]);
      for (size_t i = 0; i < got.size(); ++i) {
        const size_t m = i / positions % static_cast<size_t>(k.w[0]);
        EXPECT_NEAR(got[i], std::clamp((sums[i] + as_doubles(bias)[m]) * scales[m] * 2 + 100, 0.0, 255.0), 0.51);
      }
    }
  EXPECT_EQ(
      as_doubles(run1("ConvInteger", 10, {bytes(DType::kUint8, {1, 1, 2, 2}, 1), bytes(DType::kUint8, {1, 1, 2, 2}, 1)},
                      {{"auto_pad", std::string("SAME_UPPER")}}))
          .size(),
      4u);
  EXPECT_NE(error_of([] {
              run1("ConvInteger", 10, {bytes(DType::kUint8, {1, 3, 2, 2}, 1), bytes(DType::kUint8, {1, 2, 2, 2}, 1)});
            }).find("channels"),
            std::string::npos);
}

TEST(Dropout, InferenceKeepsAndTrainingDrops) {
  const Value x = numbers(DType::kFloat, {1000}, random_numbers(1000, 1, 2));
  for (int version : {1, 6, 7, 10, 12, 13, 22}) {
    const std::vector<Value> r = run_op("", "Dropout", version, {x}, {}, 2);
    EXPECT_EQ(as_doubles(r[0]), as_doubles(x));
    EXPECT_EQ(as_doubles(r[1]), Doubles(1000, 1));
    EXPECT_EQ(r[1].dtype(), version < 10 ? DType::kFloat : DType::kBool);
    run_op("", "Dropout", version, {x}, {}, 1);
  }
  const graph::Attrs seed{{"seed", int64_t{7}}};
  const std::vector<Value> in = {x, scalar(0.25f), numbers(DType::kBool, {}, {1})};
  const std::vector<Value> a = run_op("", "Dropout", 13, in, seed, 2), b = run_op("", "Dropout", 13, in, seed, 2);
  EXPECT_EQ(as_doubles(a[0]), as_doubles(b[0]));
  double kept = 0;
  for (size_t i = 0; i < 1000; ++i) {
    const bool keep = as_doubles(a[1])[i] != 0;
    kept += keep;
    EXPECT_NEAR(as_doubles(a[0])[i], keep ? as_doubles(x)[i] / 0.75 : 0, 1e-6);
  }
  EXPECT_NEAR(kept, 750, 50);
  EXPECT_NE(error_of([&] { run_op("", "Dropout", 13, {x, scalar(1.5f), in[2]}); }).find("ratio"), std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::quant_test
