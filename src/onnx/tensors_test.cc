// Tensors: every element type from raw_data and from its typed field; exact sizes; sparse tensors.
#include "onnx/tensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/dtype.h"
#include "support/load_model.h"
#include "support/onnx_builder.h"

namespace tenon::onnx::tensors_test {
namespace {

using namespace tenon::test;
using Bytes = std::vector<uint8_t>;

/// A model that returns the tensor "w".
std::string holding(const Proto& tensor) {
  return model(graph_proto({.nodes = {}, .inputs = {}, .outputs = {Proto().b(1, "w")}, .initializers = {tensor}}));
}
std::string holding_sparse(const Proto& sparse) {
  return model(graph_proto({.nodes = {}, .inputs = {}, .outputs = {Proto().b(1, "w")}, .sparse = {sparse}}));
}
Value loaded(const std::string& bytes) {
  const auto g = load(bytes);
  return g->value(g->region().results.at(0)).data;
}
Bytes contents(const Value& v) {
  const auto* p = static_cast<const uint8_t*>(v.data());
  return Bytes(p, p + v.bytes());
}
std::string text(const Bytes& b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

/// Three elements as raw_data, the same as values of the typed field, and as they lie in memory.
struct Case {
  DType type;
  Bytes raw;
  uint32_t field;
  std::vector<int64_t> values;
  Bytes memory;
};
const std::vector<Case>& cases() {
  static const Bytes two = {1, 0, 0xff, 0xff, 0, 0x80};
  static const Bytes one = {1, 0xff, 0x80};
  static const Bytes four = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80};
  static const Bytes eight = {1,    0,    0,    0,    0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
                              0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0,    0,    0,    0x80};
  static const std::vector<Case> all = {
      {DType::kUint8, one, 5, {1, 255, 128}, one},
      {DType::kInt8, one, 5, {1, -1, -128}, one},
      {DType::kUint16, two, 5, {1, 65535, 32768}, two},
      {DType::kInt16, two, 5, {1, -1, -32768}, two},
      {DType::kInt32, four, 5, {1, -1, INT32_MIN}, four},
      {DType::kUint32, four, 11, {1, 4294967295, 2147483648}, four},
      {DType::kInt64, eight, 7, {1, -1, INT64_MIN}, eight},
      {DType::kUint64, eight, 11, {1, -1, INT64_MIN}, eight},
      {DType::kBool, {1, 0, 1}, 5, {1, 0, 1}, {1, 0, 1}},
      {DType::kFloat16, two, 5, {1, 65535, 32768}, two},
      {DType::kBFloat16, two, 5, {1, 65535, 32768}, two},
      {DType::kFloat8E4M3FN, one, 5, {1, 255, 128}, one},
      {DType::kFloat8E4M3FNUZ, one, 5, {1, 255, 128}, one},
      {DType::kFloat8E5M2, one, 5, {1, 255, 128}, one},
      {DType::kFloat8E5M2FNUZ, one, 5, {1, 255, 128}, one},
      {DType::kFloat8E8M0, one, 5, {1, 255, 128}, one},
      {DType::kUint4, {0xf1, 8}, 5, {0xf1, 8}, {0xf1, 8}},
      {DType::kInt4, {0xf1, 8}, 5, {0xf1, 8}, {0xf1, 8}},
      {DType::kFloat4E2M1, {0xf1, 8}, 5, {0xf1, 8}, {0xf1, 8}},
      {DType::kUint2, {0x2d}, 5, {0x2d}, {0x2d}},
      {DType::kInt2, {0x2d}, 5, {0x2d}, {0x2d}},
      {DType::kFloat6E2M3, {0xc1, 0xff, 0x03}, 5, {1, 0x3f, 0x3f}, {1, 0x3f, 0x3f}},
      {DType::kFloat6E3M2, {0x81, 0x30, 0x02}, 5, {1, 2, 0x23}, {1, 2, 0x23}},
  };
  return all;
}

TEST(Tensors, RawDataOfEveryType) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(dtype_name(c.type));
    const auto type = static_cast<int64_t>(c.type);
    const Value v = loaded(holding(tensor_raw("w", type, {3}, text(c.raw))));
    EXPECT_EQ(v.dtype(), c.type);
    EXPECT_EQ(contents(v), c.memory);
    for (const size_t size : {c.raw.size() - 1, c.raw.size() + 1}) {
      Bytes other = c.raw;
      other.resize(size);
      const LoadError e = load_error(holding(tensor_raw("w", type, {3}, text(other))));
      EXPECT_EQ(e.code, 10);
      EXPECT_NE(e.text.find("tensor \"w\": raw_data has"), std::string::npos) << e.text;
    }
  }
}

