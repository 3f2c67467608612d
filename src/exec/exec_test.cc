// Runs of small graphs: shapes that change, views, in-place results, data-dependent sizes, control flow, errors,
// cancel.
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "support/program.h"

namespace tenon::exec::exec_test {
namespace {

using test::items_of;
using test::RunnableGraph;
using test::tensor_of;
using F = std::vector<float>;
using I = std::vector<int64_t>;

TEST(Exec, ChangingShapesShareOnePlan) {
  RunnableGraph g(R"(graph (x: float[n,2]) opset 17 {
    one: float[] = {1}
    a = Add(x, one)
    b = Relu(a)
    c = Mul(b, x)
    return c: float[n,2] })");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(items_of<float>(g.run({tensor_of<float>({1, 2}, {1, -3})})[0]), (F{2, 0}));
    EXPECT_EQ(items_of<float>(g.run({tensor_of<float>({2, 2}, {1, 2, 3, 4})})[0]), (F{2, 6, 12, 20}));
    EXPECT_EQ(g.run({Value::tensor(DType::kFloat, Dims{0, 2})})[0].count(), 0);
  }
  EXPECT_EQ(g.program().shapes.size(), 3u);
}

TEST(Exec, InPlaceResultsNeverTouchFeedsOrConstants) {
  RunnableGraph g(R"(graph (x: float[4]) opset 17 {
    w: float[4] = {1, 2, 3, 4}
    a = Neg(x)
    b = Neg(a)
    c = Add(b, w)
    d = Neg(w)
    return c, d, a })");
  const Value x = tensor_of<float>({4}, {1, -2, 3, -4});
  for (int i = 0; i < 3; ++i) {
    const auto r = g.run({x});
    EXPECT_EQ(items_of<float>(r[0]), (F{2, 0, 6, 0}));
    EXPECT_EQ(items_of<float>(r[1]), (F{-1, -2, -3, -4}));
    EXPECT_EQ(items_of<float>(r[2]), (F{-1, 2, -3, 4}));
    EXPECT_EQ(items_of<float>(x), (F{1, -2, 3, -4}));
  }
}

TEST(Exec, ViewsOfTempsFeedsAndResults) {
  RunnableGraph g(R"(graph (x: float[a,b]) opset 17 {
    flat: int64[1] = {-1}
    v = Reshape(x, flat)
    n = Neg(v)
    two: int64[2] = {2, -1}
    w = Reshape(n, two)
    z = Neg(w)
    return v, n, w, z })");
  for (int i = 0; i < 2; ++i) {
    const auto r = g.run({tensor_of<float>({1, 4}, {1, 2, 3, 4})});
    EXPECT_EQ(items_of<float>(r[0]), (F{1, 2, 3, 4}));
    EXPECT_EQ(items_of<float>(r[1]), (F{-1, -2, -3, -4}));
    EXPECT_EQ(items_of<float>(r[2]), (F{-1, -2, -3, -4}));
    EXPECT_EQ(Dims(r[2].dims()), (Dims{2, 2}));
    EXPECT_EQ(items_of<float>(r[3]), (F{1, 2, 3, 4}));
  }
}

TEST(Exec, ResultsOutliveTheNextRun) {
  RunnableGraph g("graph (x: float[n]) opset 17 { y = Neg(x) z = Neg(y) return z }");
  const Value first = g.run({tensor_of<float>({2}, {5, 6})})[0];
  const Value second = g.run({tensor_of<float>({2}, {7, 8})})[0];
  EXPECT_EQ(items_of<float>(first), (F{5, 6}));
  EXPECT_EQ(items_of<float>(second), (F{7, 8}));
}

TEST(Exec, FedShapesBecomePartOfTheSignature) {
  RunnableGraph g(R"(graph (x: float[n], s: int64[k]) opset 17 {
    r = Reshape(x, s)
    y = Transpose(r)
    return y })");
  const Value x = tensor_of<float>({6}, {1, 2, 3, 4, 5, 6});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Dims(g.run({x, tensor_of<int64_t>({2}, {2, 3})})[0].dims()), (Dims{3, 2}));
    EXPECT_EQ(Dims(g.run({x, tensor_of<int64_t>({2}, {-1, 1})})[0].dims()), (Dims{1, 6}));
    EXPECT_EQ(items_of<float>(g.run({x, tensor_of<int64_t>({2}, {3, 2})})[0]), (F{1, 3, 5, 2, 4, 6}));
  }
}

TEST(Exec, DataDependentShapes) {
  RunnableGraph g(R"(graph (x: float[n]) opset 17 {
    nz = NonZero(x)
    t = Transpose(nz)
    d = Add(t, t)
    return nz, d })");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(items_of<int64_t>(g.run({tensor_of<float>({4}, {0, 1, 0, 2})})[1]), (I{2, 6}));
    EXPECT_EQ(items_of<int64_t>(g.run({tensor_of<float>({4}, {1, 1, 0, 2})})[1]), (I{0, 2, 6}));
    const auto none = g.run({tensor_of<float>({4}, {0, 0, 0, 0})});
    EXPECT_EQ(Dims(none[0].dims()), (Dims{1, 0}));
  }
}

