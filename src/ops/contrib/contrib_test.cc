// com.microsoft and ai.tenon fusions against the ops that they join.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::contrib_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
constexpr DType kF = DType::kFloat;
size_t at(int64_t i) { return static_cast<size_t>(i); }
std::string text(const char* s) { return s; }

void near(const Value& v, const Doubles& want, double bound = 2e-6) {
  const Doubles got = as_doubles(v);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], bound * (1 + std::abs(want[i]))) << "at " << i;
}
Doubles eighths(int64_t n, uint32_t seed) {
  Doubles v = random_numbers(at(n), -16, 16, seed);
  for (double& x : v) x = std::round(x) / 8;
  return v;
}
double gelu(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }
double fast_gelu(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}
double activate(const std::string& f, double x) {
  if (f == "Relu") return std::max(x, 0.0);
  if (f == "LeakyRelu") return x < 0 ? 0.25 * x : x;
  if (f == "Clip") return std::min(std::max(x, -0.5), 0.75);
  if (f == "Sigmoid") return 1 / (1 + std::exp(-x));
  if (f == "Tanh") return std::tanh(x);
  if (f == "HardSigmoid") return std::min(std::max(0.25 * x + 0.75, 0.0), 1.0);
  if (f == "Gelu") return gelu(x);
  if (f == "FastGelu") return fast_gelu(x);
  return x;
}
std::vector<float> params(const std::string& f) {
  if (f == "LeakyRelu") return {0.25f};
  if (f == "Clip") return {-0.5f, 0.75f};
  if (f == "HardSigmoid") return {0.25f, 0.75f};
  return {};
}

TEST(FusedMatMul, Transposes) {
  const int64_t batch = 2, m = 3, n = 4, k = 5;
  const Doubles a = eighths(batch * m * k, 1), b = eighths(batch * k * n, 2);
  for (int form = 0; form < 16; ++form) {
    const bool ta = form & 1, tb = form & 2, ba = form & 4, bb = form & 8;
    // Without batch transposition [batch, rows, cols]; with it [rows, batch, cols].
    const auto place = [&](int64_t rows, int64_t cols, bool t, bool tbatch, int64_t q, int64_t r, int64_t c) {
      if (t) std::swap(r, c), std::swap(rows, cols);
      return at(tbatch ? (r * batch + q) * cols + c : (q * rows + r) * cols + c);
    };
    const auto dims = [&](int64_t rows, int64_t cols, bool t, bool tbatch) {
      if (t) std::swap(rows, cols);
      return tbatch ? Ints{rows, batch, cols} : Ints{batch, rows, cols};
    };
    Doubles want;
    for (int64_t q = 0; q < batch; ++q)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t p = 0; p < k; ++p) sum += a[place(m, k, ta, ba, q, i, p)] * b[place(k, n, tb, bb, q, p, j)];
          want.push_back(0.5 * sum);
        }
    const Attrs attrs{{"transA", int64_t{ta}},
                      {"transB", int64_t{tb}},
                      {"transBatchA", int64_t{ba}},
                      {"transBatchB", int64_t{bb}},
                      {"alpha", 0.5f}};
    for (DType type : {kF, DType::kDouble})
      near(run_op("com.microsoft", "FusedMatMul", 1,
                  {numbers(type, dims(m, k, ta, ba), a), numbers(type, dims(k, n, tb, bb), b)}, attrs)[0],
           want);
  }
}