TEST(Tensors, TypedFieldOfEveryType) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(dtype_name(c.type));
    Proto packed, single = tensor_head("w", static_cast<int64_t>(c.type), {3});
    for (int64_t x : c.values) packed.varint(static_cast<uint64_t>(x));
    for (int64_t x : c.values) single.i(c.field, x);
    const Proto head = tensor_head("w", static_cast<int64_t>(c.type), {3});
    EXPECT_EQ(contents(loaded(holding(Proto(head).b(c.field, packed.s)))), c.memory);
    EXPECT_EQ(contents(loaded(holding(single))), c.memory);
    EXPECT_EQ(load_error(holding(Proto(single).i(c.field, 1))).code, 10);
    EXPECT_EQ(load_error(holding(head)).code, 10) << "no values";
    const uint32_t wrong = c.field == 5 ? 7 : 5;
    EXPECT_NE(load_error(holding(Proto(head).b(wrong, packed.s))).text.find("needs"), std::string::npos);
  }
}

TEST(Tensors, SixBitFloatsArePackedIntoWholeBytes) {
  for (const DType type : {DType::kFloat6E2M3, DType::kFloat6E3M2})
    for (int64_t n = 1; n <= 13; ++n) {
      SCOPED_TRACE(n);
      Bytes want, raw((static_cast<size_t>(n) * 6 + 7) / 8);
      for (size_t bit = 0; bit < static_cast<size_t>(n) * 6; ++bit) {
        if (bit % 6 == 0) want.push_back(static_cast<uint8_t>((bit / 6 * 29 + 37) % 64));
        raw[bit / 8] |= static_cast<uint8_t>((want.back() >> bit % 6 & 1) << bit % 8);
      }
      const auto code = static_cast<int64_t>(type);
      EXPECT_EQ(contents(loaded(holding(tensor_raw("w", code, {n}, text(raw))))), want);
      for (const size_t size : {raw.size() - 1, raw.size() + 1}) {
        raw.resize(size);
        EXPECT_EQ(load_error(holding(tensor_raw("w", code, {n}, text(raw)))).code, 10) << size;
      }
    }
}

TEST(Tensors, FloatsDoublesComplexStrings) {
  const Value f = loaded(holding(tensor_head("w", 1, {2}).f(4, 1.5f).f(4, -2.f)));
  EXPECT_EQ(f.as<float>()[1], -2.f);
  const Value d = loaded(holding(tensor_head("w", 11, {2}).d(10, 1.5).d(10, -2.)));
  EXPECT_EQ(d.as<double>()[0], 1.5);
  const Value c64 = loaded(holding(tensor_head("w", 14, {1}).f(4, 1.f).f(4, 2.f)));
  EXPECT_EQ(c64.as<std::complex<float>>()[0], std::complex<float>(1, 2));
  const Value c128 = loaded(holding(tensor_head("w", 15, {1}).d(10, 1.).d(10, 2.)));
  EXPECT_EQ(c128.as<std::complex<double>>()[0], std::complex<double>(1, 2));
  EXPECT_EQ(load_error(holding(tensor_head("w", 14, {1}).f(4, 1.f))).code, 10);
  const Value s = loaded(holding(tensor_head("w", 8, {2}).b(6, "a").b(6, "\xff")));
  EXPECT_EQ(s.string_data()[1], "\xff");
  EXPECT_EQ(load_error(holding(tensor_head("w", 8, {2}).b(6, "a"))).code, 10);
  EXPECT_EQ(load_error(holding(tensor_raw("w", 8, {2}, "ab"))).code, 10);
}

