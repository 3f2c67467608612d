// The com.microsoft operators on 8-bit tensors against the real values that their codes stand for, and their errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::qlinear_test {
namespace {

using namespace tenon::test;
using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
constexpr const char* kDomain = "com.microsoft";
constexpr DType kBytes[] = {DType::kUint8, DType::kInt8};
size_t at(int64_t i) { return static_cast<size_t>(i); }

/// Codes with a scale and a zero point.
struct Coded {
  Value codes, scale, zero;
  double s, z;

  Coded(DType t, Ints dims, uint32_t seed, double step) {
    const double low = t == DType::kInt8 ? -128 : 0;
    Doubles v = random_numbers(at(element_count(dims)), low, low + 256, seed);
    for (double& x : v) x = std::floor(x);
    codes = numbers(t, std::move(dims), v);
    s = static_cast<double>(static_cast<float>(step));
    z = low + 100 + seed % 50;
    scale = scalar<float>(static_cast<float>(step));
    zero = numbers(t, {}, {z});
  }
  Doubles reals() const {
    Doubles v = as_doubles(codes);
    for (double& x : v) x = (x - z) * s;
    return v;
  }
};
/// Codes within one of the exact ones: ties may go either way.
void near_codes(const Value& got, const Doubles& reals, const Coded& to) {
  const double low = got.dtype() == DType::kInt8 ? -128 : 0;
  const Doubles q = as_doubles(got);
  ASSERT_EQ(q.size(), reals.size());
  for (size_t i = 0; i < q.size(); ++i) {
    const double exact = std::clamp(reals[i] / to.s + to.z, low, low + 255);
    ASSERT_NEAR(q[i], exact, 0.5001) << "at " << i;
  }
}
void near(const Value& got, const Doubles& want, double bound) {
  const Doubles v = as_doubles(got);
  ASSERT_EQ(v.size(), want.size());
  for (size_t i = 0; i < v.size(); ++i) ASSERT_NEAR(v[i], want[i], bound * (1 + std::abs(want[i]))) << "at " << i;
}
void fails(const std::string& message, const char* part) {
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(QLinear, UnaryFunctions) {
  for (DType t : kBytes) {
    const Coded x(t, {3, 70}, 1, 0.05), y(t, {}, 2, 0.02);
    Doubles leaky = x.reals(), sigmoid = x.reals();
    for (double& v : leaky) v = v < 0 ? v * 0.25 : v;
    for (double& v : sigmoid) v = 1 / (1 + std::exp(-v));
    const std::vector<Value> in{x.codes, x.scale, x.zero, y.scale, y.zero};
    near_codes(run_op(kDomain, "QLinearLeakyRelu", 1, in, Attrs{{"alpha", 0.25f}})[0], leaky, y);
    near_codes(run_op(kDomain, "QLinearSigmoid", 1, in)[0], sigmoid, y);
  }
  fails(error_of([] {
          const Value x = vec<uint8_t>({1, 2}), two = vec<float>({1, 1});
          run_op(kDomain, "QLinearSigmoid", 1, {x, two, Value(), two});
        }),
        "expected a scalar");
}

TEST(QLinear, WhereAndConcat) {
  for (DType t : kBytes) {
    const Coded a(t, {2, 1, 4}, 1, 0.05), b(t, {3, 1}, 2, 0.03), y(t, {}, 3, 0.07);
    const Value pick = tensor<bool>({3, 4}, {1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1});
    Doubles want;
    for (size_t i = 0; i < 24; ++i)
      want.push_back(pick.as<bool>()[i % 12] ? a.reals()[i / 12 * 4 + i % 4] : b.reals()[i / 4 % 3]);
    near_codes(run_op(kDomain, "QLinearWhere", 1,
                      {pick, a.codes, a.scale, a.zero, b.codes, b.scale, b.zero, y.scale, y.zero})[0],
               want, y);
    const Coded c(t, {2, 2, 4}, 4, 0.03);
    want.clear();
    for (size_t i = 0; i < 24; ++i)
      want.push_back(i % 12 < 4 ? a.reals()[i / 12 * 4 + i % 12] : c.reals()[i / 12 * 8 + i % 12 - 4]);
    const std::vector<Value> parts{y.scale, y.zero, a.codes, a.scale, a.zero, c.codes, c.scale, c.zero};
    near_codes(run_op(kDomain, "QLinearConcat", 1, parts, Attrs{{"axis", int64_t{-2}}})[0], want, y);
    std::vector<Value> wrong(parts.begin(), parts.end() - 1);
    fails(error_of([&] { run_op(kDomain, "QLinearConcat", 1, wrong, Attrs{{"axis", int64_t{1}}}); }), "7 inputs");
    fails(error_of([&] {
            run_op(kDomain, "QLinearConcat", 1, parts, Attrs{{"axis", int64_t{2}}});
          }),
          "outside the axis");
    wrong = parts;
    wrong[2] = numbers(DType::kFloat, {2, 1, 4}, Doubles(8, 1));
    fails(error_of([&] { run_op(kDomain, "QLinearConcat", 1, wrong, Attrs{{"axis", int64_t{1}}}); }), "expected");
  }
}

TEST(QLinear, SoftmaxOfOldAndNewOpsets) {
  for (DType t : kBytes)
    for (int64_t opset : {11, 13}) {
      const Coded x(t, {2, 3, 4}, 1, 0.02);
      Coded y(t, {}, 2, 1.0 / 256);
      const Doubles r = x.reals();
      const auto row = [&](size_t i) { return opset < 13 ? i / 12 : i / 12 * 4 + i % 4; };
      Doubles sum(24), want;
      for (size_t i = 0; i < 24; ++i) sum[row(i)] += std::exp(r[i]);
      for (size_t i = 0; i < 24; ++i) want.push_back(std::exp(r[i]) / sum[row(i)]);
      near_codes(run_op(kDomain, "QLinearSoftmax", 1, {x.codes, x.scale, x.zero, y.scale, y.zero},
                        Attrs{{"axis", int64_t{1}}, {"opset", opset}})[0],
                 want, y);
    }
}

TEST(QLinear, PoolsOfBothLayouts) {
  for (DType t : kBytes)
    for (bool last : {false, true}) {
      const int64_t h = 5, w = 4, c = 3;
      const Coded x(t, last ? Ints{2, h, w, c} : Ints{2, c, h, w}, 1, 0.05), y(t, {}, 2, 0.04);
      const Doubles r = x.reals(), codes = as_doubles(x.codes);
      const auto place = [&](int64_t n, int64_t k, int64_t i, int64_t j, int64_t hh, int64_t ww) {
        return at(last ? ((n * hh + i) * ww + j) * c + k : ((n * c + k) * hh + i) * ww + j);
      };
      Doubles average(at(2 * c * h * w)), whole(at(2 * c)), largest(average.size());
      for (int64_t n = 0; n < 2; ++n)
        for (int64_t k = 0; k < c; ++k)
          for (int64_t i = 0; i < h; ++i)
            for (int64_t j = 0; j < w; ++j) {
              double sum = 0, best = -1000, count = 0;
              for (int64_t u = std::max<int64_t>(i - 1, 0); u < std::min(i + 2, h); ++u)
                for (int64_t v = j; v < std::min(j + 2, w); ++v) {
                  sum += r[place(n, k, u, v, h, w)], ++count;
                  best = std::max(best, codes[place(n, k, u, v, h, w)]);
                }
              average[place(n, k, i, j, h, w)] = sum / count;
              largest[place(n, k, i, j, h, w)] = best;
              whole[at(n * c + k)] += r[place(n, k, i, j, h, w)] / static_cast<double>(h * w);
            }
      const Attrs window{{"kernel_shape", Ints{3, 2}}, {"pads", Ints{1, 0, 1, 1}}};
      Attrs attrs = window;
      attrs.set("channels_last", int64_t{last});
      const std::vector<Value> in{x.codes, x.scale, x.zero, y.scale, y.zero};
      near_codes(run_op(kDomain, "QLinearAveragePool", 1, in, attrs)[0], average, y);
      near_codes(run_op(kDomain, "QLinearGlobalAveragePool", 1, in, Attrs{{"channels_last", int64_t{last}}})[0], whole,
                 y);
      if (last) {
        EXPECT_EQ(as_doubles(run_op(kDomain, "NhwcMaxPool", 1, {x.codes}, window)[0]), largest);
      }
      fails(error_of([&] {
              run_op(kDomain, "QLinearAveragePool", 1, in, Attrs{{"kernel_shape", Ints{3}}});
            }),
            "kernel");
    }
}

TEST(QLinear, ConvWithChannelsLastIsThePlainOne) {
  const Coded x(DType::kUint8, {1, 4, 5, 6}, 1, 0.05), w(DType::kInt8, {6, 2, 3, 3}, 2, 0.02),
      y(DType::kUint8, {}, 3, 0.3);
  Attrs attrs{{"group", int64_t{2}}, {"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 1}}};
  std::vector<Value> in{x.codes, x.scale, x.zero, w.codes, w.scale, w.zero, y.scale, y.zero};
  const auto last = [](const Value& v) {
    return run1("Transpose", 13, {v}, Attrs{{"perm", Ints{0, 2, 3, 1}}}, {.check_variants = false});
  };
  const Value want = last(run1("QLinearConv", 10, in, attrs));
  in[0] = last(in[0]);
  attrs.set("channels_last", int64_t{1});
  const Value got = run_op(kDomain, "QLinearConv", 1, in, attrs)[0];
  EXPECT_EQ(dims_of(got), dims_of(want));
  EXPECT_EQ(as_doubles(got), as_doubles(want));
}

/// Product of the real values of two matrices.
Doubles product(const Doubles& a, const Doubles& b, int64_t m, int64_t k, int64_t n, bool ta = false, bool tb = false) {
  Doubles y;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a[at(ta ? p * m + i : i * k + p)] * b[at(tb ? j * k + p : p * n + j)];
      y.push_back(sum);
    }
  return y;
}

TEST(QGemm, FloatsAndCodes) {
  const int64_t m = 5, k = 7, n = 6;
  for (int form = 0; form < 8; ++form) {
    const bool ta = form & 1, tb = form & 2, codes = form & 4;
    const Coded a(kBytes[form % 2], ta ? Ints{k, m} : Ints{m, k}, 1, 0.05),
        b(kBytes[form / 2 % 2], tb ? Ints{n, k} : Ints{k, n}, 2, 0.02), y(kBytes[form % 2], {}, 3, 0.3);
    const Value bias = vec<int32_t>({10, -20, 30, 500, 0, -7});
    Doubles want = product(a.reals(), b.reals(), m, k, n, ta, tb);
    for (size_t i = 0; i < want.size(); ++i) want[i] = 0.5 * (want[i] + bias.as<int32_t>()[i % at(n)] * a.s * b.s);
    std::vector<Value> in{a.codes, a.scale, a.zero, b.codes, b.scale, b.zero, bias};
    if (codes) in.push_back(y.scale), in.push_back(y.zero);
    const Value got =
        run_op(kDomain, "QGemm", 1, in, Attrs{{"transA", int64_t{ta}}, {"transB", int64_t{tb}}, {"alpha", 0.5f}})[0];
    codes ? near_codes(got, want, y) : near(got, want, 1e-5);
  }
  const Coded a(DType::kUint8, {2, 3}, 1, 0.1);
  const auto error = [&](std::vector<Value> in) { return error_of([&] { run_op(kDomain, "QGemm", 1, in); }); };
  fails(error({a.codes, a.scale, a.zero, a.codes, a.scale, a.zero}), "inner dims");
  const Coded b(DType::kUint8, {3, 2}, 1, 0.1);
  fails(error({a.codes, a.scale, a.zero, b.codes, vec<float>({1, 2, 3}), b.zero}), "one per column");
  fails(error({a.codes, a.scale, a.zero, b.codes, b.scale, b.zero, vec<int32_t>({1, 2, 3})}), "broadcast");
  fails(error({a.codes, a.scale, a.zero, b.codes, b.scale, b.zero, Value(), a.scale}), "y_zero_point");
}

TEST(MatMulIntegerToFloat, ScalesAndBias) {
  const int64_t m = 4, k = 9, n = 5;
  const Coded a(DType::kInt8, {m, k}, 1, 0.05), b(DType::kUint8, {k, n}, 2, 0.02);
  const Value bias = vec<float>({1, 2, 3, 4, 5});
  Doubles want = product(a.reals(), b.reals(), m, k, n);
  for (size_t i = 0; i < want.size(); ++i) want[i] += static_cast<double>(i % at(n) + 1);
  near(run_op(kDomain, "MatMulIntegerToFloat", 1, {a.codes, b.codes, a.scale, b.scale, a.zero, b.zero, bias})[0], want,
       1e-5);
  fails(error_of([&] {
          run_op(kDomain, "MatMulIntegerToFloat", 1, {a.codes, b.codes, a.scale, vec<float>({1, 2})});
        }),
        "b_scale has 2 elements");
  // A quantized in the run: x takes the values of 255 codes exactly.
  std::vector<double> x = random_numbers(at(m * k), 0, 255);
  for (double& v : x) v = std::floor(v) / 4;
  x[0] = 0, x[1] = 255.0 / 4;
  near(run_op(kDomain, "DynamicQuantizeMatMul", 1, {numbers(DType::kFloat, {m, k}, x), b.codes, b.scale, b.zero})[0],
       product(x, b.reals(), m, k, n), 1e-5);
}

TEST(MatMulInteger16, Wraps) {
  const Value a = tensor<int16_t>({1, 3}, {-32768, 32767, 5}), b = tensor<int16_t>({3, 1}, {-32768, -32768, 7});
  EXPECT_EQ(items<int32_t>(run_op(kDomain, "MatMulInteger16", 1, {a, b})[0]), (std::vector<int32_t>{32768 + 35}));
  const Value c = tensor<uint16_t>({1, 2}, {65535, 65535}), d = tensor<uint16_t>({2, 1}, {65535, 65535});
  EXPECT_EQ(items<uint32_t>(run_op(kDomain, "MatMulInteger16", 1, {c, d})[0]), (std::vector<uint32_t>{4294705154u}));
}

TEST(QAttention, MasksPastAndErrors) {
  const int64_t batch = 2, length = 3, heads = 2, size = 4, hidden = heads * size, in = 5, past = 2,
                keys = past + length;
  const Coded x(DType::kUint8, {batch, length, in}, 1, 0.05), w(DType::kInt8, {in, 3 * hidden}, 2, 0.02);
  const Value bias = numbers(DType::kFloat, {3 * hidden}, random_numbers(at(3 * hidden), -1, 1, 3));
  const Value cache = numbers(DType::kFloat, {2, batch, heads, past, size},
                              random_numbers(at(2 * batch * heads * past * size), -1, 1, 4));
  Doubles qkv = product(x.reals(), w.reals(), batch * length, in, 3 * hidden);
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] += as_doubles(bias)[i % at(3 * hidden)];
  const Doubles old = as_doubles(cache);
  const Value masks[] = {Value(), vec<int32_t>({5, 3}), vec<int32_t>({5, 4, 0, 1}),
                         tensor<int32_t>({2, 5}, {1, 1, 0, 1, 1, 1, 0, 1, 1, 0})};
  const auto masked = [&](size_t form, int64_t b, int64_t j) {
    if (form == 1) return j >= (b ? 3 : 5);
    if (form == 2) return j >= (b ? 4 : 5) || j < b;
    return form == 3 && masks[3].as<int32_t>()[at(b * keys + j)] == 0;
  };
  for (size_t form = 0; form < 4; ++form)
    for (bool causal : {false, true}) {
      Doubles want(at(batch * length * hidden));
      for (int64_t b = 0; b < batch; ++b)
        for (int64_t h = 0; h < heads; ++h)
          for (int64_t i = 0; i < length; ++i) {
            const auto entry = [&](int64_t which, int64_t j, int64_t e) {
              return j < past ? old[at((((which - 1) * batch + b) * heads + h) * past * size + j * size + e)]
                              : qkv[at((b * length + j - past) * 3 * hidden + which * hidden + h * size + e)];
            };
            Doubles p;
            double sum = 0;
            for (int64_t j = 0; j < keys; ++j) {
              double score = 0;
              for (int64_t e = 0; e < size; ++e)
                score += qkv[at((b * length + i) * 3 * hidden + h * size + e)] * entry(1, j, e) / 2;
              if (masked(form, b, j)) score -= 10000;
              p.push_back(causal && j > i + past ? 0 : std::exp(score - 0));
              sum += p.back();
            }
            for (int64_t e = 0; e < size; ++e)
              for (int64_t j = 0; j < keys; ++j)
                want[at((b * length + i) * hidden + h * size + e)] += p[at(j)] / sum * entry(2, j, e);
          }
      const auto out = run_op(kDomain, "QAttention", 1,
                              {x.codes, w.codes, bias, x.scale, w.scale, masks[form], x.zero, w.zero, cache},
                              Attrs{{"num_heads", heads}, {"unidirectional", int64_t{causal}}}, 2);
      near(out[0], want, 2e-4);
      EXPECT_EQ(dims_of(out[1]), (Ints{2, batch, heads, keys, size}));
    }
  const auto error = [&](const Value& mask, Attrs attrs) {
    return error_of([&] {
      run_op(kDomain, "QAttention", 1, {x.codes, w.codes, bias, x.scale, w.scale, mask, x.zero, w.zero}, attrs);
    });
  };
  fails(error(Value(), {{"num_heads", int64_t{0}}}), "num_heads is 0");
  fails(error(Value(), {{"num_heads", int64_t{3}}}), "24 columns");
  fails(error(vec<int32_t>({1, 2, 3}), {{"num_heads", heads}}), "mask_index has dims [3]");
  fails(error(Value(), {{"num_heads", heads}, {"do_rotary", int64_t{1}}}), "do_rotary");
}

TEST(QEmbedLayerNormalization, SumsAndNormalises) {
  const int64_t width = 6;
  const Coded word(DType::kUint8, {5, width}, 1, 0.05), position(DType::kUint8, {4, width}, 2, 0.02),
      segment(DType::kUint8, {2, width}, 3, 0.03), gamma(DType::kUint8, {width}, 4, 0.01),
      beta(DType::kUint8, {width}, 5, 0.02);
  const Value ids = tensor<int32_t>({2, 3}, {0, 4, 2, 3, 1, 0}), segments = tensor<int32_t>({2, 3}, {0, 1, 1, 0, 0, 1}),
              mask = tensor<int32_t>({2, 3}, {1, 1, 0, 1, 0, 0});
  std::vector<Value> in{ids,        segments,  word.codes,    position.codes, segment.codes, gamma.codes,
                        beta.codes, mask,      word.scale,    position.scale, segment.scale, gamma.scale,
                        beta.scale, word.zero, position.zero, segment.zero,   gamma.zero,    beta.zero};
  Doubles want;
  for (size_t r = 0; r < 6; ++r) {
    Doubles row;
    double mean = 0, variance = 0;
    const auto pick = [&](const Coded& c, size_t k, size_t j) { return c.reals()[k * at(width) + j]; };
    for (size_t j = 0; j < at(width); ++j) {
      row.push_back(pick(word, at(ids.as<int32_t>()[r]), j) + pick(position, r % 3, j) +
                    pick(segment, at(segments.as<int32_t>()[r]), j));
      mean += row.back() / static_cast<double>(width);
    }
    for (double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(width);
    for (size_t j = 0; j < at(width); ++j)
      want.push_back((row[j] - mean) / std::sqrt(variance + 1e-12) * gamma.reals()[j] + beta.reals()[j]);
  }
  const auto out = run_op(kDomain, "QEmbedLayerNormalization", 1, in, {}, 2);
  near(out[0], want, 1e-4);
  EXPECT_EQ(items<int32_t>(out[1]), (std::vector<int32_t>{2, 1}));
  in[0] = tensor<int32_t>({2, 3}, {0, 5, 2, 3, 1, 0});
  fails(error_of([&] { run_op(kDomain, "QEmbedLayerNormalization", 1, in, {}, 2); }), "index 5 of input 0");
  in[0] = ids, in[10] = Value();
  fails(error_of([&] { run_op(kDomain, "QEmbedLayerNormalization", 1, in, {}, 2); }), "segment_embedding has no scale");
}

TEST(DynamicQuantizeLSTM, IsTheLstmOfTheRealWeights) {
  const int64_t length = 3, batch = 2, width = 4, hidden = 3, gates = 4 * hidden;
  const Coded w(DType::kInt8, {2, width, gates}, 1, 0.01), r(DType::kInt8, {2, hidden, gates}, 2, 0.01);
  const auto transposed = [&](const Coded& c, int64_t k) {
    const Doubles v = c.reals();
    Doubles t;
    for (int64_t d = 0; d < 2; ++d)
      for (int64_t j = 0; j < gates; ++j)
        for (int64_t i = 0; i < k; ++i) t.push_back(v[at((d * k + i) * gates + j)]);
    return numbers(DType::kFloat, {2, gates, k}, t);
  };
  const Value x = numbers(DType::kFloat, {length, batch, width}, random_numbers(at(length * batch * width), -1, 1, 3)),
              b = numbers(DType::kFloat, {2, 2 * gates}, random_numbers(at(4 * gates), -1, 1, 4)),
              lengths = vec<int32_t>({3, 2});
  const auto two = [](const Value& v) { return numbers(v.dtype(), {2}, {as_doubles(v)[0], as_doubles(v)[0]}); };
  const Attrs attrs{{"direction", std::string("bidirectional")}, {"hidden_size", hidden}};
  const auto want = run_op("", "LSTM", 14, {x, transposed(w, width), transposed(r, hidden), b, lengths}, attrs, 3,
                           {.check_variants = false});
  const auto got = run_op(kDomain, "DynamicQuantizeLSTM", 1,
                          {x, w.codes, r.codes, b, lengths, Value(), Value(), Value(), two(w.scale), two(w.zero),
                           two(r.scale), two(r.zero)},
                          attrs, 3, {.constants_bound = 1e-6});
  for (size_t j = 0; j < 3; ++j) near(got[j], as_doubles(want[j]), 1e-5);
  fails(error_of([&] {
          run_op(kDomain, "DynamicQuantizeLSTM", 1,
                 {x, w.codes, r.codes, b, lengths, Value(), Value(), Value(), vec<float>({1, 2, 3}), two(w.zero),
                  two(r.scale), two(r.zero)},
                 attrs, 3);
        }),
        "one per direction");
}

TEST(Microsoft, QuantizeAndDequantizeTakeScalesOfAnAxis) {
  const Value x = tensor<float>({2, 3}, {1, 2, 3, -4, -5, -6}), s = vec<float>({0.5f, 2});
  const Value q = run_op(kDomain, "QuantizeLinear", 1, {x, s, vec<int8_t>({1, -1})}, Attrs{{"axis", int64_t{0}}})[0];
  EXPECT_EQ(items<int8_t>(q), (std::vector<int8_t>{3, 5, 7, -3, -3, -4}));
  EXPECT_EQ(items<float>(
                run_op(kDomain, "DequantizeLinear", 1, {q, s, vec<int8_t>({1, -1})}, Attrs{{"axis", int64_t{0}}})[0]),
            (std::vector<float>{1, 2, 3, -4, -4, -6}));
}

}  // namespace
}  // namespace tenon::ops::qlinear_test
