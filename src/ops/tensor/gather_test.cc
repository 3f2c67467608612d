// Gather, GatherElements, GatherND, ScatterElements, ScatterND: picked and written elements, index checks, reductions.
#include <gtest/gtest.h>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::gather {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;
using Words = std::vector<uint64_t>;

TEST(Gather, AllTypesAndAxes) {
  for_each_type(kIr4Set, [&](DType t) {
    SCOPED_TRACE(dtype_name(t));
    const Value x = counting_tensor(t, {3, 4});
    const Value rows = run1("Gather", 13, {x, tensor<int64_t>({1, 2}, {2, -3})});
    EXPECT_EQ(dims_of(rows), (Shape{1, 2, 4}));
    EXPECT_EQ(raw_words(rows), truncated(t, {8, 9, 10, 11, 0, 1, 2, 3}));
    const Value columns = run1(
        "Gather", 1, {t == DType::kBFloat16 ? counting_tensor(DType::kFloat, {3, 4}) : x, tensor<int32_t>({}, {1})},
        {{"axis", int64_t{1}}});
    EXPECT_EQ(dims_of(columns), (Shape{3}));
    EXPECT_EQ(raw_words(columns), truncated(t, {1, 5, 9}));
  });
}

TEST(Gather, ShapeArithmetic) {
  EXPECT_EQ(items<int64_t>(run1("Gather", 13, {vec<int64_t>({7, 8, 9}), vec<int64_t>({2, -3})})), (Shape{9, 7}));
}