TEST(Exec, IfCapturesAndResultsMove) {
  RunnableGraph g(R"(graph (c: bool[], x: float[n]) opset 17 {
    y = Neg(x)
    r = If(c) [y, x] {
      then_branch (a, b) { u = Add(a, a)  return u }
      else_branch (a, b) { return b }
    }
    z = Neg(r)
    return r, z })");
  const Value x = tensor_of<float>({2}, {1, 2});
  Value yes = tensor_of<bool>({}, {true}), no = tensor_of<bool>({}, {false});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(items_of<float>(g.run({yes, x})[1]), (F{2, 4}));
    EXPECT_EQ(items_of<float>(g.run({no, x})[0]), (F{1, 2}));
    EXPECT_EQ(items_of<float>(g.run({no, x})[1]), (F{-1, -2}));
  }
}

constexpr const char* kLoop = R"(graph (m: int64[], x: float[n]) opset 17 {
    yes: bool[] = {1}
    last, steps = Loop(m, yes, x) [x] {
      body (i: int64[], c: bool[], v, k) {
        s = Add(v, k)
        go = Identity(c)
        return go, s, v
      }
    }
    return last, steps })";

TEST(Exec, LoopCarriesAndStacks) {
  RunnableGraph g(kLoop);
  const Value x = tensor_of<float>({2}, {1, 10});
  for (int i = 0; i < 2; ++i) {
    const auto r = g.run({tensor_of<int64_t>({}, {3}), x});
    EXPECT_EQ(items_of<float>(r[0]), (F{4, 40}));
    EXPECT_EQ(Dims(r[1].dims()), (Dims{3, 2}));
    EXPECT_EQ(items_of<float>(r[1]), (F{1, 10, 2, 20, 3, 30}));
    const auto zero = g.run({tensor_of<int64_t>({}, {0}), x});
    EXPECT_EQ(items_of<float>(zero[0]), (F{1, 10}));
    EXPECT_EQ(zero[1].dims()[0], 0);
  }
}

TEST(Exec, LoopWithGrowingState) {
  RunnableGraph g(R"(graph (m: int64[], x: float[n]) opset 17 {
    last = Loop(m, _, x) [x] {
      body (i: int64[], c: bool[], v: float[k], w) {
        s = Concat<axis=0>(v, w)
        go = Identity(c)
        return go, s
      }
    }
    return last })");
  for (int64_t m : {0, 1, 5, 3, 5})
    EXPECT_EQ(g.run({tensor_of<int64_t>({}, {m}), tensor_of<float>({2}, {1, 2})})[0].count(), 2 * (m + 1));
}

TEST(Exec, LoopSwapsItsValues) {
  RunnableGraph g(R"(graph (m: int64[], x: float[n], y: float[n]) opset 17 {
    a, b, seen = Loop(m, _, x, y) {
      body (i: int64[], c: bool[], u, v) {
        go = Identity(c)
        return go, v, u, u
      }
    }
    return a, b, seen })");
  for (int64_t m : {1, 2, 3}) {
    const auto r = g.run({tensor_of<int64_t>({}, {m}), tensor_of<float>({2}, {1, 2}), tensor_of<float>({2}, {3, 4})});
    const F one{1, 2}, two{3, 4};
    EXPECT_EQ(items_of<float>(r[0]), m % 2 ? two : one) << m;
    EXPECT_EQ(items_of<float>(r[1]), m % 2 ? one : two) << m;
    EXPECT_EQ(r[2].as<float>()[2 * (m - 1)], m % 2 ? 1.f : 3.f) << m;
  }
}

TEST(Exec, StringShapesArePartOfTheSignature) {
  RunnableGraph g(R"(graph (c: bool[], x: string[n], y: string[m]) opset 17, ai.onnx.ml 2 {
    s = If(c) [x, y] {
      then_branch (a, b) { return a }
      else_branch (a, b) { return b }
    }
    z = ai.onnx.ml.LabelEncoder<keys_strings=["p", "q"], values_int64s=[7, 8], default_int64=-1>(s)
    d = ai.onnx.ml.LabelEncoder<keys_strings=["p", "q"], values_int64s=[7, 8], default_int64=-1>(x)
    return z, d })");
  const Value few = Value::strings(Dims{1}, {"p"}), many = Value::strings(Dims{3}, {"q", "p", "?"});
  const Value yes = tensor_of<bool>({}, {true}), no = tensor_of<bool>({}, {false});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(items_of<int64_t>(g.run({yes, few, many})[0]), (I{7}));
    EXPECT_EQ(items_of<int64_t>(g.run({no, few, many})[0]), (I{8, 7, -1}));
    EXPECT_EQ(items_of<int64_t>(g.run({yes, many, few})[1]), (I{8, 7, -1}));
  }
}

