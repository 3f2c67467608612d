// Slice, Split, Concat, Shape, Size, Range, Constant, ConstantOfShape, OneHot, TopK, NonZero.
#include <gtest/gtest.h>

#include <limits>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::slice {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;
using Words = std::vector<uint64_t>;
constexpr int64_t kMax = std::numeric_limits<int64_t>::max(), kMin = std::numeric_limits<int64_t>::min();

TEST(Slice, OneAxis) {
  struct {
    int64_t start, end, step;
    Words out;
  } cases[] = {{0, 5, 1, {0, 1, 2, 3, 4}},
               {1, -1, 2, {1, 3}},
               {-3, kMax, 1, {2, 3, 4}},
               {4, 1, -1, {4, 3, 2}},
               {-1, kMin, -1, {4, 3, 2, 1, 0}},
               {kMax, kMin, -2, {4, 2, 0}},
               {3, 2, 1, {}},
               {1, 3, -1, {}},
               {-1, -100, -3, {4, 1}},
               {-100, 2, 1, {0, 1}},
               {-100, kMin, -1, {0}},
               {0, kMax, kMax, {0}},
               {4, kMin, kMin, {4}},
               {10, 20, 1, {}},
               {-1, kMin + 1, -1, {4, 3, 2, 1, 0}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(to_string(Shape{c.start, c.end, c.step}));
    for (DType t : {DType::kFloat, DType::kString, DType::kInt64}) {
      const Value y = run1("Slice", 13,
                           {counting_tensor(t, {5}), vec<int64_t>({c.start}), vec<int64_t>({c.end}), vec<int64_t>({0}),
                            vec<int64_t>({c.step})});
      EXPECT_EQ(raw_words(y), c.out);
    }
  }
}

TEST(Slice, AllTypes) {
  for_each_type(kIr4Set, [&](DType t) {
    const Value y = run1("Slice", 13,
                         {counting_tensor(t, {3, 4}), vec<int32_t>({1, -1}), vec<int32_t>({3, -5}),
                          vec<int32_t>({0, 1}), vec<int32_t>({1, -2})});
    EXPECT_EQ(dims_of(y), (Shape{2, 2}));
    EXPECT_EQ(raw_words(y), truncated(t, {7, 5, 11, 9}));
  });
}

TEST(Slice, Opset1AndErrors) {
  const Value x = counting_tensor(DType::kFloat, {3, 4});
  const Value y = run1("Slice", 1, {x}, {{"starts", Shape{1}}, {"ends", Shape{1000}}, {"axes", Shape{1}}});
  EXPECT_EQ(dims_of(y), (Shape{3, 3}));
  const auto one = vec<int64_t>({1});
  EXPECT_NE(error_of([&] { run1("Slice", 13, {x, one, one, vec<int64_t>({2})}); }), "");
  EXPECT_NE(error_of([&] { run1("Slice", 13, {x, one, one, vec<int64_t>({0}), vec<int64_t>({0})}); }), "");
  EXPECT_NE(error_of([&] { run1("Slice", 13, {x, one, vec<int64_t>({1, 2})}); }), "");
  const auto two = vec<int64_t>({1, 1});
  EXPECT_NE(error_of([&] {
              run1("Slice", 13, {x, two, two, vec<int64_t>({1, -1})});
            }).find("twice"),
            std::string::npos);
}

TEST(Slice, Split) {
  const Value x = counting_tensor(DType::kFloat, {2, 6});
  const graph::Attrs axis = {{"axis", int64_t{1}}};
  auto y = run_op("", "Split", 13, {x, vec<int64_t>({1, 0, 5})}, axis, 3);
  EXPECT_EQ(raw_words(y[0]), (Words{0, 6}));
  EXPECT_EQ(dims_of(y[1]), (Shape{2, 0}));
  EXPECT_EQ(raw_words(y[2]), (Words{1, 2, 3, 4, 5, 7, 8, 9, 10, 11}));
  y = run_op("", "Split", 2, {x}, {{"axis", int64_t{1}}, {"split", Shape{2, 4}}}, 2);
  EXPECT_EQ(dims_of(y[1]), (Shape{2, 4}));
  y = run_op("", "Split", 18, {x}, {{"axis", int64_t{1}}, {"num_outputs", int64_t{4}}}, 4);
  EXPECT_EQ(dims_of(y[0]), (Shape{2, 2}));
  EXPECT_EQ(dims_of(y[3]), (Shape{2, 0}));
  y = run_op("", "Split", 18, {counting_tensor(DType::kInt64, {5})}, {{"num_outputs", int64_t{4}}}, 4);
  EXPECT_EQ(raw_words(y[2]), (Words{4}));
  EXPECT_EQ(dims_of(y[3]), (Shape{0}));
  y = run_op("", "Split", 18, {vec<float>({1, 2, 3})}, {{"num_outputs", int64_t{5}}}, 5);
  EXPECT_EQ(dims_of(y[2]), (Shape{1}));
  EXPECT_EQ(dims_of(y[4]), (Shape{0}));
  y = run_op("", "Split", 13, {counting_tensor(DType::kInt64, {6})}, {}, 2);
  EXPECT_EQ(raw_words(y[1]), (Words{3, 4, 5}));
  y = run_op("", "Split", 1, {x, vec<float>({1, 1})}, {}, 2);
  EXPECT_EQ(raw_words(y[1]), (Words{6, 7, 8, 9, 10, 11}));
  RunSettings middle;
  middle.unwanted.push_back(1);
  y = run_op("", "Split", 13, {x, vec<int64_t>({1, 2, 3})}, axis, 3, middle);
  EXPECT_EQ(raw_words(y[2]), (Words{3, 4, 5, 9, 10, 11}));
  EXPECT_NE(error_of([&] { run_op("", "Split", 13, {x}, axis, 4); }), "");
  EXPECT_NE(error_of([&] { run_op("", "Split", 13, {x, vec<int64_t>({1, 2})}, axis, 2); }), "");
  EXPECT_NE(error_of([&] { run_op("", "Split", 13, {x, vec<int64_t>({-1, 7})}, axis, 2); }), "");
  EXPECT_NE(error_of([&] { run_op("", "Split", 18, {vec<float>({1, 2, 3})}, {{"num_outputs", int64_t{5}}}, 2); }), "");
}

TEST(Slice, Concat) {
  for_each_type(kIr4Set, [&](DType t) {
    const Value a = counting_tensor(t, {2, 1}), b = counting_tensor(t, {2, 2}, 10), none = counting_tensor(t, {2, 0});
    const Value y = run1("Concat", 13, {a, none, b}, {{"axis", int64_t{-1}}});
    EXPECT_EQ(dims_of(y), (Shape{2, 3}));
    EXPECT_EQ(raw_words(y), truncated(t, {0, 10, 11, 1, 12, 13}));
  });
  EXPECT_EQ(items<int64_t>(run1("Concat", 4, {vec<int64_t>({2}), vec<int64_t>({3, 4})}, {{"axis", int64_t{0}}})),
            (Shape{2, 3, 4}));
  const Value x = counting_tensor(DType::kFloat, {2, 3});
  EXPECT_EQ(dims_of(run1("Concat", 1, {x, x})), (Shape{2, 6}));
  EXPECT_NE(error_of([&] { run1("Concat", 13, {x, vec<float>({1})}, {{"axis", int64_t{0}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Concat", 13, {x, tensor<float>({1, 2}, {1, 2})}, {{"axis", int64_t{0}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Concat", 13, {x, vec<int64_t>({1})}, {{"axis", int64_t{0}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Concat", 13, {x}, {{"axis", int64_t{2}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Concat", 13, {x}); }), "");
}

TEST(Slice, ShapeAndSize) {
  const Value x = counting_tensor(DType::kInt2, {2, 3, 4});
  const auto shape = [&](graph::Attrs attrs) { return items<int64_t>(run1("Shape", 25, {x}, attrs)); };
  EXPECT_EQ(shape({}), (Shape{2, 3, 4}));
  EXPECT_EQ(shape({{"start", int64_t{1}}}), (Shape{3, 4}));
  EXPECT_EQ(shape({{"start", int64_t{-2}}, {"end", int64_t{-1}}}), (Shape{3}));
  EXPECT_EQ(shape({{"start", int64_t{2}}, {"end", int64_t{1}}}), (Shape{}));
  EXPECT_EQ(shape({{"start", int64_t{-9}}, {"end", int64_t{9}}}), (Shape{2, 3, 4}));
  EXPECT_EQ(items<int64_t>(run1("Size", 25, {x})), (Shape{24}));
  EXPECT_EQ(items<int64_t>(run1("Size", 1, {scalar<float>(1)})), (Shape{1}));
}

TEST(Slice, Range) {
  EXPECT_EQ(items<int64_t>(run1("Range", 11, {scalar<int64_t>(3), scalar<int64_t>(9), scalar<int64_t>(3)})),
            (Shape{3, 6}));
  EXPECT_EQ(items<int32_t>(run1("Range", 11, {scalar<int32_t>(10), scalar<int32_t>(4), scalar<int32_t>(-4)})),
            (std::vector<int32_t>{10, 6}));
  EXPECT_EQ(items<float>(run1("Range", 11, {scalar<float>(0), scalar<float>(1), scalar<float>(0.25F)})),
            (std::vector<float>{0, 0.25F, 0.5F, 0.75F}));
  EXPECT_EQ(run1("Range", 11, {scalar<int16_t>(5), scalar<int16_t>(1), scalar<int16_t>(1)}).count(), 0);
  EXPECT_EQ(as_doubles(run1("Range", 27,
                            {numbers(DType::kFloat16, {}, {2048}), numbers(DType::kFloat16, {}, {2054}),
                             numbers(DType::kFloat16, {}, {2})})),
            (std::vector<double>{2048, 2050, 2052}));
  EXPECT_NE(error_of([&] { run1("Range", 11, {scalar<int64_t>(0), scalar<int64_t>(1), scalar<int64_t>(0)}); }), "");
  const std::string e = error_of([&] {
    run1("Range", 11, {scalar<int64_t>(kMin / 2), scalar<int64_t>(kMax), scalar<int64_t>(1)});
  });
  EXPECT_NE(e.find("tensor_elements"), std::string::npos) << e;
  static constexpr std::initializer_list<size_t> kAll = {0, 1, 2};
  RunSettings hidden;
  hidden.unknown = kAll;  // the kernel must find the length itself
  EXPECT_EQ(items<int64_t>(run1("Range", 11, {scalar<int64_t>(0), scalar<int64_t>(3), scalar<int64_t>(1)}, {}, hidden)),
            (Shape{0, 1, 2}));
}

TEST(Slice, Constant) {
  const auto run = [](graph::Attrs a, int version = 13) { return run1("Constant", version, {}, a); };
  EXPECT_EQ(items<float>(run({{"value", vec<float>({1, 2})}}, 1)), (std::vector<float>{1, 2}));
  EXPECT_EQ(items<int64_t>(run({{"value_int", int64_t{7}}})), (Shape{7}));
  EXPECT_EQ(items<int64_t>(run({{"value_ints", Shape{7, 8}}})), (Shape{7, 8}));
  EXPECT_EQ(items<float>(run({{"value_float", 1.5F}})), (std::vector<float>{1.5F}));
  EXPECT_EQ(items<float>(run({{"value_floats", std::vector<float>{1.5F}}})), (std::vector<float>{1.5F}));
  EXPECT_EQ(items<std::string>(run({{"value_string", std::string("x")}})), (std::vector<std::string>{"x"}));
  EXPECT_EQ(items<std::string>(run({{"value_strings", std::vector<std::string>{"x", "y"}}})),
            (std::vector<std::string>{"x", "y"}));
  const Shape dims = {2, 3};
  const Value linear = Value::sparse(dims, vec<float>({5, 6}), vec<int64_t>({1, 5}));
  EXPECT_EQ(items<float>(run({{"sparse_value", linear}}, 11)), (std::vector<float>{0, 5, 0, 0, 0, 6}));
  const Value pairs = Value::sparse(dims, vec<float>({5, 6}), tensor<int64_t>({2, 2}, {0, 1, 1, 2}));
  EXPECT_EQ(items<float>(run({{"sparse_value", pairs}}, 11)), (std::vector<float>{0, 5, 0, 0, 0, 6}));
  EXPECT_NE(error_of([&] { run({{"sparse_value", Value::sparse(dims, vec<float>({5}), vec<int64_t>({6}))}}); }), "");
  EXPECT_NE(error_of([&] { run({}); }), "");
  EXPECT_NE(error_of([&] { run({{"value_int", int64_t{1}}, {"value_float", 1.0F}}); }), "");
}

TEST(Slice, ConstantOfShape) {
  const auto run = [](Shape shape, graph::Attrs a = {}) {
    return run1("ConstantOfShape", 25, {vec<int64_t>(shape)}, a);
  };
  EXPECT_EQ(items<float>(run({2})), (std::vector<float>{0, 0}));
  EXPECT_EQ(run({0, 4}).count(), 0);
  EXPECT_EQ(dims_of(run({})), (Shape{}));
  EXPECT_EQ(items<int64_t>(run({3}, {{"value", vec<int64_t>({-2})}})), (Shape{-2, -2, -2}));
  const Value four = run({3}, {{"value", raw_tensor(DType::kInt4, {1}, {9})}});
  EXPECT_EQ(raw_words(four), (Words{9, 9, 9}));
  EXPECT_NE(error_of([&] { run({-1}); }), "");
  EXPECT_NE(error_of([&] { run({3}, {{"value", vec<float>({1, 2})}}); }), "");
  for (const Shape& huge : {Shape{kMax, kMax}, Shape{1 << 21, 1 << 20}, Shape{kMax}})
    EXPECT_NE(error_of([&] { run(huge); }).find("tensor_elements"), std::string::npos) << to_string(huge);
  EXPECT_EQ(run({kMax, 0, kMax}).count(), 0);
}

TEST(Slice, OneHot) {
  const Value onoff = vec<float>({2, 5});
  EXPECT_EQ(items<float>(run1("OneHot", 11, {vec<int64_t>({0, -1, 3}), scalar<int64_t>(3), onoff})),
            (std::vector<float>{5, 2, 2, 2, 2, 5, 2, 2, 2}));
  const Value y = run1("OneHot", 9, {vec<float>({0, 2}), vec<float>({3}), onoff}, {{"axis", int64_t{0}}});
  EXPECT_EQ(dims_of(y), (Shape{3, 2}));
  EXPECT_EQ(items<float>(y), (std::vector<float>{5, 2, 2, 2, 2, 5}));
  EXPECT_EQ(raw_words(run1("OneHot", 28,
                           {tensor<int32_t>({1, 1}, {1}), scalar<uint8_t>(2), counting_tensor(DType::kString, {2})})),
            (Words{0, 1}));
  EXPECT_NE(error_of([&] { run1("OneHot", 11, {vec<int64_t>({0}), scalar<int64_t>(-1), onoff}); }), "");
  EXPECT_NE(error_of([&] { run1("OneHot", 11, {vec<int64_t>({0}), scalar<int64_t>(2), vec<float>({1})}); }), "");
  EXPECT_NE(error_of([&] {
              run1("OneHot", 11, {vec<int64_t>({0}), scalar<int64_t>(2), onoff}, {{"axis", int64_t{3}}});
            }),
            "");
}

TEST(Slice, TopK) {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  for_each_type(kNumericSet, [&](DType t) {
    SCOPED_TRACE(dtype_name(t));
    const Value x = numbers(t, {2, 4}, {3, 1, 4, 4, 9, 2, 6, 5});
    auto y = run_op("", "TopK", 24, {x, vec<int64_t>({2})}, {}, 2);
    EXPECT_EQ(as_doubles(y[0]), (std::vector<double>{4, 4, 9, 6}));
    EXPECT_EQ(items<int64_t>(y[1]), (Shape{2, 3, 0, 2}));
    y = run_op("", "TopK", 24, {x, vec<int64_t>({1})}, {{"largest", int64_t{0}}, {"axis", int64_t{0}}}, 2);
    EXPECT_EQ(as_doubles(y[0]), (std::vector<double>{3, 1, 4, 4}));
    EXPECT_EQ(items<int64_t>(y[1]), (Shape{0, 0, 0, 0}));
  });
  auto y = run_op("", "TopK", 1, {vec<float>({1, 3, 2})}, {{"k", int64_t{3}}}, 2);
  EXPECT_EQ(items<int64_t>(y[1]), (Shape{1, 2, 0}));
  y = run_op("", "TopK", 11, {numbers(DType::kFloat, {3}, {1, nan, 2}), vec<int64_t>({2})}, {}, 2);
  EXPECT_EQ(items<int64_t>(y[1]), (Shape{1, 2}));
  y = run_op("", "TopK", 11, {vec<float>({1, 2}), vec<int64_t>({0})}, {}, 2);
  EXPECT_EQ(y[0].count(), 0);
  EXPECT_NE(error_of([&] { run_op("", "TopK", 11, {vec<float>({1, 2}), vec<int64_t>({3})}, {}, 2); }), "");
  EXPECT_NE(error_of([&] { run_op("", "TopK", 11, {vec<float>({1, 2}), vec<int64_t>({-1})}, {}, 2); }), "");
}

TEST(Slice, NonZero) {
  for_each_type(kNumericSet | kBoolSet, [&](DType t) {
    const Value y = run1("NonZero", 13, {numbers(t, {2, 2}, {1, 0, 1, 1})});
    EXPECT_EQ(dims_of(y), (Shape{2, 3}));
    EXPECT_EQ(items<int64_t>(y), (Shape{0, 1, 1, 0, 0, 1}));
  });
  EXPECT_EQ(dims_of(run1("NonZero", 9, {scalar<float>(2)})), (Shape{1, 1}));
  EXPECT_EQ(dims_of(run1("NonZero", 9, {tensor<float>({0, 2}, {})})), (Shape{2, 0}));
  EXPECT_EQ(items<int64_t>(run1("NonZero", 9, {vec<std::string>({"", "a"})})), (Shape{1}));
}

}  // namespace
}  // namespace tenon::ops::slice
