// Packing along a path of segments, and runs whose paths grow, shrink and alternate.
#include "exec/shape_tree.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "support/program.h"

namespace tenon::exec::shape_tree_test {
namespace {

using test::RunnableGraph;
using test::tensor_of;

void add(plan::Plan& p, Segment& s, uint32_t born, uint32_t dies, size_t bytes) {
  plan::Slot slot{};
  slot.root = static_cast<plan::SlotId>(p.slots.size());
  slot.born = born;
  slot.dies = dies;
  SlotShape shape;
  shape.slot = slot.root;
  shape.bytes = bytes;
  p.slots.push_back(slot);
  s.shapes.push_back(shape);
}

bool overlap(const SlotShape& a, const SlotShape& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

TEST(ShapeTree, ASegmentUsesWhatIsDeadInItsAncestors) {
  plan::Plan p;
  Segment root, child;
  add(p, root, 0, 1, 6400);
  add(p, root, 1, 4, 640);  // alive in the child
  root.end = 2;
  child.begin = 2;
  add(p, child, 2, 2, 6400);
  add(p, child, 3, 4, 128);
  p.steps.resize(5);
  pack(root, p);
  EXPECT_EQ(root.slab_bytes[0], 7040u);
  const Segment* ancestors[] = {&root};
  pack(child, p, ancestors);
  EXPECT_EQ(child.slab_bytes[0], 7040u);
  for (const SlotShape& own : child.shapes) EXPECT_FALSE(overlap(own, root.shapes[1]));
  want(root, child);
  EXPECT_EQ(root.wanted[0], 7040u);
}

TEST(ShapeTree, RandomPathsDoNotOverlapAndStayNearTheBound) {
  std::mt19937 rng(3);
  for (int round = 0; round < 200; ++round) {
    plan::Plan p;
    std::vector<std::unique_ptr<Segment>> path;
    std::vector<const Segment*> ancestors;
    std::vector<const SlotShape*> all;
    uint32_t step = 0;
    for (int k = 0; k < 3; ++k) {
      Segment& s = *path.emplace_back(std::make_unique<Segment>());
      s.begin = step;
      for (int i = 0; i < 20; ++i, ++step) add(p, s, step, step + rng() % (rng() % 5 ? 4 : 30), 64 * (1 + rng() % 50));
      s.end = step;
    }
    p.steps.resize(step);
    size_t top = 0;
    for (auto& s : path) {
      pack(*s, p, ancestors);
      ancestors.push_back(s.get());
      for (const SlotShape& shape : s->shapes) {
        all.push_back(&shape);
        top = std::max(top, shape.offset + shape.bytes);
      }
    }
    EXPECT_EQ(path.back()->slab_bytes[0], top);
    size_t most = 0;
    for (uint32_t at = 0; at < step; ++at) {
      size_t alive = 0;
      for (const SlotShape* a : all) alive += p.slots[a->slot].born <= at && at <= p.slots[a->slot].dies ? a->bytes : 0;
      most = std::max(most, alive);
    }
    EXPECT_LE(top, most * 3 / 2);
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t k = 0; k < i; ++k) {
        const plan::Slot &a = p.slots[all[i]->slot], &b = p.slots[all[k]->slot];
        ASSERT_FALSE(a.born <= b.dies && b.born <= a.dies && overlap(*all[i], *all[k])) << i << " and " << k;
      }
  }
}

constexpr const char* kDataDependent = R"(graph (x: float[n]) opset 17 {
    a = Tanh(x)
    z = Exp(a)
    w = Mul(z, a)
    nz = NonZero(x)
    c = Cast<to=1>(nz)
    d = Tanh(c)
    e = Exp(d)
    m = Mul(e, d)
    r = ReduceSum<keepdims=0>(m)
    v = ReduceSum<keepdims=0>(w)
    return r, v })";

/// n elements of which every `every`-th is not 0.
void check(RunnableGraph& g, int64_t n, int64_t every) {
  Value x = Value::tensor(DType::kFloat, Dims{n});
  double r = 0, v = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float at = i % every == 0 ? 0.5f : 0.0f;
    x.as_mutable<float>()[static_cast<size_t>(i)] = at;
    v += std::exp(std::tanh(static_cast<double>(at))) * std::tanh(static_cast<double>(at));
    if (at != 0) r += std::exp(std::tanh(static_cast<double>(i))) * std::tanh(static_cast<double>(i));
  }
  const auto out = g.run({x});
  EXPECT_NEAR(out[0].as<float>()[0], r, 1e-3 * r + 1e-3) << n << " " << every;
  EXPECT_NEAR(out[1].as<float>()[0], v, 1e-3 * v + 1e-3) << n << " " << every;
}

TEST(ShapeTree, PathsOfChangingSizes) {
  for (const bool pattern : {true, false}) {
    RunnableGraph g(kDataDependent, true, pattern);
    for (int round = 0; round < 3; ++round) {
      for (int64_t every : {1000, 1, 7, 999, 2}) check(g, 100000, every);
      for (int k = 0; k < 12; ++k) check(g, 100000, 50000);  // shrinks
      check(g, 64, 1);
    }
  }
}

TEST(ShapeTree, PathsOfManyThreads) {
  RunnableGraph g(kDataDependent);
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&g, t] {
      for (int k = 0; k < 60; ++k) check(g, 30000, 1 + (k * 7 + t) % 13);
    });
  for (auto& t : threads) t.join();
}

}  // namespace
}  // namespace tenon::exec::shape_tree_test