TEST(Exec, InPlaceKeepsAwayFromOperandsReadTwice) {
  RunnableGraph g(R"(graph (x: float[2,2]) opset 17 {
    i: int64[2,1] = {1, 0}
    t = Neg(x)
    y = ScatterND(t, i, t)
    return y })");
  for (int k = 0; k < 2; ++k)
    EXPECT_EQ(items_of<float>(g.run({tensor_of<float>({2, 2}, {1, 2, 3, 4})})[0]), (F{-3, -4, -1, -2}));
}

TEST(Exec, ScanSlicesForwardAndBackward) {
  RunnableGraph g(R"(graph (s: float[1], x: float[t,1]) opset 17 {
    sum, parts, same = Scan<num_scan_inputs=1, scan_input_directions=[1], scan_output_directions=[0, 1]>(s, x) {
      body (a: float[1], b: float[1]) {
        c = Add(a, b)
        d = Identity(c)
        e = Identity(b)
        return c, d, e
      }
    }
    return sum, parts, same })");
  for (int i = 0; i < 2; ++i) {
    const auto r = g.run({tensor_of<float>({1}, {0}), tensor_of<float>({3, 1}, {1, 2, 3})});
    EXPECT_EQ(items_of<float>(r[0]), (F{6}));
    EXPECT_EQ(items_of<float>(r[1]), (F{3, 5, 6}));
    EXPECT_EQ(items_of<float>(r[2]), (F{1, 2, 3}));
  }
}

TEST(Exec, ErrorNamesTheNodeAndLeavesTheFrameUsable) {
  RunnableGraph g(R"(graph (x: float[n], i: int64[k]) opset 17 {
    y = Neg(x)
    z = Gather(y, i) @"pick one"
    return z })");
  const Value x = tensor_of<float>({3}, {1, 2, 3});
  for (int round = 0; round < 3; ++round) {
    try {
      g.run({x, tensor_of<int64_t>({1}, {9})});
      FAIL() << "index 9 accepted";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("pick one"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("9"), std::string::npos) << e.what();
    }
    EXPECT_EQ(items_of<float>(g.run({x, tensor_of<int64_t>({1}, {-1})})[0]), (F{-3}));
  }
  EXPECT_EQ(g.arena().stats().requested_in_use > 0, true);
}

TEST(Exec, CancelEndsALoop) {
  RunnableGraph g(R"(graph (m: int64[], x: float[n]) opset 17 {
    last = Loop(m, _, x) { body (i: int64[], c: bool[], v) { s = Neg(v) go = Identity(c) return go, s } }
    return last })");
  CancelToken token;
  RunContext context{{nullptr, &token}, nullptr};
  std::thread stop([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    token.cancel();
  });
  try {
    g.run({tensor_of<int64_t>({}, {int64_t{1} << 60}), tensor_of<float>({2}, {1, 2})}, context);
    ADD_FAILURE() << "the loop ended";
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), ErrorReason::kCancelled);
  }
  stop.join();
  EXPECT_EQ(items_of<float>(g.run({tensor_of<int64_t>({}, {1}), tensor_of<float>({1}, {1})})[0]), (F{-1}));
}

TEST(Exec, ManyThreadsOneProgram) {
  RunnableGraph g(kLoop);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int k = 0; k < 50; ++k) {
        const int64_t m = (t + k) % 5;
        const auto r = g.run({tensor_of<int64_t>({}, {m}), tensor_of<float>({1}, {1})});
        ASSERT_EQ(r[0].as<float>()[0], static_cast<float>(m + 1));
        ASSERT_EQ(r[1].dims()[0], m);
      }
    });
  for (auto& t : threads) t.join();
}

TEST(Exec, PackedBuffersDoNotOverlap) {
  Segment s;
  plan::Plan p;
  for (uint32_t i = 0; i < 40; ++i) {
    plan::Slot slot{};
    slot.root = i;
    slot.born = i;
    slot.dies = i + 1 + i % 7;
    p.slots.push_back(slot);
    SlotShape shape;
    shape.slot = i;
    shape.bytes = 64 * (1 + (i * 37) % 11);
    s.shapes.push_back(shape);
  }
  pack(s, p);
  size_t peak = 0, live_peak = 0;
  for (uint32_t i = 0; i < 40; ++i) {
    size_t live = 0;
    for (uint32_t j = 0; j < 40; ++j) {
      const auto &a = s.shapes[i], &b = s.shapes[j];
      if (p.slots[j].born <= i && p.slots[j].dies >= i) live += b.bytes;
      if (i == j || p.slots[i].dies < p.slots[j].born || p.slots[j].dies < p.slots[i].born) continue;
      EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset) << i << " and " << j;
    }
    live_peak = std::max(live_peak, live);
    peak = std::max(peak, s.shapes[i].offset + s.shapes[i].bytes);
  }
  EXPECT_EQ(peak, s.slab_bytes[0]);
  EXPECT_LE(peak, live_peak * 5 / 4);
}

}  // namespace
}  // namespace tenon::exec::exec_test
