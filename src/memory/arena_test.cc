// The arena never hands out overlapping memory, reuses what is freed, keeps its limit and its counters.
#include "memory/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "base/shape.h"
#include "memory/weight_store.h"

namespace tenon::memory::arena_test {
namespace {

TEST(Arena, RandomTrafficKeepsContents) {
  Arena arena;
  std::mt19937 rng(7);
  struct Live {
    unsigned char* p;
    size_t n;
    unsigned char mark;
  };
  std::vector<Live> live;
  for (int step = 0; step < 20000; ++step) {
    if (live.empty() || rng() % 2) {
      const size_t n = 1 + rng() % (rng() % 50 == 0 ? 300000 : 3000);
      auto* p = static_cast<unsigned char*>(arena.alloc(n, 64, nullptr));
      ASSERT_NE(p, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % 64, 0u);
      const auto mark = static_cast<unsigned char>(rng());
      std::memset(p, mark, n);
      live.push_back({p, n, mark});
    } else {
      const size_t i = rng() % live.size();
      for (size_t k = 0; k < live[i].n; k += 97) ASSERT_EQ(live[i].p[k], live[i].mark);
      arena.free(live[i].p);
      live[i] = live.back();
      live.pop_back();
    }
  }
  for (const Live& l : live) arena.free(l.p);
  const auto s = arena.stats();
  EXPECT_EQ(s.in_use, 0);
  EXPECT_EQ(s.requested_in_use, 0);
  EXPECT_GT(s.max_in_use, 0);
  arena.shrink();
  EXPECT_EQ(arena.stats().total_allocated, 0);
  EXPECT_GT(arena.stats().num_arena_shrinkages, 0);
}

TEST(Arena, SteadyTrafficDoesNotGrow) {
  Arena arena;
  const auto round = [&] {
    std::vector<void*> p;
    for (size_t n : {100u, 5000u, 70000u, 64u, 900u}) p.push_back(arena.alloc(n, 64, nullptr));
    for (void* q : p) arena.free(q);
  };
  round();
  const auto before = arena.stats();
  for (int i = 0; i < 1000; ++i) round();
  EXPECT_EQ(arena.stats().total_allocated, before.total_allocated);
  EXPECT_EQ(arena.stats().num_arena_extensions, before.num_arena_extensions);
}

TEST(Arena, LimitIsKept) {
  Arena arena({.limit = size_t{4} << 20});
  void* a = arena.alloc(size_t{3} << 20, 64, nullptr);
  EXPECT_NE(a, nullptr);
  EXPECT_EQ(arena.alloc(size_t{3} << 20, 64, nullptr), nullptr);
  arena.free(a);
  EXPECT_NE(arena.alloc(size_t{3} << 20, 64, nullptr), nullptr);
  EXPECT_LE(arena.stats().total_allocated, int64_t{4} << 20);
  EXPECT_EQ(arena.alloc(SIZE_MAX / 2, 64, nullptr), nullptr);
}

TEST(Arena, WithoutPoolEveryBlockIsItsOwn) {
  Arena arena({.pooled = false});
  void* a = arena.alloc(100, 64, nullptr);
  EXPECT_GT(arena.stats().total_allocated, 0);
  arena.free(a);
  EXPECT_EQ(arena.stats().total_allocated, 0);
}

TEST(WeightStore, PacksOnceWhileHeld) {
  WeightStore store;
  float data[4] = {1, 2, 3, 4};
  const Value w = Value::borrow(DType::kFloat, Dims{4}, data);
  int fills = 0;
  const auto fill = [&](void* p) {
    ++fills;
    std::memcpy(p, data, sizeof data);
  };
  auto a = store.packed(w, "copy", sizeof data, fill);
  auto b = store.packed(w, "copy", sizeof data, fill);
  EXPECT_EQ(a, b);
  EXPECT_EQ(fills, 1);
  store.packed(w, "other", sizeof data, fill);
  EXPECT_EQ(fills, 2);
  a = b = nullptr;
  store.packed(w, "copy", sizeof data, fill);
  EXPECT_EQ(fills, 3);
}

}  // namespace
}  // namespace tenon::memory::arena_test
