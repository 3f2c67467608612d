// CausalConvWithState and LinearAttention token by token against their formulas, whole and in two parts; SwiGLU and
// FlexAttention without bodies.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::state_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

const DType kTypes[] = {DType::kFloat, DType::kFloat16, DType::kBFloat16};
double bound_of(DType t) {
  return t == DType::kDouble ? 1e-12 : t == DType::kFloat ? 2e-5 : t == DType::kFloat16 ? 0.02 : 0.15;
}
Value random(DType t, Ints dims, uint32_t seed, double low = -1, double high = 1) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  return numbers(t, dims, random_numbers(static_cast<size_t>(n), low, high, seed));
}
void expect_near(const Value& got, const Doubles& want, double bound) {
  const Doubles g = as_doubles(got);
  ASSERT_EQ(g.size(), want.size());
  for (size_t i = 0; i < g.size(); ++i) ASSERT_NEAR(g[i], want[i], bound) << i;
}
void expect_error(const std::string& part, const std::function<void()>& f) {
  const std::string message = error_of(f);
  EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
}

TEST(CausalConvWithState, AgainstFormula) {
  for (DType t : kTypes)
    for (int64_t length : {0, 1, 2, 9})
      for (int64_t taps : {1, 4})
        for (bool silu : {false, true})
          for (bool past : {false, true}) {
            const int64_t batch = 2, channels = 3, kept = taps - 1;
            const Value x = random(t, {batch, channels, length}, 1), w = random(t, {channels, 1, taps}, 2);
            const Value bias = random(t, {channels}, 3), state = past ? random(t, {batch, channels, kept}, 4) : Value();
            const auto out = run_op("", "CausalConvWithState", 27, {x, w, bias, state},
                                    {{"activation", std::string(silu ? "silu" : "none")}}, 2);
            const Doubles in = as_doubles(x), tap = as_doubles(w), b = as_doubles(bias),
                          before = past ? as_doubles(state) : Doubles();
            Doubles y, kept_values;
            for (int64_t row = 0; row < batch * channels; ++row) {
              Doubles all;
              for (int64_t i = 0; i < kept; ++i) all.push_back(past ? before[static_cast<size_t>(row * kept + i)] : 0);
              for (int64_t i = 0; i < length; ++i) all.push_back(in[static_cast<size_t>(row * length + i)]);
              for (int64_t i = 0; i < length; ++i) {
                double sum = b[static_cast<size_t>(row % channels)];
                for (int64_t k = 0; k < taps; ++k)
                  sum += tap[static_cast<size_t>(row % channels * taps + k)] * all[static_cast<size_t>(i + k)];
                y.push_back(silu ? sum / (1 + std::exp(-sum)) : sum);
              }
              kept_values.insert(kept_values.end(), all.end() - kept, all.end());
            }
            expect_near(out[0], y, bound_of(t));
            expect_near(out[1], kept_values, 0);
          }
}

TEST(CausalConvWithState, Errors) {
  const Value x = random(DType::kFloat, {1, 2, 3}, 1), w = random(DType::kFloat, {2, 1, 3}, 2);
  const auto fails = [&](const char* part, std::vector<Value> in, graph::Attrs a = {}) {
    expect_error(part, [&] { run_op("", "CausalConvWithState", 27, in, a, 2); });
  };
  fails("activation: 'relu'", {x, w}, {{"activation", std::string("relu")}});
  fails("channels of weight", {x, random(DType::kFloat, {3, 1, 3}, 2)});
  fails("dim 1 of weight", {x, random(DType::kFloat, {2, 2, 3}, 2)});
  fails("kernel is empty", {x, random(DType::kFloat, {2, 1, 0}, 2)});
  fails("bias and channels", {x, w, random(DType::kFloat, {3}, 2)});
  fails("length of past_state", {x, w, {}, random(DType::kFloat, {1, 2, 3}, 2)});
  fails("expected rank 3", {random(DType::kFloat, {1, 2, 3, 4}, 1), w});
}

struct Linear {
  const char* rule;
  int64_t batch, length, q_heads, heads, width, out;
  int64_t gates;  ///< values of decay per head, 0: none
  int64_t betas;
  bool past;
};