TEST(Tensors, BoolsAreZeroOrOne) {
  EXPECT_EQ(contents(loaded(holding(tensor_raw("w", 9, {3}, std::string("\x02\x00\xff", 3))))), (Bytes{1, 0, 1}));
  EXPECT_EQ(contents(loaded(holding(tensor_head("w", 9, {2}).i(5, 7).i(5, 0)))), (Bytes{1, 0}));
}

TEST(Tensors, EmptyAndScalar) {
  EXPECT_EQ(loaded(holding(tensor_head("w", 1, {0, 3}))).count(), 0);
  EXPECT_EQ(loaded(holding(tensor_raw("w", 1, {0, 3}, ""))).count(), 0);
  EXPECT_EQ(load_error(holding(tensor_raw("w", 1, {0, 3}, "abcd"))).code, 10);
  const Value v = loaded(holding(tensor_floats("w", {}, {4.f})));
  EXPECT_EQ(v.dims().size(), 0u);
  EXPECT_EQ(v.as<float>()[0], 4.f);
}

TEST(Tensors, HostileHeads) {
  const struct {
    const char* what;
    Proto tensor;
    const char* expected;
  } kCases[] = {
      {"no type", tensor_raw("w", 0, {1}, "abcd"), "element type 0"},
      {"unknown type", tensor_raw("w", 99, {1}, "abcd"), "element type 99"},
      {"negative type", tensor_raw("w", -1, {1}, "abcd"), "element type -1"},
      {"negative dim", tensor_raw("w", 1, {-1}, ""), "negative dimension"},
      {"product overflow", tensor_raw("w", 1, {int64_t{1} << 62, 4}, ""), "overflow"},
      {"overflow hidden by zero", tensor_raw("w", 1, {int64_t{1} << 62, int64_t{1} << 62, 1}, ""), "overflow"},
      {"two fields", tensor_raw("w", 1, {1}, "abcd").f(4, 1.f), "expected one of them"},
      {"two typed fields", tensor_head("w", 1, {1}).f(4, 1.f).i(7, 1), "expected one of them"},
      {"segment", tensor_raw("w", 1, {1}, "abcd").m(3, Proto().i(1, 0)), "segments"},
      {"bad location", tensor_raw("w", 1, {1}, "abcd").i(14, 5), "data_location"},
      {"too large for int8", tensor_head("w", 3, {1}).i(5, 256), "does not fit"},
      {"too small for int8", tensor_head("w", 3, {1}).i(5, -129), "does not fit"},
      {"too large for float16", tensor_head("w", 10, {1}).i(5, 65536), "does not fit"},
      {"too large for float6", tensor_head("w", 27, {1}).i(5, 64), "does not fit"},
      {"no name", tensor_raw("", 1, {1}, "abcd"), "has no name"},
      {"keys without EXTERNAL", tensor_raw("w", 1, {1}, "abcd").m(13, Proto().b(1, "location").b(2, "f")), "EXTERNAL"},
      {"cut varint in int64_data", tensor_head("w", 7, {1}).b(7, "\x80"), "cut off"},
      {"odd float_data", tensor_head("w", 1, {1}).b(4, "abc"), "cut off"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const LoadError e = load_error(holding(c.tensor));
    EXPECT_TRUE(e.code == 10 || e.code == 7 || e.code == 9) << e.code << e.text;
    EXPECT_NE(e.text.find(c.expected), std::string::npos) << e.text;
  }
}

TEST(Tensors, LimitsAreNamed) {
  const std::string bytes = holding(tensor_floats("w", {2}, {1, 2}));
  EXPECT_EQ(load_error(bytes, {.initializer_bytes = 8}).code, 0);
  EXPECT_EQ(load_error(bytes, {.initializer_bytes = 7}).limit, "initializer_bytes");
  EXPECT_EQ(load_error(bytes, {.tensor_elements = 2}).code, 0);
  const LoadError e = load_error(bytes, {.tensor_elements = 1});
  EXPECT_EQ(e.limit, "tensor_elements");
  EXPECT_EQ(e.reason, ErrorReason::kLimit);
}

Proto sparse(const Proto& values, const Proto& indices, const std::vector<int64_t>& dims) {
  Proto p = Proto().m(1, values).m(2, indices);
  for (int64_t d : dims) p.i(3, d);
  return p;
}

TEST(Tensors, SparseInitializersBecomeDense) {
  const Proto values = tensor_floats("w", {2}, {5, 7});
  for (const Proto& indices : {tensor_int64s("", {2}, {1, 5}), tensor_int64s("", {2, 2}, {0, 1, 1, 2})}) {
    const Value v = loaded(holding_sparse(sparse(values, indices, {2, 3})));
    const auto f = v.as<float>();
    EXPECT_EQ(std::vector<float>(f.begin(), f.end()), (std::vector<float>{0, 5, 0, 0, 0, 7}));
  }
  EXPECT_EQ(loaded(holding_sparse(sparse(tensor_floats("w", {0}, {}), tensor_int64s("", {0}, {}), {4}))).count(), 4);
}

TEST(Tensors, HostileSparse) {
  const Proto values = tensor_floats("w", {2}, {5, 7});
  const struct {
    const char* what;
    Proto sparse;
    const char* expected;
  } kCases[] = {
      {"descending", sparse(values, tensor_int64s("", {2}, {5, 1}), {2, 3}), "ascending"},
      {"repeated", sparse(values, tensor_int64s("", {2}, {5, 5}), {2, 3}), "ascending"},
      {"past the end", sparse(values, tensor_int64s("", {2}, {0, 6}), {2, 3}), "out of range"},
      {"negative", sparse(values, tensor_int64s("", {2}, {-1, 0}), {2, 3}), "out of range"},
      {"column past the end", sparse(values, tensor_int64s("", {2, 2}, {0, 3, 1, 0}), {2, 3}), "out of range"},
      {"count", sparse(values, tensor_int64s("", {1}, {0}), {2, 3}), "indices have shape [1]"},
      {"rank", sparse(values, tensor_int64s("", {2, 3}, {0, 0, 0, 1, 1, 1}), {2, 3}), "indices have shape [2,3]"},
      {"index type", sparse(values, tensor_floats("", {2}, {0, 1}), {2, 3}), "expected int64"},
      {"no dims", sparse(values, tensor_int64s("", {2}, {0, 1}), {}), "dims are missing"},
      {"no indices", Proto().m(1, values), "indices are missing"},
      {"values twice", Proto().m(1, values).m(1, values), "twice"},
      {"rank of values", sparse(tensor_floats("w", {2, 1}, {5, 7}), tensor_int64s("", {2}, {0, 1}), {2, 3}),
       "one dimension"},
      {"overflow", sparse(values, tensor_int64s("", {2}, {0, 1}), {int64_t{1} << 62, 4}), "overflow"},
      {"huge", sparse(values, tensor_int64s("", {2}, {0, 1}), {1 << 20, 1 << 20}), "sparse_expansion"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const LoadError e = load_error(holding_sparse(c.sparse));
    EXPECT_NE(e.code, 0);
    EXPECT_NE(e.text.find(c.expected), std::string::npos) << e.text;
  }
  const std::string dense = holding_sparse(sparse(values, tensor_int64s("", {2}, {0, 1}), {2, 3}));
  EXPECT_EQ(load_error(dense, {.sparse_expansion = 24}).code, 0);
  EXPECT_EQ(load_error(dense, {.sparse_expansion = 23}).limit, "sparse_expansion");
}

}  // namespace
}  // namespace tenon::onnx::tensors_test
