// Adagrad, Adam and Momentum against the formulas of their definitions, two tensors at once.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::training_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
constexpr char kDomain[] = "ai.onnx.preview.training";

/// Runs `op` on two tensors (of 3 double and 2 float elements); lists[k] = X, G, states, flattened over both tensors.
std::vector<Doubles> step(const char* op, graph::Attrs attrs, double r, int64_t t, const std::vector<Doubles>& lists) {
  std::vector<Value> inputs{scalar<double>(r), scalar<int64_t>(t)};
  for (const Doubles& l : lists) {
    inputs.push_back(numbers(DType::kDouble, {3}, {l[0], l[1], l[2]}));
    inputs.push_back(numbers(DType::kFloat, {2}, {l[3], l[4]}));
  }
  const auto out = run_op(kDomain, op, 1, inputs, attrs, 2 * (lists.size() - 1));
  std::vector<Doubles> joined;
  for (size_t k = 0; k < out.size(); k += 2) {
    joined.push_back(as_doubles(out[k]));
    for (double v : as_doubles(out[k + 1])) joined.back().push_back(v);
  }
  return joined;
}
const Doubles kX{1, -2, 0.5, 3, -1}, kG{0.1, 0.2, -0.3, 0.5, 1}, kV{0, 1, 2, -1, 0.25}, kH{0, 0.5, 1, 2, 0.125};
constexpr double kNear = 2e-6;

TEST(Adagrad, Formula) {
  const auto y =
      step("Adagrad", {{"norm_coefficient", 0.5f}, {"decay_factor", 0.25f}, {"epsilon", 1e-3f}}, 0.1, 3, {kX, kG, kH});
  for (size_t i = 0; i < 5; ++i) {
    const double g = 0.5 * kX[i] + kG[i], h = kH[i] + g * g;
    EXPECT_NEAR(y[1][i], h, kNear);
    EXPECT_NEAR(y[0][i], kX[i] - 0.1 / 1.75 * g / (std::sqrt(h) + 1e-3), kNear);
  }
}

TEST(Adam, Formula) {
  for (int64_t t : {0, 2}) {
    const auto y = step("Adam",
                        {{"alpha", 0.75f},
                         {"beta", 0.875f},
                         {"epsilon", 1e-2f},
                         {"norm_coefficient", 0.5f},
                         {"norm_coefficient_post", 0.25f}},
                        0.1, t, {kX, kG, kV, kH});
    const double rate = t > 0 ? 0.1 * std::sqrt(1 - 0.875 * 0.875) / (1 - 0.75 * 0.75) : 0.1;
    for (size_t i = 0; i < 5; ++i) {
      const double g = 0.5 * kX[i] + kG[i], v = 0.75 * kV[i] + 0.25 * g, h = 0.875 * kH[i] + 0.125 * g * g;
      EXPECT_NEAR(y[1][i], v, kNear);
      EXPECT_NEAR(y[2][i], h, kNear);
      EXPECT_NEAR(y[0][i], 0.75 * (kX[i] - rate * v / (std::sqrt(h) + 1e-2)), kNear);
    }
  }
}

TEST(Momentum, Formula) {
  for (int64_t t : {0, 2})
    for (const char* mode : {"standard", "nesterov"}) {
      const auto y =
          step("Momentum", {{"alpha", 0.75f}, {"beta", 0.5f}, {"norm_coefficient", 0.25f}, {"mode", std::string(mode)}},
               0.1, t, {kX, kG, kV});
      for (size_t i = 0; i < 5; ++i) {
        const double g = 0.25 * kX[i] + kG[i], v = 0.75 * kV[i] + (t > 0 ? 0.5 : 1) * g;
        EXPECT_NEAR(y[1][i], v, kNear);
        EXPECT_NEAR(y[0][i], kX[i] - 0.1 * (*mode == 'n' ? g + 0.75 * v : v), kNear);
      }
    }
}

TEST(Training, Errors) {
  const Value r = scalar<float>(0.1f), t = scalar<int64_t>(1), x = vec<float>({1, 2}), y = vec<float>({1, 2, 3});
  const auto fails = [&](const char* part, const char* op, std::vector<Value> in, size_t outputs, graph::Attrs a = {}) {
    const std::string message = error_of([&] { run_op(kDomain, op, 1, in, a, outputs); });
    EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
  };
  fails("multiple of 3", "Adagrad", {r, t, x, x}, 2);
  fails("3 outputs, expected 2", "Adagrad", {r, t, x, x, x}, 3);
  fails("dims of X", "Adagrad", {r, t, x, y, x}, 2);
  fails("multiple of 4", "Adam", {r, t, x, x, x}, 3);
  fails("elements of R", "Adam", {x, t, x, x, x, x}, 3);
  fails("input 3 is double, expected float", "Adagrad", {r, t, x, vec<double>({1, 2}), x}, 2);
  fails("attribute mode", "Momentum", {r, t, x, x, x}, 2,
        {{"alpha", 0.5f}, {"beta", 0.5f}, {"norm_coefficient", 0.f}, {"mode", std::string("fast")}});
}

}  // namespace
}  // namespace tenon::ops::training_test
