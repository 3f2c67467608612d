// Canonical forms, bounds and limits of symbolic dimensions.
#include "base/symbols.h"

#include <gtest/gtest.h>

#include <random>

namespace tenon::symbols_test {
namespace {

TEST(Symbols, EqualExpressionsAreEqualHandles) {
  Symbols s;
  const int64_t a = s.named("a"), b = s.named("b");
  EXPECT_EQ(s.named("a"), a);
  EXPECT_NE(a, b);
  EXPECT_EQ(s.add(a, b), s.add(b, a));
  EXPECT_EQ(s.mul(s.add(a, 1), s.add(a, -1)), s.add(s.mul(a, a), -1));
  EXPECT_EQ(s.sub(s.add(a, 5), a), 5);
  EXPECT_EQ(s.sub(a, a), 0);
  EXPECT_EQ(s.mul(a, 0), 0);
  EXPECT_EQ(s.mul(1, a), a);
  EXPECT_EQ(s.add(2, 3), 5);
  EXPECT_NE(s.fresh(), s.fresh());
}

TEST(Symbols, Division) {
  Symbols s;
  const int64_t a = s.named("a"), b = s.named("b");
  EXPECT_EQ(s.floor_div(s.mul(12, a), a), 12);
  EXPECT_EQ(s.floor_div(s.mul(12, a), 4), s.mul(3, a));
  EXPECT_EQ(s.floor_div(s.add(s.mul(4, a), 6), 4), s.add(a, 1));  // (4a + 6) // 4, 0 <= 2 < 4
  EXPECT_EQ(s.floor_div(s.mul(s.add(a, 1), s.add(b, 2)), s.add(a, 1)), s.add(b, 2));
  EXPECT_EQ(s.floor_div(s.floor_div(a, 2), 3), s.floor_div(a, 6));
  EXPECT_EQ(s.floor_div(-7, 2), -4);
  EXPECT_EQ(s.trunc_div(-7, 2), -3);
  EXPECT_EQ(s.ceil_div(7, 2), 4);
  EXPECT_EQ(s.ceil_div(s.mul(2, a), 2), a);
  EXPECT_EQ(s.trunc_div(a, 2), s.floor_div(a, 2));
  EXPECT_TRUE(is_symbol(s.floor_div(a, 0)));
  EXPECT_EQ(s.mod(s.add(s.mul(6, a), 7), 3), 1);
  EXPECT_EQ(s.mod(-7, 3), 2);
  EXPECT_EQ(s.mod(s.mul(a, b), b), 0);
}

TEST(Symbols, MinMaxBroadcast) {
  Symbols s;
  const int64_t a = s.named("a"), b = s.named("b");
  EXPECT_EQ(s.max(0, a), a);
  EXPECT_EQ(s.min(a, s.add(a, 3)), a);
  EXPECT_EQ(s.max(a, b), s.max(b, a));
  EXPECT_EQ(s.broadcast(a, 1), a);
  EXPECT_EQ(s.broadcast(7, a), 7);
  EXPECT_EQ(s.broadcast(2, 3), -1);
  EXPECT_EQ(s.broadcast(s.add(a, 2), b), s.add(a, 2));
  const int64_t ab = s.broadcast(a, b);
  EXPECT_EQ(ab, s.broadcast(b, a));
  EXPECT_EQ(s.broadcast(ab, b), ab);
}

TEST(Symbols, Bounds) {
  Symbols s;
  const int64_t a = s.named("a");
  EXPECT_EQ(s.lower_bound(s.add(s.mul(2, a), 3)), 3);
  EXPECT_EQ(s.upper_bound(s.sub(10, a)), 10);
  EXPECT_EQ(s.lower_bound(s.fresh_any_sign()), std::numeric_limits<int64_t>::min());
  const int64_t m = s.mod(a, 8);
  EXPECT_EQ(s.lower_bound(m), 0);
  EXPECT_EQ(s.upper_bound(m), 7);
  EXPECT_EQ(s.upper_bound(s.floor_div(m, 2)), 3);
  EXPECT_EQ(s.floor_div(m, 8), 0);
}

TEST(Symbols, Text) {
  Symbols s;
  const int64_t batch = s.named("batch"), seq = s.named("seq");
  EXPECT_EQ(s.to_string(s.add(s.mul(2, seq), 1)), "2*seq + 1");
  EXPECT_EQ(s.to_string(s.sub(s.mul(batch, seq), 4)), "batch*seq - 4");
  EXPECT_EQ(s.to_string(s.floor_div(seq, 2)), "(seq)//(2)");
  const int64_t dims[] = {batch, 3};
  EXPECT_EQ(s.to_string(dims), "[batch,3]");
}

TEST(Symbols, OverflowMakesAFreshSymbol) {
  Symbols s;
  const int64_t a = s.named("a");
  const int64_t big = int64_t{1} << 62;
  EXPECT_TRUE(is_symbol(s.mul(big, 4)));
  EXPECT_NE(s.mul(s.mul(a, big), 4), s.mul(s.mul(a, big), 4));
  EXPECT_TRUE(is_symbol(s.add(std::numeric_limits<int64_t>::max(), 1)));
  int64_t many = 0;
  for (int i = 0; i < 70; ++i) many = s.add(many, s.named("d" + std::to_string(i)));
  EXPECT_TRUE(s.is_fresh(many) || is_symbol(many));
  EXPECT_LT(s.to_string(many).size(), 2000u);
  int64_t deep = a;  // a chain that would recurse without end
  for (int i = 0; i < 100000; ++i) deep = s.max(s.sub(7, s.floor_div(deep, 3)), s.named("b"));
  EXPECT_LT(s.to_string(deep).size(), 2000u);
}

/// Every canonical form has the value of the plain expression, and lies within its bounds.
TEST(Symbols, ValuesOfRandomExpressions) {
  std::mt19937 rng(7);
  for (int round = 0; round < 300; ++round) {
    Symbols s;
    const int64_t names[] = {s.named("x"), s.named("y"), s.named("z")};
    const int64_t values[] = {static_cast<int64_t>(rng() % 9), static_cast<int64_t>(rng() % 9),
                              static_cast<int64_t>(rng() % 9)};
    struct Both {
      int64_t symbol, value;
    };
    std::vector<Both> pool;
    for (int i = 0; i < 3; ++i) pool.push_back({names[i], values[i]});
    for (int64_t c : {0, 1, 2, 5, -3}) pool.push_back({c, c});
    Symbols plain;
    for (int step = 0; step < 25; ++step) {
      const Both l = pool[rng() % pool.size()], r = pool[rng() % pool.size()];
      const int op = static_cast<int>(rng() % 7);
      if (std::abs(l.value) > 100000 || std::abs(r.value) > 100000) continue;
      const auto apply = [&](Symbols& t, int64_t a, int64_t b) {
        return op == 0   ? t.add(a, b)
               : op == 1 ? t.sub(a, b)
               : op == 2 ? t.mul(a, b)
               : op == 3 ? t.min(a, b)
               : op == 4 ? t.max(a, b)
               : op == 5 ? t.floor_div(a, b)
                         : t.mod(a, b);
      };
      if (op >= 5 && r.value == 0) continue;
      pool.push_back({apply(s, l.symbol, r.symbol), apply(plain, l.value, r.value)});
    }
    std::vector<Symbols::Binding> bindings;
    for (int i = 0; i < 3; ++i) bindings.push_back({names[i], values[i]});
    for (const Both& b : pool) {
      EXPECT_EQ(s.evaluate(b.symbol, bindings), b.value) << s.to_string(b.symbol);
      EXPECT_LE(s.lower_bound(b.symbol), b.value) << s.to_string(b.symbol);
      EXPECT_GE(s.upper_bound(b.symbol), b.value) << s.to_string(b.symbol);
    }
  }
}

TEST(Symbols, CloneKeepsHandlesApart) {
  Symbols s;
  const int64_t sum = s.add(s.named("a"), 1);
  const auto copy = s.clone();
  EXPECT_EQ(copy->add(copy->named("a"), 1), sum);
  copy->named("only in the copy");
  EXPECT_EQ(s.to_string(s.fresh("here")).substr(0, 4), "here");
}

}  // namespace
}  // namespace tenon::symbols_test