TEST(FusedMatMulBias, EveryActivation) {
  const int64_t m = 6, n = 5, k = 4;
  const Doubles a = eighths(m * k, 1), b = eighths(k * n, 2), bias = eighths(n, 3);
  for (const char* f : {"", "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "Gelu", "FastGelu"}) {
    Doubles want;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = bias[at(j)];
        for (int64_t p = 0; p < k; ++p) sum += a[at(i * k + p)] * b[at(p * n + j)];
        want.push_back(activate(f, sum));
      }
    for (DType type : {kF, DType::kFloat16, DType::kBFloat16}) {
      const Value y = run_op("ai.tenon", "FusedMatMulBias", 1,
                             {numbers(type, {2, 3, k}, a), numbers(type, {k, n}, b), numbers(type, {n}, bias)},
                             Attrs{{"activation", text(f)}, {"activation_params", params(f)}})[0];
      EXPECT_EQ(dims_of(y), (Ints{2, 3, n}));
      near(y, want, type == kF ? 2e-6 : type == DType::kFloat16 ? 1e-3 : 1e-2);
    }
  }
  const Value x = numbers(kF, {1, 1}, {1}), two = numbers(kF, {2}, {1, 2});
  EXPECT_NE(error_of([&] {
              run_op("ai.tenon", "FusedMatMulBias", 1, {x, x, two});
            }).find("entries of bias"),
            std::string::npos);
  EXPECT_NE(
      error_of([&] {
        run_op("ai.tenon", "FusedMatMulBias", 1, {x, x, numbers(kF, {1}, {1})}, Attrs{{"activation", text("Rele")}});
      }).find("'Rele'"),
      std::string::npos);
}

TEST(FusedGemm, IsGemmThenActivation) {
  const Value a = numbers(kF, {3, 4}, eighths(12, 1)), b = numbers(kF, {5, 4}, eighths(20, 2)),
              c = numbers(kF, {5}, eighths(5, 3));
  Attrs gemm{{"transB", int64_t{1}}, {"alpha", 0.5f}, {"beta", 2.f}};
  Doubles want = as_doubles(run1("Gemm", 13, {a, b, c}, gemm));
  for (double& x : want) x = activate("LeakyRelu", x);
  gemm.set("activation", text("LeakyRelu")), gemm.set("activation_alpha", 0.25f);
  near(run_op("com.microsoft", "FusedGemm", 1, {a, b, c}, gemm)[0], want);
  const Value i = numbers(DType::kInt32, {1, 1}, {1});
  EXPECT_NE(error_of([&] {
              run_op("com.microsoft", "FusedGemm", 1, {i, i}, Attrs{{"activation", text("Relu")}});
            }).find("int32"),
            std::string::npos);
}

TEST(FusedConv, AddsThenActivates) {
  const Value x = numbers(kF, {2, 3, 6, 5}, eighths(180, 1)), w = numbers(kF, {4, 3, 3, 3}, eighths(108, 2)),
              b = numbers(kF, {4}, eighths(4, 3));
  const Value z = numbers(kF, {2, 4, 6, 5}, eighths(240, 4));
  const Attrs attrs{{"pads", Ints{1, 1, 1, 1}}};
  const Doubles plain = as_doubles(run1("Conv", 11, {x, w, b}, attrs)), added = as_doubles(z);
  for (const char* f : {"Relu", "Clip", "HardSigmoid", "Tanh"})
    for (bool residual : {false, true})
      for (Isa isa : runnable_isas()) {
        Attrs fused = attrs;
        fused.set("activation", text(f)), fused.set("activation_params", params(f));
        Doubles want;
        for (size_t i = 0; i < plain.size(); ++i) want.push_back(activate(f, plain[i] + (residual ? added[i] : 0)));
        RunSettings settings;
        settings.isa = isa;
        near(run_op("com.microsoft", "FusedConv", 1, {x, w, b, residual ? z : Value()}, fused, 1, settings)[0], want,
             5e-6);
      }
  EXPECT_NE(error_of([&] {
              run_op("com.microsoft", "FusedConv", 1, {x, w, b, x}, attrs);
            }).find("dims of Z"),
            std::string::npos);
}

