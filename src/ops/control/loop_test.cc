// Inference through regions and shape arithmetic: what If, Loop, Scan and reshape chains say about symbolic dims.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/infer_types.h"
#include "ops/op.h"
#include "support/op_runner.h"

namespace tenon::ops::loop {
namespace {

using graph::Graph;

/// Type of a value after inference of the graph.
std::string type_of(const char* text, std::string_view value) {
  const auto g = graph::parse(text, builtin_ops());
  infer_types(*g);
  return to_string(g->type(g->find_value(value)), &g->symbols());
}
std::string infer_error(const char* text) {
  return test::error_of([&] { infer_types(*graph::parse(text, builtin_ops())); });
}

TEST(ControlFlow, IfMergesBranches) {
  EXPECT_EQ(type_of(R"(graph (c: bool[], x: float[n,2]) opset 17 {
    r = If(c) [x] { then_branch (t) { u = Relu(t) return u } else_branch (e) { v = Neg(e) return v } }
    return r })",
                    "r"),
            "tensor(float)[n,2]");
  const std::string mixed = type_of(R"(graph (c: bool[], x: float[n,2], y: float[3,2]) opset 17 {
    r = If(c) [x, y] { then_branch (t, s) { u = Relu(t) return u } else_branch (e, f) { v = Neg(f) return v } }
    return r })",
                                    "r");
  EXPECT_NE(mixed, "tensor(float)[n,2]");
  EXPECT_NE(mixed, "tensor(float)[3,2]");
  EXPECT_EQ(mixed.substr(mixed.size() - 3), ",2]");
  EXPECT_EQ(type_of(R"(graph (c: bool[], x: float[n,2], y: float[3]) opset 17 {
    r = If(c) [x, y] { then_branch (t, s) { u = Relu(t) return u } else_branch (e, f) { v = Neg(f) return v } }
    return r })",
                    "r"),
            "tensor(float)");
  EXPECT_NE(infer_error(R"(graph (c: bool[], x: float[n], y: int64[3]) opset 17 {
    r = If(c) [x, y] { then_branch (t, s) { u = Relu(t) return u } else_branch (e, f) { v = Neg(f) return v } }
    return r })")
                .find("do not agree"),
            std::string::npos);
  EXPECT_NE(infer_error(R"(graph (c: bool[2], x: float[n]) opset 17 {
    r = If(c) [x] { then_branch (t) { return t } else_branch (e) { return e } }
    return r })"),
            "");
}

TEST(ControlFlow, LoopCarriesTypes) {
  const char* same = R"(graph (m: int64[], x: float[n,4]) opset 17 {
    last, all = Loop(m, _, x) { body (i: int64[], c: bool[], v) { s = Neg(v) go = Identity(c) return go, s, s } }
    return last, all })";
  EXPECT_EQ(type_of(same, "last"), "tensor(float)[n,4]");
  const std::string all = type_of(same, "all");
  EXPECT_EQ(all.substr(all.size() - 5), ",n,4]");
  // A state that grows: its dim is no longer n, inside or outside.
  const char* grows = R"(graph (m: int64[], x: float[n,4]) opset 17 {
    last = Loop(m, _, x) [x] { body (i: int64[], c: bool[], v, x1) { s = Concat<axis=0>(v, x1) go = Identity(c) return go, s } }
    return last })";
  const std::string last = type_of(grows, "last");
  EXPECT_EQ(last.find("[n,"), std::string::npos) << last;
  EXPECT_EQ(last.substr(last.size() - 3), ",4]");
  EXPECT_EQ(type_of(grows, "v").find("[n,"), std::string::npos);
  EXPECT_EQ(type_of(R"(graph (m: int64[], x: float[4]) opset 17 {
    axis: int64[1] = {0}
    last = Loop(m, _, x) [axis] { body (i: int64[], c: bool[], v, a) { s = Unsqueeze(v, a) go = Identity(c) return go, s } }
    return last })",
                    "last"),
            "tensor(float)");
  EXPECT_NE(infer_error(R"(graph (m: int64[], x: float[4]) opset 17 {
    last = Loop(m, _, x) { body (i: int64[], c: bool[], v) { s = Cast<to=7>(v) go = Identity(c) return go, s } }
    return last })"),
            "");
}

