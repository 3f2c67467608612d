// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss against plain loops over every form of their inputs.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::loss_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Shape = std::vector<int64_t>;

struct Form {
  Shape dims;
  const char* reduction;
  bool weighted;
  std::optional<int64_t> ignored;
};

/// Losses from log probabilities.
Doubles plain(const Form& f, const Doubles& log_prob, const Shape& target, const Doubles& weight) {
  size_t inner = 1;
  for (size_t k = 2; k < f.dims.size(); ++k) inner *= static_cast<size_t>(f.dims[k]);
  Doubles each;
  double sum = 0, share = 0;
  for (size_t i = 0; i < target.size(); ++i) {
    double loss = 0, w = 0;
    if (!f.ignored || target[i] != *f.ignored) {
      w = f.weighted ? weight[static_cast<size_t>(target[i])] : 1;
      loss =
          -w *
          log_prob[(i / inner * static_cast<size_t>(f.dims[1]) + static_cast<size_t>(target[i])) * inner + i % inner];
    }
    each.push_back(loss);
    sum += loss, share += w;
  }
  if (*f.reduction == 'n') return each;
  return {*f.reduction == 's' ? sum : sum / share};
}

TEST(Losses, EveryFormAndType) {
  for (const Shape& dims : {Shape{4, 5}, Shape{2, 5, 3}, Shape{2, 3, 2, 4}, Shape{2, 3, 1, 2, 2}})
    for (const char* reduction : {"none", "sum", "mean"})
      for (bool weighted : {false, true})
        for (std::optional<int64_t> ignored :
             {std::optional<int64_t>(), std::optional<int64_t>(1), std::optional<int64_t>(-7)})
          for (DType t : {DType::kDouble, DType::kFloat, DType::kFloat16, DType::kBFloat16}) {
            const Form f{dims, reduction, weighted, ignored};
            size_t count = 1;
            for (int64_t d : dims) count *= static_cast<size_t>(d);
            const auto classes = static_cast<size_t>(dims[1]);
            Shape target(count / classes), target_dims = dims;
            target_dims.erase(target_dims.begin() + 1);
            for (size_t i = 0; i < target.size(); ++i) target[i] = static_cast<int64_t>(i * 3 % classes);
            if (ignored && *ignored < 0) target[1] = *ignored;
            const Value x = numbers(t, dims, random_numbers(count, -2, 2));
            const Value w = weighted ? numbers(t, {dims[1]}, random_numbers(classes, 0.5, 2, 9)) : Value();
            graph::Attrs attrs{{"reduction", std::string(reduction)}};
            if (ignored) attrs.set("ignore_index", *ignored);
            const Doubles in = as_doubles(x), weights = weighted ? as_doubles(w) : Doubles();
            const double bound = t == DType::kDouble    ? 1e-12
                                 : t == DType::kFloat   ? 1e-4
                                 : t == DType::kFloat16 ? 0.03
                                                        : 0.3;
            const Value labels = tensor<int64_t>(target_dims, target);
            const auto check = [&](const Value& y, const Doubles& log_prob) {
              const Doubles want = plain(f, log_prob, target, weights), got = as_doubles(y);
              EXPECT_EQ(dims_of(y), *reduction == 'n' ? target_dims : Shape{});
              ASSERT_EQ(got.size(), want.size());
              for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], bound) << reduction;
            };
            check(run1("NegativeLogLikelihoodLoss", 22, {x, labels, w}, attrs), in);
            const size_t inner = target.size() / static_cast<size_t>(dims[0]);
            Doubles log_prob(count);
            for (size_t i = 0; i < target.size(); ++i) {
              const size_t first = i / inner * classes * inner + i % inner;
              double sum = 0;
              for (size_t c = 0; c < classes; ++c) sum += std::exp(in[first + c * inner]);
              for (size_t c = 0; c < classes; ++c) log_prob[first + c * inner] = in[first + c * inner] - std::log(sum);
            }
            const auto out = run_op("", "SoftmaxCrossEntropyLoss", 13, {x, labels, w}, attrs, 2);
            check(out[0], log_prob);
            for (size_t i = 0; i < count; ++i) EXPECT_NEAR(as_doubles(out[1])[i], log_prob[i], bound);
            check(run1("SoftmaxCrossEntropyLoss", 13, {x, labels, w}, attrs), log_prob);
          }
}

TEST(Losses, OldVersionsAndInt32) {
  const Value x = tensor<float>({2, 2}, {-1, -2, -3, -4}), target = vec<int32_t>({0, 1});
  EXPECT_EQ(items<float>(run1("NegativeLogLikelihoodLoss", 12, {x, target})), std::vector<float>{2.5f});
  EXPECT_EQ(items<float>(run1("NegativeLogLikelihoodLoss", 13, {x, target})), std::vector<float>{2.5f});
  EXPECT_NEAR(items<float>(run1("SoftmaxCrossEntropyLoss", 12, {x, target}))[0], (0.31326 + 1.31326) / 2, 1e-4);
}

TEST(Losses, Errors) {
  const Value x = tensor<float>({2, 3}, std::vector<float>(6)), target = vec<int64_t>({0, 1});
  for (const char* op : {"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"}) {
    const auto fails = [&](const char* part, std::vector<Value> in, graph::Attrs a = {}) {
      const std::string message = error_of([&] { run1(op, 13, in, a); });
      EXPECT_NE(message.find(part), std::string::npos) << op << " found: " << message;
    };
    fails("target[1] is 3, expected a class in [0, 2]", {x, vec<int64_t>({0, 3})});
    fails("or ignore_index = 5", {x, vec<int64_t>({0, -1})}, {{"ignore_index", int64_t{5}}});
    fails("reduction: 'max'", {x, target}, {{"reduction", std::string("max")}});
    fails("weights and classes", {x, target, vec<float>({1, 2})});
    fails("rank", {vec<float>({1, 2}), target});
    fails("dims of scores", {x, vec<int64_t>({0, 1, 2})});
    fails("expected rank 1", {x, tensor<int64_t>({2, 1}, {0, 1})});
  }
}

}  // namespace
}  // namespace tenon::ops::loss_test