TEST(LinearAttention, AgainstFormula) {
  const Linear kCases[] = {
      {"linear", 2, 5, 2, 2, 3, 4, 0, 0, false},     {"gated", 1, 4, 4, 2, 3, 70, 3, 0, true},
      {"gated", 2, 3, 2, 1, 4, 3, 1, 0, false},      {"delta", 2, 4, 2, 2, 5, 3, 0, 2, true},
      {"delta", 1, 4, 3, 3, 5, 64, 0, 1, false},     {"gated_delta", 2, 6, 4, 2, 17, 129, 17, 2, true},
      {"gated_delta", 1, 1, 2, 2, 8, 8, 1, 2, true}, {"gated_delta", 1, 0, 2, 2, 3, 3, 1, 2, true},
  };
  for (const Linear& l : kCases)
    for (DType t : kTypes) {
      const std::string rule = l.rule;
      const bool delta = rule.ends_with("delta"), gated = rule.starts_with("gated");
      const Value q = random(t, {l.batch, l.length, l.q_heads * l.width}, 1),
                  k = random(t, {l.batch, l.length, l.heads * l.width}, 2, -0.4, 0.4);
      const Value v = random(t, {l.batch, l.length, l.heads * l.out}, 3);
      const Value past = l.past ? random(t, {l.batch, l.heads, l.width, l.out}, 4) : Value();
      const Value decay = gated ? random(t, {l.batch, l.length, l.heads * l.gates}, 5, -1, 0) : Value();
      const Value beta = delta ? random(t, {l.batch, l.length, l.betas}, 6, 0, 1) : Value();
      const auto out = run_op("", "LinearAttention", 27, {q, k, v, past, decay, beta},
                              {{"update_rule", rule}, {"q_num_heads", l.q_heads}, {"kv_num_heads", l.heads}}, 2);
      const Doubles query = as_doubles(q), key = as_doubles(k), value = as_doubles(v);
      const Doubles gate = gated ? as_doubles(decay) : Doubles(), rate = delta ? as_doubles(beta) : Doubles();
      Doubles state(static_cast<size_t>(l.batch * l.heads * l.width * l.out), 0),
          y(static_cast<size_t>(l.batch * l.length * l.q_heads * l.out), 0);
      if (l.past) state = as_doubles(past);
      for (int64_t b = 0; b < l.batch; ++b)
        for (int64_t h = 0; h < l.heads; ++h) {
          double* s = state.data() + (b * l.heads + h) * l.width * l.out;
          for (int64_t i = b * l.length; i < (b + 1) * l.length; ++i) {
            const double *kt = key.data() + (i * l.heads + h) * l.width, *vt = value.data() + (i * l.heads + h) * l.out;
            for (int64_t r = 0; gated && r < l.width; ++r)
              for (int64_t c = 0; c < l.out; ++c)
                s[r * l.out + c] *=
                    std::exp(gate[static_cast<size_t>((i * l.heads + h) * l.gates + (l.gates == 1 ? 0 : r))]);
            Doubles write(vt, vt + l.out);
            for (int64_t c = 0; delta && c < l.out; ++c) {
              for (int64_t r = 0; r < l.width; ++r) write[static_cast<size_t>(c)] -= s[r * l.out + c] * kt[r];
              write[static_cast<size_t>(c)] *= rate[static_cast<size_t>(i * l.betas + (l.betas == 1 ? 0 : h))];
            }
            for (int64_t r = 0; r < l.width; ++r)
              for (int64_t c = 0; c < l.out; ++c) s[r * l.out + c] += kt[r] * write[static_cast<size_t>(c)];
            const int64_t group = l.q_heads / l.heads;
            for (int64_t g = h * group; g < (h + 1) * group; ++g)
              for (int64_t c = 0; c < l.out; ++c)
                for (int64_t r = 0; r < l.width; ++r)
                  y[static_cast<size_t>((i * l.q_heads + g) * l.out + c)] +=
                      query[static_cast<size_t>((i * l.q_heads + g) * l.width + r)] * s[r * l.out + c] /
                      std::sqrt(static_cast<double>(l.width));
          }
        }
      SCOPED_TRACE(rule);
      expect_near(out[0], y, bound_of(t));
      expect_near(out[1], state, bound_of(t));
    }
}

TEST(LinearAttention, ScaleAndStateType) {
  const Value one = tensor<Half>({1, 1, 1}, {to_half(2)}), past = tensor<float>({1, 1, 1, 1}, {0.1f});
  const auto out = run_op("", "LinearAttention", 27, {one, one, one, past},
                          {{"update_rule", std::string("linear")},
                           {"q_num_heads", int64_t{1}},
                           {"kv_num_heads", int64_t{1}},
                           {"scale", 0.5f}},
                          2);
  EXPECT_EQ(items<float>(out[1]), std::vector<float>{4.1f});
  EXPECT_NEAR(as_doubles(out[0])[0], 4.1, 0.01);
}