TEST(SkipLayerNormalization, EveryForm) {
  const int64_t batch = 2, len = 3, n = 8;
  const Doubles x = eighths(batch * len * n, 1), skip = eighths(batch * len * n, 2), gamma = eighths(n, 3),
                beta = eighths(n, 4), bias = eighths(n, 5);
  for (bool simple : {false, true})
    for (const Ints& skip_dims : {Ints{2, 3, 8}, Ints{1, 3, 8}, Ints{3, 8}})
      for (bool with_bias : {false, true})
        for (DType type : {kF, DType::kFloat16}) {
          const int64_t skip_rows = element_count(skip_dims) / n;
          Doubles want, sum, mean, inv;
          for (int64_t r = 0; r < batch * len; ++r) {
            double m = 0, v = 0;
            for (int64_t i = 0; i < n; ++i) {
              sum.push_back(x[at(r * n + i)] + skip[at(r % skip_rows * n + i)] + (with_bias ? bias[at(i)] : 0));
              if (!simple) m += sum.back() / static_cast<double>(n);
            }
            for (int64_t i = 0; i < n; ++i)
              v += (sum[at(r * n + i)] - m) * (sum[at(r * n + i)] - m) / static_cast<double>(n);
            mean.push_back(m), inv.push_back(1 / std::sqrt(v + 0.01f));
            for (int64_t i = 0; i < n; ++i)
              want.push_back((sum[at(r * n + i)] - m) * inv.back() * gamma[at(i)] + (simple ? 0 : beta[at(i)]));
          }
          const auto v = [&](const Doubles& d) { return numbers(type, {n}, d); };
          std::vector<Value> in{
              numbers(type, {batch, len, n}, x),
              numbers(type, skip_dims, Doubles(skip.begin(), skip.begin() + element_count(skip_dims))), v(gamma)};
          if (!simple) in.push_back(v(beta));
          in.push_back(with_bias ? v(bias) : Value());
          const auto out =
              run_op("com.microsoft", simple ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization", 1, in,
                     Attrs{{"epsilon", 0.01f}}, 4);
          near(out[0], want, type == kF ? 3e-6 : 4e-3);
          near(out[1], mean, 1e-5);
          near(out[2], inv, 1e-5);
          near(out[3], sum, type == kF ? 1e-6 : 1e-3);
        }
}

TEST(LegacyLayerNormalization, OldOpsets) {
  const Doubles x = eighths(6 * 5, 1), scale = eighths(5, 2);
  Doubles centred, simple, inv;
  for (int64_t r = 0; r < 6; ++r) {
    double m = 0, v = 0, q = 0;
    for (int64_t i = 0; i < 5; ++i) m += x[at(r * 5 + i)] / 5;
    for (int64_t i = 0; i < 5; ++i)
      v += (x[at(r * 5 + i)] - m) * (x[at(r * 5 + i)] - m) / 5, q += x[at(r * 5 + i)] * x[at(r * 5 + i)] / 5;
    inv.push_back(1 / std::sqrt(q + 1e-5f));
    for (int64_t i = 0; i < 5; ++i) {
      centred.push_back((x[at(r * 5 + i)] - m) / std::sqrt(v + 1e-5f) * scale[at(i)]);
      simple.push_back(x[at(r * 5 + i)] * inv.back() * scale[at(i)]);
    }
  }
  for (DType type : {kF, DType::kDouble, DType::kFloat16}) {
    const std::vector<Value> in{numbers(type, {6, 5}, x), numbers(kF, {5}, scale)};
    const Value y = run1("LayerNormalization", 13, in);
    EXPECT_EQ(y.dtype(), kF);
    near(y, centred, 3e-6);
    const auto s = run_op("", "SimplifiedLayerNormalization", 17, in, {}, 2);
    near(s[0], simple, 3e-6);
    near(s[1], inv, 3e-6);
  }
}

TEST(BiasGelu, BothForms) {
  const Doubles x = eighths(2 * 3 * 300, 1), bias = eighths(300, 2);
  Doubles exact, fast, fast_plain;
  for (size_t i = 0; i < x.size(); ++i) {
    exact.push_back(gelu(x[i] + bias[i % 300]));
    fast.push_back(fast_gelu(x[i] + bias[i % 300]));
    fast_plain.push_back(fast_gelu(x[i]));
  }
  for (DType type : {kF, DType::kDouble, DType::kFloat16}) {
    const Value a = numbers(type, {2, 3, 300}, x), b = numbers(type, {300}, bias);
    const double bound = type == kF ? 2e-6 : type == DType::kDouble ? 1e-12 : 1e-3;
    near(run_op("com.microsoft", "BiasGelu", 1, {a, b})[0], exact, bound);
    near(run_op("com.microsoft", "FastGelu", 1, {a, b})[0], fast, bound);
    near(run_op("com.microsoft", "FastGelu", 1, {a})[0], fast_plain, bound);
    EXPECT_NE(error_of([&] {
                run_op("com.microsoft", "BiasGelu", 1, {b, numbers(type, {1}, {1})});
              }).find("entries"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace tenon::test::contrib_test