TEST(Gather, BadIndices) {
  const Value x = counting_tensor(DType::kFloat, {3, 4});
  for (int64_t i : {3, -4, 1 << 30}) {
    const std::string e = error_of([&] { run1("Gather", 13, {x, vec<int64_t>({0, i})}); });
    EXPECT_NE(e.find("out of range [-3, 2]"), std::string::npos) << e;
  }
  EXPECT_NE(error_of([&] { run1("Gather", 13, {counting_tensor(DType::kFloat, {0, 4}), vec<int64_t>({0})}); }), "");
  EXPECT_NE(error_of([&] { run1("Gather", 13, {x, vec<int64_t>({0})}, {{"axis", int64_t{2}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Gather", 13, {scalar<float>(1), vec<int64_t>({0})}); }), "");
}

TEST(Gather, Elements) {
  const Value x = counting_tensor(DType::kInt16, {2, 3});
  EXPECT_EQ(raw_words(run1("GatherElements", 13, {x, tensor<int64_t>({1, 3}, {1, 0, -1})})), (Words{3, 1, 5}));
  EXPECT_EQ(raw_words(run1("GatherElements", 11, {x, tensor<int32_t>({2, 2}, {2, 0, -3, 1})}, {{"axis", int64_t{1}}})),
            (Words{2, 0, 3, 4}));
  const Value cube = counting_tensor(DType::kString, {2, 2, 2});
  EXPECT_EQ(
      raw_words(run1("GatherElements", 13, {cube, tensor<int64_t>({2, 1, 2}, {1, 0, 0, 1})}, {{"axis", int64_t{1}}})),
      (Words{2, 1, 4, 7}));
  EXPECT_NE(error_of([&] { run1("GatherElements", 13, {x, tensor<int64_t>({1, 1}, {2})}); }), "");
  EXPECT_NE(error_of([&] { run1("GatherElements", 13, {x, tensor<int64_t>({1, 4}, {0, 0, 0, 0})}); }), "");
  EXPECT_NE(error_of([&] { run1("GatherElements", 13, {x, vec<int64_t>({0})}); }), "");
}

TEST(Gather, ND) {
  const Value x = counting_tensor(DType::kFloat, {2, 2, 3});
  const Value rows = run1("GatherND", 13, {x, tensor<int64_t>({2, 2}, {0, 1, -1, 0})});
  EXPECT_EQ(dims_of(rows), (Shape{2, 3}));
  EXPECT_EQ(raw_words(rows), (Words{3, 4, 5, 6, 7, 8}));
  const Value batched = run1("GatherND", 12, {x, tensor<int64_t>({2, 1}, {1, 0})}, {{"batch_dims", int64_t{1}}});
  EXPECT_EQ(dims_of(batched), (Shape{2, 3}));
  EXPECT_EQ(raw_words(batched), (Words{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(raw_words(run1("GatherND", 11, {x, tensor<int64_t>({1, 3}, {1, 1, 2})})), (Words{11}));
  EXPECT_EQ(dims_of(run1("GatherND", 13, {x, Value::tensor(DType::kInt64, Shape{0, 1})})), (Shape{0, 2, 3}));
  EXPECT_NE(error_of([&] {
              run1("GatherND", 13, {x, tensor<int64_t>({1, 2}, {0, 2})});
            }).find("[-2, 1]"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("GatherND", 13, {x, tensor<int64_t>({1, 4}, {0, 0, 0, 0})}); }), "");
}

TEST(Gather, ScatterElements) {
  for_each_type(kIr4Set, [&](DType t) {
    SCOPED_TRACE(dtype_name(t));
    const Value y =
        run1("ScatterElements", 13,
             {counting_tensor(t, {2, 3}), tensor<int64_t>({2, 2}, {2, 0, -3, 1}), counting_tensor(t, {2, 2}, 10)},
             {{"axis", int64_t{1}}});
    EXPECT_EQ(raw_words(y), truncated(t, {11, 1, 10, 12, 13, 5}));
  });
  const Value x = counting_tensor(DType::kInt32, {2, 3}), one = tensor<int32_t>({1, 1}, {50});
  EXPECT_EQ(raw_words(run1("Scatter", 9, {x, tensor<int64_t>({1, 1}, {1}), one})), (Words{0, 1, 2, 50, 4, 5}));
  EXPECT_EQ(raw_words(run1("Scatter", 11, {x, tensor<int64_t>({1, 1}, {1}), one})), (Words{0, 1, 2, 50, 4, 5}));
  EXPECT_NE(error_of([&] { run1("ScatterElements", 13, {x, tensor<int64_t>({1, 1}, {2}), one}); }), "");
  EXPECT_NE(error_of([&] { run1("ScatterElements", 13, {x, tensor<int64_t>({1, 2}, {0, 1}), one}); }), "");
}

struct Reduced {
  const char* name;
  double expected[3];  ///< of 2, 2, 2 after 3 and 5 at index 0, then 1 at index 1
};
const Reduced kReduced[] = {
    {"add", {10, 3, 2}}, {"mul", {30, 2, 2}}, {"min", {2, 1, 2}}, {"max", {5, 2, 2}}, {"none", {5, 1, 2}}};

TEST(Gather, ScatterReductions) {
  for_each_type(kNumericSet, [&](DType t) {
    for (const Reduced& r : kReduced) {
      SCOPED_TRACE(std::string(dtype_name(t)) + " " + r.name);
      const graph::Attrs attrs = {{"reduction", std::string(r.name)}};
      const Value x = numbers(t, {3}, {2, 2, 2}), u = numbers(t, {3}, {3, 5, 1});
      const std::vector<double> expected(r.expected, r.expected + 3);
      EXPECT_EQ(as_doubles(run1("ScatterElements", 18, {x, vec<int64_t>({0, 0, 1}), u}, attrs)), expected);
      EXPECT_EQ(as_doubles(run1("ScatterND", 18, {x, tensor<int64_t>({3, 1}, {0, 0, 1}), u}, attrs)), expected);
    }
  });
  const Value s = counting_tensor(DType::kString, {1});
  EXPECT_NE(error_of([&] {
              run1("ScatterND", 18, {s, tensor<int64_t>({1, 1}, {0}), s}, {{"reduction", std::string("add")}});
            }),
            "");
  const Value x = vec<float>({1});
  EXPECT_NE(error_of([&] {
              run1("ScatterND", 18, {x, tensor<int64_t>({1, 1}, {0}), x}, {{"reduction", std::string("sum")}});
            }),
            "");
}

TEST(Gather, ScatterND) {
  const Value x = counting_tensor(DType::kString, {3, 2});
  const Value y =
      run1("ScatterND", 11, {x, tensor<int64_t>({2, 1}, {-1, 0}), counting_tensor(DType::kString, {2, 2}, 20)});
  EXPECT_EQ(raw_words(y), (Words{22, 23, 2, 3, 20, 21}));
  EXPECT_NE(error_of([&] {
              run1("ScatterND", 13, {vec<float>({1, 2}), tensor<int64_t>({1, 1}, {2}), vec<float>({3})});
            }).find("[-2, 1]"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              run1("ScatterND", 13, {vec<float>({1, 2}), tensor<int64_t>({1, 1}, {0}), vec<float>({3, 4})});
            }),
            "");
}

}  // namespace
}  // namespace tenon::ops::gather