TEST(ControlFlow, ScanKeepsTheLength) {
  const char* scan = R"(graph (s: float[k], x: float[n,t,k]) opset 17 {
    last, ys = Scan<num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[-1]>(s, x) {
      body (h: float[k], e: float[n,k]) { y = Add(h, e) g = Neg(h) return g, y } }
    return last, ys })";
  EXPECT_EQ(type_of(scan, "last"), "tensor(float)[k]");
  EXPECT_EQ(type_of(scan, "ys"), "tensor(float)[n,k,t]");
  EXPECT_EQ(type_of(R"(graph (s: float[b,k], x: float[b,t,k]) opset 8 {
    last, ys = Scan<num_scan_inputs=1>(_, s, x) { body (h: float[k], e: float[k]) { y = Add(h, e) return y, y } }
    return last, ys })",
                    "ys"),
            "tensor(float)[b,t,k]");
  EXPECT_NE(infer_error(R"(graph (x: float[3,2], y: float[4,2]) opset 17 {
    z = Scan<num_scan_inputs=2>(x, y) { body (a: float[2], b: float[2]) { s = Add(a, b) return s } }
    return z })")
                .find("lengths"),
            std::string::npos);
}

TEST(ControlFlow, ReshapeChainsKeepSymbols) {
  // As torch's exporters write `x.view(x.shape[0], x.shape[1], 8, -1).transpose(1, 2)` and back.
  const char* heads = R"(graph (x: float[batch,seq,256]) opset 17 {
    shape = Shape(x)
    zero: int64[] = {0}
    one: int64[] = {1}
    b = Gather<axis=0>(shape, zero)
    s = Gather<axis=0>(shape, one)
    axis: int64[1] = {0}
    bu = Unsqueeze(b, axis)
    su = Unsqueeze(s, axis)
    eight: int64[1] = {8}
    rest: int64[1] = {-1}
    split_shape = Concat<axis=0>(bu, su, eight, rest)
    split = Reshape(x, split_shape)
    heads = Transpose<perm=[0, 2, 1, 3]>(split)
    back = Transpose<perm=[0, 2, 1, 3]>(heads)
    join_shape = Concat<axis=0>(bu, su, rest)
    joined = Reshape(back, join_shape)
    flat_shape: int64[2] = {-1, 256}
    flat = Reshape(joined, flat_shape)
    return flat })";
  EXPECT_EQ(type_of(heads, "heads"), "tensor(float)[batch,8,seq,32]");
  EXPECT_EQ(type_of(heads, "joined"), "tensor(float)[batch,seq,256]");
  const std::string flat = type_of(heads, "flat");
  EXPECT_TRUE(flat == "tensor(float)[batch*seq,256]" || flat == "tensor(float)[seq*batch,256]") << flat;

  const char* masks = R"(graph (x: float[batch,seq]) opset 17 {
    shape = Shape(x)
    n = Shape<start=1, end=2>(x)
    zero: int64[] = {0}
    step: int64[] = {1}
    axis: int64[1] = {0}
    n0 = Squeeze(n, axis)
    positions = Range(zero, n0, step)
    ones = ConstantOfShape<value=int64[1] {1}>(shape)
    grown = Expand(positions, shape)
    start: int64[1] = {1}
    end: int64[1] = {9223372036854775807}
    tail = Slice(x, start, end, start)
    parts: int64[2] = {1, 1}
    first, second = Split<axis=0>(shape, parts)
    size = Size(x)
    again = Reshape(x, n)
    return positions, ones, grown, tail, first, size })";
  EXPECT_EQ(type_of(masks, "positions"), "tensor(int64)[seq]");
  EXPECT_EQ(type_of(masks, "ones"), "tensor(int64)[batch,seq]");
  EXPECT_EQ(type_of(masks, "grown"), "tensor(int64)[batch,seq]");
  EXPECT_EQ(type_of(masks, "tail").substr(0, 20), "tensor(float)[batch,");
  EXPECT_EQ(type_of(masks, "again"), "tensor(float)[seq]");
}

}  // namespace
}  // namespace tenon::ops::loop