TEST(LinearAttention, Errors) {
  const Value x = random(DType::kFloat, {1, 2, 4}, 1), gate = random(DType::kFloat, {1, 2, 2}, 2);
  const auto fails = [&](const char* part, std::vector<Value> in, const char* rule, int64_t q = 2, int64_t kv = 2) {
    expect_error(part, [&] {
      run_op("", "LinearAttention", 27, in,
             {{"update_rule", std::string(rule)}, {"q_num_heads", q}, {"kv_num_heads", kv}}, 2);
    });
  };
  fails("update_rule: 'fast'", {x, x, x}, "fast");
  fails("decay is missing", {x, x, x}, "gated");
  fails("decay is given, update_rule forbids it", {x, x, x, {}, gate}, "linear");
  fails("beta is missing", {x, x, x}, "delta");
  fails("beta is given", {x, x, x, {}, {}, gate}, "linear");
  fails("multiple of the 2 key heads", {x, x, x}, "linear", 3, 2);
  fails("q_num_heads: 0 found", {x, x, x}, "linear", 0, 2);
  fails("multiple of 3 heads", {x, x, x}, "linear", 3, 3);
  fails("decay has a last dim of 3", {x, x, x, {}, random(DType::kFloat, {1, 2, 3}, 2)}, "gated");
  fails("beta has a last dim of 3", {x, x, x, {}, {}, random(DType::kFloat, {1, 2, 3}, 2)}, "delta");
  fails("dims of past_state", {x, x, x, random(DType::kFloat, {1, 2, 2, 3}, 2)}, "linear");
  fails("batch and length", {x, random(DType::kFloat, {1, 3, 4}, 1), x}, "linear");
  fails("head size of query and key", {x, random(DType::kFloat, {1, 2, 6}, 1), x}, "linear");
}

TEST(SwiGlu, Formula) {
  for (DType t : {DType::kDouble, DType::kFloat, DType::kFloat16, DType::kBFloat16})
    for (float alpha : {1.0f, 1.702f}) {
      const Value a = random(t, {3, 700}, 1, -6, 6), b = random(t, {3, 700}, 2);
      Doubles want;
      const Doubles x = as_doubles(a), y = as_doubles(b);
      for (size_t i = 0; i < x.size(); ++i)
        want.push_back(x[i] / (1 + std::exp(-static_cast<double>(alpha) * x[i])) * y[i]);
      expect_near(run1("SwiGLU", 28, {a, b}, {{"alpha", alpha}}), want, t == DType::kDouble ? 1e-12 : 2 * bound_of(t));
    }
  EXPECT_EQ(items<double>(run1("SwiGLU", 28, {vec<double>({-INFINITY, INFINITY}), vec<double>({1, 1})})),
            (Doubles{0, INFINITY}));
  expect_error("dims of A and B", [] { run1("SwiGLU", 28, {vec<float>({1, 2}), vec<float>({1})}); });
  expect_error("expected rank 1", [] { run1("SwiGLU", 28, {vec<float>({1}), tensor<float>({1, 1}, {1})}); });
}

TEST(FlexAttention, WithoutBodies) {
  for (DType t : {DType::kDouble, DType::kFloat, DType::kFloat16, DType::kBFloat16}) {
    const int64_t q_heads = 4, heads = 2, rows = 3, keys = 5, width = 8, out = 6;
    const Value q = random(t, {2, q_heads, rows, width}, 1), k = random(t, {2, heads, keys, width}, 2),
                v = random(t, {2, heads, keys, out}, 3);
    const Value y = run_op("ai.onnx.preview", "FlexAttention", 1, {q, k, v}, {{"scale", 0.5f}})[0];
    const Doubles a = as_doubles(q), b = as_doubles(k), c = as_doubles(v);
    Doubles want;
    for (int64_t h = 0; h < 2 * q_heads; ++h)
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t kv = h / q_heads * heads + h % q_heads / 2;
        Doubles p;
        double sum = 0;
        for (int64_t j = 0; j < keys; ++j) {
          double s = 0;
          for (int64_t d = 0; d < width; ++d)
            s += a[static_cast<size_t>((h * rows + i) * width + d)] *
                 b[static_cast<size_t>((kv * keys + j) * width + d)];
          p.push_back(std::exp(0.5 * s));
          sum += p.back();
        }
        for (int64_t d = 0; d < out; ++d) {
          double s = 0;
          for (int64_t j = 0; j < keys; ++j)
            s += p[static_cast<size_t>(j)] / sum * c[static_cast<size_t>((kv * keys + j) * out + d)];
          want.push_back(s);
        }
      }
    expect_near(y, want, bound_of(t));
  }
  const auto fails = [](const char* part, Ints q, Ints k, Ints v) {
    expect_error(part, [&] {
      run_op("ai.onnx.preview", "FlexAttention", 1,
             {random(DType::kFloat, q, 1), random(DType::kFloat, k, 1), random(DType::kFloat, v, 1)});
    });
  };
  fails("expected rank 4", {1, 2, 3}, {1, 2, 3, 4}, {1, 2, 3, 4});
  fails("multiple of the 2 key heads", {1, 3, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4});
  fails("head size of Q and K", {1, 2, 3, 4}, {1, 2, 3, 5}, {1, 2, 3, 4});
  fails("length of K and V", {1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 4, 4});
  fails("heads of K and V", {1, 2, 3, 4}, {1, 2, 3, 4}, {1, 1, 3, 4});
  fails("batch of Q and K", {1, 2, 3, 4}, {2, 2, 3, 4}, {2, 2, 3, 4});
}

}  // namespace
}  // namespace tenon::ops::state_test
