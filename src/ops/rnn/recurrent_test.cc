// LSTM, GRU and RNN against ONNX's equations, one number at a time.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::recurrent_test {
namespace {

using graph::Attrs;
using Doubles = std::vector<double>;

struct Case {
  std::string op;
  int64_t length = 4, batch = 3, input = 5, hidden = 3, dirs = 1;
  bool reverse = false, batch_first = false, bias = true, states = true, peephole = false, input_forget = false,
       linear_first = false;
  double clip = 0;
  std::vector<int32_t> lengths = {};
  DType type = DType::kFloat;
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Data {
  Doubles x, w, r, b, h, c, p;
};
size_t at(int64_t i) { return static_cast<size_t>(i); }

struct Expected {
  Doubles y, h, c;
};
Expected reference(const Case& t, const Data& v) {
  const int64_t gates = t.op == "LSTM" ? 4 : t.op == "GRU" ? 3 : 1, n = t.hidden;
  Expected out;
  out.y.assign(at(t.length * t.dirs * t.batch * n), 0);
  out.h.assign(at(t.dirs * t.batch * n), 0);
  out.c = out.h;
  for (int64_t d = 0; d < t.dirs; ++d)
    for (int64_t b = 0; b < t.batch; ++b) {
      const auto state = [&](int64_t i) { return at((t.batch_first ? b * t.dirs + d : d * t.batch + b) * n + i); };
      Doubles h(at(n)), c(at(n));
      for (int64_t i = 0; i < n && t.states; ++i) h[at(i)] = v.h[state(i)], c[at(i)] = v.c[state(i)];
      const int64_t len = t.lengths.empty() ? t.length : t.lengths[at(b)];
      for (int64_t step = 0; step < len; ++step) {
        const int64_t time = t.reverse || d == 1 ? len - 1 - step : step;
        const auto gate_w = [&](int64_t g, int64_t i) {
          double s = t.bias ? v.b[at((d * 2 * gates + g) * n + i)] : 0;
          for (int64_t k = 0; k < t.input; ++k)
            s += v.w[at(((d * gates + g) * n + i) * t.input + k)] *
                 v.x[at((t.batch_first ? b * t.length + time : time * t.batch + b) * t.input + k)];
          return s;
        };
        const auto gate_r = [&](int64_t g, int64_t i, const Doubles& state_in) {
          double s = t.bias ? v.b[at((d * 2 * gates + gates + g) * n + i)] : 0;
          for (int64_t k = 0; k < n; ++k) s += v.r[at(((d * gates + g) * n + i) * n + k)] * state_in[at(k)];
          return s;
        };
        const auto cut = [&](double x) { return t.clip > 0 ? std::min(std::max(x, -t.clip), t.clip) : x; };
        const auto peep = [&](int64_t k, int64_t i) { return t.peephole ? v.p[at((d * 3 + k) * n + i)] : 0; };
        Doubles next(at(n));
        if (t.op == "RNN") {
          for (int64_t i = 0; i < n; ++i) next[at(i)] = std::tanh(cut(gate_w(0, i) + gate_r(0, i, h)));
        } else if (t.op == "GRU") {
          Doubles z(at(n)), r(at(n)), rh(at(n));
          for (int64_t i = 0; i < n; ++i) {
            z[at(i)] = sigmoid(cut(gate_w(0, i) + gate_r(0, i, h)));
            r[at(i)] = sigmoid(cut(gate_w(1, i) + gate_r(1, i, h)));
            rh[at(i)] = r[at(i)] * h[at(i)];
          }
          for (int64_t i = 0; i < n; ++i) {
            const double g =
                t.linear_first ? gate_w(2, i) + r[at(i)] * gate_r(2, i, h) : gate_w(2, i) + gate_r(2, i, rh);
            next[at(i)] = (1 - z[at(i)]) * std::tanh(cut(g)) + z[at(i)] * h[at(i)];
          }
        } else {
          for (int64_t i = 0; i < n; ++i) {
            const double in = sigmoid(cut(gate_w(0, i) + gate_r(0, i, h) + peep(0, i) * c[at(i)]));
            const double forget =
                t.input_forget ? 1 - in : sigmoid(cut(gate_w(2, i) + gate_r(2, i, h) + peep(2, i) * c[at(i)]));
            const double g = std::tanh(cut(gate_w(3, i) + gate_r(3, i, h)));
            const double cell = forget * c[at(i)] + in * g;
            const double o = sigmoid(cut(gate_w(1, i) + gate_r(1, i, h) + peep(1, i) * cell));
            next[at(i)] = o * std::tanh(cell);
            c[at(i)] = cell;
          }
        }
        h = next;
        for (int64_t i = 0; i < n; ++i)
          out.y[at((t.batch_first ? (b * t.length + time) * t.dirs + d : (time * t.dirs + d) * t.batch + b) * n + i)] =
              h[at(i)];
      }
      for (int64_t i = 0; i < n; ++i) out.h[state(i)] = h[at(i)], out.c[state(i)] = c[at(i)];
    }
  return out;
}

void near(const Value& got, const Doubles& want, double bound, const char* what) {
  const Doubles g = as_doubles(got);
  ASSERT_EQ(g.size(), want.size()) << what;
  for (size_t i = 0; i < g.size(); ++i) ASSERT_NEAR(g[i], want[i], bound) << what << " at " << i;
}

void check(const Case& t) {
  SCOPED_TRACE(t.op + (t.reverse ? " reverse" : "") + (t.batch_first ? " batch first" : "") + " dirs " +
               std::to_string(t.dirs) + " " + std::string(dtype_name(t.type)));
  const int64_t gates = t.op == "LSTM" ? 4 : t.op == "GRU" ? 3 : 1;
  const auto random = [](int64_t n, uint32_t seed) { return random_numbers(at(n), -1, 1, seed); };
  Data v{random(t.length * t.batch * t.input, 1),
         random(t.dirs * gates * t.hidden * t.input, 2),
         random(t.dirs * gates * t.hidden * t.hidden, 3),
         random(t.dirs * 2 * gates * t.hidden, 4),
         random(t.dirs * t.batch * t.hidden, 5),
         random(t.dirs * t.batch * t.hidden, 6),
         random(t.dirs * 3 * t.hidden, 7)};
  const std::vector<int64_t> state =
      t.batch_first ? std::vector<int64_t>{t.batch, t.dirs, t.hidden} : std::vector<int64_t>{t.dirs, t.batch, t.hidden};
  std::vector<Value> in{numbers(t.type,
                                t.batch_first ? std::vector<int64_t>{t.batch, t.length, t.input}
                                              : std::vector<int64_t>{t.length, t.batch, t.input},
                                v.x),
                        numbers(t.type, {t.dirs, gates * t.hidden, t.input}, v.w),
                        numbers(t.type, {t.dirs, gates * t.hidden, t.hidden}, v.r),
                        t.bias ? numbers(t.type, {t.dirs, 2 * gates * t.hidden}, v.b) : Value(),
                        t.lengths.empty() ? Value() : tensor<int32_t>({t.batch}, t.lengths),
                        t.states ? numbers(t.type, state, v.h) : Value()};
  if (t.op == "LSTM") {
    in.push_back(t.states ? numbers(t.type, state, v.c) : Value());
    in.push_back(t.peephole ? numbers(t.type, {t.dirs, 3 * t.hidden}, v.p) : Value());
  }
  Attrs attrs{{"hidden_size", t.hidden}};
  if (t.dirs == 2) attrs.set("direction", std::string("bidirectional"));
  if (t.reverse) attrs.set("direction", std::string("reverse"));
  if (t.batch_first) attrs.set("layout", int64_t{1});
  if (t.clip > 0) attrs.set("clip", static_cast<float>(t.clip));
  if (t.input_forget) attrs.set("input_forget", int64_t{1});
  if (t.linear_first) attrs.set("linear_before_reset", int64_t{1});
  const size_t outputs = t.op == "LSTM" ? 3 : 2;
  RunSettings settings;
  settings.constants_bound = t.type == DType::kFloat16 ? 1e-3 : 1e-6;
  const std::vector<Value> y = run_op("", t.op, 22, in, attrs, outputs, settings);
  const Expected want = reference(t, v);
  const double bound = t.type == DType::kDouble ? 1e-12 : t.type == DType::kFloat ? 2e-6 : 4e-3;
  EXPECT_EQ(dims_of(y[0]), (t.batch_first ? std::vector<int64_t>{t.batch, t.length, t.dirs, t.hidden}
                                          : std::vector<int64_t>{t.length, t.dirs, t.batch, t.hidden}));
  near(y[0], want.y, bound, "Y");
  near(y[1], want.h, bound, "Y_h");
  if (outputs == 3) near(y[2], want.c, bound, "Y_c");
}

TEST(Recurrent, EveryForm) {
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    for (bool batch_first : {false, true}) {
      Case t{.op = op, .batch_first = batch_first};
      check(t);
      t.reverse = true;
      check(t);
      t.reverse = false, t.dirs = 2;
      check(t);
      t.lengths = {4, 1, 2};
      check(t);
      t.bias = t.states = false;
      check(t);
      t.clip = 0.3;
      check(t);
    }
    Case one{.op = op, .length = 1, .batch = 1, .input = 33, .hidden = 40};
    check(one);
    for (DType type : {DType::kDouble, DType::kFloat16}) {
      Case t{.op = op};
      t.type = type;
      check(t);
    }
  }
  Case gru{.op = "GRU", .linear_first = true};
  check(gru);
  gru.bias = false;
  check(gru);
  Case lstm{.op = "LSTM", .peephole = true};
  check(lstm);
  lstm.input_forget = true;
  check(lstm);
}

TEST(Recurrent, Activations) {
  // One step, W = R = 1, h0 = 0: h = f(x).
  const auto run = [](const char* f, double x, Attrs attrs) {
    attrs.set("activations", std::vector<std::string>{f});
    const Value one = tensor<double>({1, 1, 1}, {1});
    return as_doubles(run1("RNN", 7, {tensor<double>({1, 1, 1}, {x}), one, one}, attrs))[0];
  };
  const auto alpha = [](float a) { return Attrs{{"activation_alpha", std::vector<float>{a}}}; };
  const auto both = [](float a, float b) {
    return Attrs{{"activation_alpha", std::vector<float>{a}}, {"activation_beta", std::vector<float>{b}}};
  };
  EXPECT_EQ(run("Relu", -2, {}), 0);
  EXPECT_EQ(run("relu", 2, {}), 2);
  EXPECT_NEAR(run("Sigmoid", 2, {}), sigmoid(2), 1e-12);
  EXPECT_EQ(run("Affine", 3, both(2, 0.5)), 6.5);
  EXPECT_EQ(run("LeakyRelu", -4, alpha(0.25)), -1);
  EXPECT_EQ(run("ThresholdedRelu", 1.5, alpha(2)), 0);
  EXPECT_EQ(run("ThresholdedRelu", 2.5, alpha(2)), 2.5);
  EXPECT_NEAR(run("ScaledTanh", 0.3, both(2, 0.5)), 2 * std::tanh(0.15), 1e-12);
  EXPECT_NEAR(run("HardSigmoid", 0.5, both(0.5, 0.25)), 0.5, 1e-12);
  EXPECT_NEAR(run("Elu", -1, alpha(2)), 2 * (std::exp(-1.0) - 1), 1e-12);
  EXPECT_NEAR(run("Softsign", -3, {}), -0.75, 1e-12);
  EXPECT_NEAR(run("Softplus", 1, {}), std::log(1 + std::exp(1.0)), 1e-12);
}

TEST(Recurrent, Rejects) {
  const Value x = tensor<float>({1, 1, 2}, {1, 2}), w = tensor<float>({1, 1, 2}, {1, 2}),
              r = tensor<float>({1, 1, 1}, {1});
  const auto error = [&](std::vector<Value> in, Attrs attrs) { return error_of([&] { run1("RNN", 14, in, attrs); }); };
  EXPECT_NE(error({x, w, r}, Attrs{{"direction", std::string("up")}}).find("direction"), std::string::npos);
  EXPECT_NE(error({x, w, r}, Attrs{{"activations", std::vector<std::string>{"Sine"}}}).find("Sine"), std::string::npos);
  EXPECT_NE(error({x, r, r}, {}).find("dims of W"), std::string::npos);
  EXPECT_NE(error({x, w, r, Value(), tensor<int32_t>({1}, {2})}, {}).find("sequence_lens[0] is 2"), std::string::npos);
  EXPECT_NE(error({x, w, r}, Attrs{{"hidden_size", int64_t{3}}}).find("hidden_size"), std::string::npos);
}

}  // namespace
}  // namespace tenon::test::recurrent_test
