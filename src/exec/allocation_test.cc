// A warm run asks nothing of malloc, new or mmap: several signatures interleaved, one and two threads, loop bodies.
#include <gtest/gtest.h>

#include "memory/arena.h"
#include "support/count_allocations.h"
#include "support/program.h"

namespace tenon::exec::allocation_test {
namespace {

using test::RunnableGraph;
using test::tensor_of;

/// Runs all feeds twice to warm up, then counts over ten rounds.
void expect_no_allocation(RunnableGraph& g, const std::vector<std::vector<Value>>& feeds, const RunContext& context) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer brings its own allocator";
  Frame frame(g.program(), std::make_shared<memory::Arena>());
  std::vector<Value> out(g.plan().results.size());
  const auto round = [&] {
    for (const auto& f : feeds) {
      for (size_t i = 0; i < f.size(); ++i) frame.bind(i, f[i]);
      frame.run(context);
      for (size_t i = 0; i < out.size(); ++i) out[i] = frame.take_value(i);
      frame.reset();
    }
  };
  round();
  round();
  round();
  const int64_t before = test::allocation_count();
  for (int k = 0; k < 10; ++k) round();
  EXPECT_EQ(test::allocation_count() - before, 0);
}

TEST(Allocation, InterleavedSignatures) {
  RunnableGraph g(R"(graph (x: float[b,s,8]) opset 17 {
    w: float[8,8] = {1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,
                     1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8}
    q = MatMul(x, w)
    shape = Shape(x)
    zero: int64[1] = {0}
    b = Gather(shape, zero)
    minus: int64[1] = {-1}
    target = Concat<axis=0>(b, minus)
    flat = Reshape(q, target)
    p = Softmax<axis=-1>(flat)
    y = Tanh(p)
    t = Transpose(y)
    r = ReduceSum(t)
    return y, r })");
  std::vector<std::vector<Value>> feeds;
  for (int64_t s : {1, 7, 3, 16}) {
    Value x = Value::tensor(DType::kFloat, Dims{2, s, 8});
    for (float& f : x.as_mutable<float>()) f = 0.25f;
    feeds.push_back({x});
  }
  for (int threads : {1, 2}) {
    ThreadPool pool({.threads = threads});
    expect_no_allocation(g, feeds, {{&pool, nullptr}, nullptr});
  }
}

TEST(Allocation, LoopBodiesAndDataDependentShapes) {
  RunnableGraph g(R"(graph (m: int64[], x: float[n]) opset 17 {
    yes: bool[] = {1}
    last, steps = Loop(m, yes, x) [x] {
      body (i: int64[], c: bool[], v, k) {
        s = Add(v, k)
        t = Tanh(s)
        go = Identity(c)
        return go, t, s
      }
    }
    nz = NonZero(steps)
    return last, steps, nz })");
  ThreadPool pool({.threads = 2});
  expect_no_allocation(g,
                       {{tensor_of<int64_t>({}, {4}), tensor_of<float>({3}, {1, 2, 0})},
                        {tensor_of<int64_t>({}, {2}), tensor_of<float>({2}, {1, 0})}},
                       {{&pool, nullptr}, nullptr});
}

}  // namespace
}  // namespace tenon::exec::allocation_test
