// Random operators: reproducible with a seed for any number of threads, fresh without one, and rightly distributed.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/map.h"
#include "ops/random_numbers.h"
#include "support/op_runner.h"

namespace tenon::ops::random_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Shape = std::vector<int64_t>;

TEST(Philox, KnownAnswer) {
  // The all-zero vector of Random123's known answers for philox4x32-10.
  const Philox::Block b = Philox(0).block(0);
  EXPECT_EQ(b.word[0], 0x6627e8d5u);
  EXPECT_EQ(b.word[1], 0xe169c58du);
  EXPECT_EQ(b.word[2], 0xbc57ac4cu);
  EXPECT_EQ(b.word[3], 0x9b00dbd8u);
}

double mean(const Doubles& v) {
  double s = 0;
  for (double x : v) s += x;
  return s / static_cast<double>(v.size());
}
double deviation(const Doubles& v) {
  double s = 0;
  for (double x : v) s += (x - mean(v)) * (x - mean(v));
  return std::sqrt(s / static_cast<double>(v.size()));
}

TEST(Random, SeedsThreadsAndMoments) {
  ThreadPool pool({.threads = 4});
  const RunSettings threads{.pool = &pool};
  for (const char* op : {"RandomNormal", "RandomUniform"}) {
    const bool normal = std::string(op) == "RandomNormal";
    for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
      graph::Attrs attrs{{"shape", Shape{101, 99}}, {"dtype", static_cast<int64_t>(t)}, {"seed", 3.f}};
      attrs.set(normal ? "mean" : "low", 2.f);
      attrs.set(normal ? "scale" : "high", normal ? 3.f : 5.f);
      const Value a = run1(op, 22, {}, attrs), b = run1(op, 22, {}, attrs, threads);
      ASSERT_EQ(a.dtype(), t);
      ASSERT_EQ(dims_of(a), (Shape{101, 99}));
      EXPECT_EQ(as_doubles(a), as_doubles(b));
      EXPECT_NEAR(mean(as_doubles(a)), normal ? 2 : 3.5, 0.1);
      EXPECT_NEAR(deviation(as_doubles(a)), normal ? 3 : 3 / std::sqrt(12), 0.1);
      const bool exact_range = !normal && !is_half(t);
      for (double v : as_doubles(a)) ASSERT_TRUE(!exact_range || (v >= 2 && v < 5));
      attrs.set("seed", 4.f);
      EXPECT_NE(as_doubles(a), as_doubles(run1(op, 22, {}, attrs)));
      attrs.erase("seed");
      EXPECT_NE(as_doubles(run1(op, 22, {}, attrs)), as_doubles(run1(op, 22, {}, attrs)));
      const Value like = run1(std::string(op) + "Like", 22, {numbers(DType::kInt32, {2, 3}, Doubles(6, 1))},
                              {{"dtype", static_cast<int64_t>(t)}, {"seed", 1.f}});
      EXPECT_EQ(like.dtype(), t);
      EXPECT_EQ(dims_of(like), (Shape{2, 3}));
    }
    EXPECT_EQ(run1(std::string(op) + "Like", 1, {vec<double>({1, 2})}).dtype(), DType::kDouble);
    EXPECT_NE(error_of([&] { run1(std::string(op) + "Like", 1, {vec<int32_t>({1})}); }).find("int32"),
              std::string::npos);
    EXPECT_NE(error_of([&] { run1(op, 1, {}, {{"shape", Shape{-1}}}); }).find("shape"), std::string::npos);
    EXPECT_NE(error_of([&] {
                run1(op, 1, {}, {{"shape", Shape{1}}, {"dtype", int64_t{16}}});
              }).find("bfloat16"),
              std::string::npos);
  }
}

TEST(Random, Bernoulli) {
  const Value p = numbers(DType::kFloat, {10000}, Doubles(10000, 0.3));
  for (DType t : {DType::kFloat, DType::kBool, DType::kInt64, DType::kUint8, DType::kFloat16, DType::kDouble}) {
    const Value y = run1("Bernoulli", 22, {p}, {{"seed", 5.f}, {"dtype", static_cast<int64_t>(t)}});
    EXPECT_EQ(y.dtype(), t);
    EXPECT_NEAR(mean(as_doubles(y)), 0.3, 0.02);
  }
  EXPECT_EQ(as_doubles(run1("Bernoulli", 15, {vec<double>({0, 1, 0, 1})})), (Doubles{0, 1, 0, 1}));
}

TEST(Random, Multinomial) {
  const Value logs = tensor<float>({2, 3}, {std::log(1.f), std::log(2.f), std::log(5.f), -1e30f, 700, -1e30f});
  for (DType t : {DType::kInt32, DType::kInt64}) {
    const Value y = run1("Multinomial", 22, {logs},
                         {{"sample_size", int64_t{8000}}, {"seed", 2.f}, {"dtype", static_cast<int64_t>(t)}});
    EXPECT_EQ(y.dtype(), t);
    const Doubles v = as_doubles(y);
    double count[3] = {};
    for (size_t i = 0; i < 8000; ++i) ++count[static_cast<size_t>(v[i])];
    EXPECT_NEAR(count[0], 1000, 150);
    EXPECT_NEAR(count[1], 2000, 200);
    EXPECT_NEAR(count[2], 5000, 250);
    for (size_t i = 8000; i < 16000; ++i) ASSERT_EQ(v[i], 1);
  }
  EXPECT_NE(error_of([&] { run1("Multinomial", 7, {vec<float>({1})}); }).find("rank"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("Multinomial", 7, {logs}, {{"sample_size", int64_t{0}}}); }), "");
}

}  // namespace
}  // namespace tenon::ops::random_test
