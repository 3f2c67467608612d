// Unique, Compress, EyeLike, Trilu, ReverseSequence, NonMaxSuppression, BitCast, TensorScatter.
#include <gtest/gtest.h>

#include <limits>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::unique {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;
using Words = std::vector<uint64_t>;

TEST(Unique, Flat) {
  for_each_type(kNumericSet, [&](DType t) {
    SCOPED_TRACE(dtype_name(t));
    const Value x = numbers(t, {6}, {2, 1, 1, 3, 4, 3});
    auto y = run_op("", "Unique", 28, {x}, {}, 4);
    EXPECT_EQ(as_doubles(y[0]), (std::vector<double>{1, 2, 3, 4}));
    EXPECT_EQ(items<int64_t>(y[1]), (Shape{1, 0, 3, 4}));
    EXPECT_EQ(items<int64_t>(y[2]), (Shape{1, 0, 0, 2, 3, 2}));
    EXPECT_EQ(items<int64_t>(y[3]), (Shape{2, 1, 2, 1}));
    y = run_op("", "Unique", 28, {x}, {{"sorted", int64_t{0}}}, 4);
    EXPECT_EQ(as_doubles(y[0]), (std::vector<double>{2, 1, 3, 4}));
    EXPECT_EQ(items<int64_t>(y[1]), (Shape{0, 1, 3, 4}));
    EXPECT_EQ(items<int64_t>(y[2]), (Shape{0, 1, 1, 2, 3, 2}));
    EXPECT_EQ(items<int64_t>(y[3]), (Shape{1, 2, 2, 1}));
  });
  EXPECT_EQ(items<std::string>(run1("Unique", 11, {vec<std::string>({"b", "a", "b"})})),
            (std::vector<std::string>{"a", "b"}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(run1("Unique", 11, {vec<float>({nan, 1, nan})}).count(), 2);
  EXPECT_EQ(run1("Unique", 11, {vec<float>({})}).count(), 0);
}

TEST(Unique, Axis) {
  const Value x = tensor<float>({3, 3}, {2, 3, 4, 1, 0, 0, 1, 0, 0});
  auto y = run_op("", "Unique", 11, {x}, {{"axis", int64_t{0}}}, 4);
  EXPECT_EQ(items<float>(y[0]), (std::vector<float>{1, 0, 0, 2, 3, 4}));
  EXPECT_EQ(items<int64_t>(y[1]), (Shape{1, 0}));
  EXPECT_EQ(items<int64_t>(y[2]), (Shape{1, 0, 0}));
  EXPECT_EQ(items<int64_t>(y[3]), (Shape{2, 1}));
  y = run_op("", "Unique", 11, {tensor<float>({2, 3}, {1, 2, 1, 5, 6, 5})}, {{"axis", int64_t{-1}}}, 1);
  EXPECT_EQ(dims_of(y[0]), (Shape{2, 2}));
  EXPECT_EQ(items<float>(y[0]), (std::vector<float>{1, 2, 5, 6}));
}

TEST(Unique, Compress) {
  for_each_type(kIr4Set, [&](DType t) {
    const Value x = counting_tensor(t, {3, 2});
    EXPECT_EQ(raw_words(run1("Compress", 28, {x, vec<bool>({false, true, true})}, {{"axis", int64_t{0}}})),
              truncated(t, {2, 3, 4, 5}));
    EXPECT_EQ(raw_words(run1("Compress", 28, {x, vec<bool>({false, true})}, {{"axis", int64_t{-1}}})),
              truncated(t, {1, 3, 5}));
    EXPECT_EQ(raw_words(run1("Compress", 28, {x, vec<bool>({true, false, false, true})})), truncated(t, {0, 3}));
  });
  const Value x = counting_tensor(DType::kFloat, {3, 2});
  EXPECT_EQ(dims_of(run1("Compress", 9, {x, vec<bool>({true})}, {{"axis", int64_t{0}}})), (Shape{1, 2}));
  EXPECT_NE(error_of([&] { run1("Compress", 9, {x, scalar<bool>(true)}); }), "");
  EXPECT_NE(error_of([&] { run1("Compress", 9, {x, vec<bool>({true})}, {{"axis", int64_t{2}}}); }), "");
}

TEST(Unique, EyeLike) {
  for_each_type(kNumericSet, [&](DType t) {
    EXPECT_EQ(as_doubles(run1("EyeLike", 22, {numbers(t, {2, 3}, {7, 7, 7, 7, 7, 7})}, {{"k", int64_t{1}}})),
              (std::vector<double>{0, 1, 0, 0, 0, 1}));
  });
  const Value x = counting_tensor(DType::kInt32, {3, 2});
  const Value y = run1("EyeLike", 9, {x}, {{"k", int64_t{-1}}, {"dtype", static_cast<int64_t>(DType::kDouble)}});
  EXPECT_EQ(items<double>(y), (std::vector<double>{0, 0, 1, 0, 0, 1}));
  for (int64_t k : {int64_t{5}, int64_t{-5}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()})
    EXPECT_EQ(raw_words(run1("EyeLike", 9, {x}, {{"k", k}})), Words(6, 0));
  EXPECT_NE(error_of([&] { run1("EyeLike", 9, {vec<float>({1})}); }), "");
  EXPECT_NE(error_of([&] { run1("EyeLike", 9, {x}, {{"dtype", static_cast<int64_t>(DType::kString)}}); }), "");
}

TEST(Unique, Trilu) {
  struct {
    int64_t upper, k;
    Words out;
  } cases[] = {{1, 0, {1, 2, 3, 0, 5, 6}},  {0, 0, {1, 0, 0, 4, 5, 0}},
               {1, 1, {0, 2, 3, 0, 0, 6}},  {0, 1, {1, 2, 0, 4, 5, 6}},
               {1, -1, {1, 2, 3, 4, 5, 6}}, {0, -1, {0, 0, 0, 4, 0, 0}},
               {1, 9, {0, 0, 0, 0, 0, 0}},  {0, std::numeric_limits<int64_t>::max(), {1, 2, 3, 4, 5, 6}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(std::to_string(c.upper) + " " + std::to_string(c.k));
    const Value y =
        run1("Trilu", 14, {counting_tensor(DType::kFloat, {2, 3}, 1), scalar<int64_t>(c.k)}, {{"upper", c.upper}});
    EXPECT_EQ(raw_words(y), c.out);
  }
  for_each_type(kIr4Set, [&](DType t) {
    EXPECT_EQ(raw_words(run1("Trilu", 14, {counting_tensor(t, {2, 2, 2}, 1)})), truncated(t, {1, 2, 0, 4, 5, 6, 0, 8}));
  });
  EXPECT_NE(error_of([&] { run1("Trilu", 14, {vec<float>({1})}); }), "");
}

TEST(Unique, ReverseSequence) {
  for_each_type(kIr4Set, [&](DType t) {
    const Value x = counting_tensor(t, {3, 2});
    EXPECT_EQ(raw_words(run1("ReverseSequence", 28, {x, vec<int64_t>({3, 1})})), truncated(t, {4, 1, 2, 3, 0, 5}));
    EXPECT_EQ(raw_words(run1("ReverseSequence", 28, {x, vec<int64_t>({0, 1, 2})},
                             {{"batch_axis", int64_t{0}}, {"time_axis", int64_t{1}}})),
              truncated(t, {0, 1, 2, 3, 5, 4}));
  });
  const Value x = counting_tensor(DType::kFloat, {2, 1, 2});
  EXPECT_EQ(raw_words(run1("ReverseSequence", 10, {x, vec<int64_t>({2})})), (Words{2, 3, 0, 1}));
  EXPECT_NE(error_of([&] { run1("ReverseSequence", 10, {x, vec<int64_t>({3})}); }).find("[0, 2]"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("ReverseSequence", 10, {x, vec<int64_t>({1, 1})}); }), "");
  EXPECT_NE(error_of([&] { run1("ReverseSequence", 10, {x, vec<int64_t>({1})}, {{"batch_axis", int64_t{0}}}); }), "");
}

TEST(Unique, NonMaxSuppression) {
  // Boxes 0 and 1 overlap by 0.68, 2 stands alone.
  const Value boxes = tensor<float>({1, 3, 4}, {0, 0, 1, 1, 0, 0.1F, 1, 1.1F, 0, 10, 1, 11});
  const Value flipped = tensor<float>({1, 3, 4}, {1, 1, 0, 0, 0, 0.1F, 1, 1.1F, 0, 11, 1, 10});
  const Value scores = tensor<float>({1, 2, 3}, {0.9F, 0.75F, 0.6F, 0.1F, 0.2F, 0.2F});
  const auto run = [&](const Value& b, int64_t most, float iou, Value threshold, graph::Attrs attrs = {}) {
    return items<int64_t>(
        run1("NonMaxSuppression", 11, {b, scores, scalar<int64_t>(most), scalar<float>(iou), threshold}, attrs));
  };
  EXPECT_EQ(run(boxes, 3, 0.5F, {}), (Shape{0, 0, 0, 0, 0, 2, 0, 1, 1, 0, 1, 2}));
  EXPECT_EQ(run(flipped, 3, 0.5F, {}), run(boxes, 3, 0.5F, {}));
  EXPECT_EQ(run(boxes, 1, 0.5F, scalar<float>(0.5F)), (Shape{0, 0, 0}));
  EXPECT_EQ(run(boxes, 3, 0.9F, scalar<float>(0.15F)), (Shape{0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 1, 1, 0, 1, 2}));
  EXPECT_EQ(run(boxes, 0, 0.5F, {}), Shape{});
  const Value centers = tensor<float>({1, 3, 4}, {0.5F, 0.5F, 1, 1, 0.6F, 0.5F, 1, 1, 10.5F, 0.5F, 1, 1});
  EXPECT_EQ(run(centers, 3, 0.5F, {}, {{"center_point_box", int64_t{1}}}), run(boxes, 3, 0.5F, {}));
  EXPECT_EQ(dims_of(run1("NonMaxSuppression", 10, {boxes, scores})), (Shape{0, 3}));
  EXPECT_NE(error_of([&] { run(boxes, 1, 1.5F, {}); }), "");
  EXPECT_NE(error_of([&] { run(tensor<float>({1, 2, 4}, std::vector<float>(8)), 1, 0.5F, {}); }), "");
}

TEST(Unique, BitCast) {
  const Value y = run1("BitCast", 26, {vec<float>({1.0F, -2.0F})}, {{"to", static_cast<int64_t>(DType::kInt32)}});
  EXPECT_EQ(raw_words(y), (Words{0x3f800000, 0xc0000000}));
  EXPECT_EQ(raw_words(run1("BitCast", 26, {counting_tensor(DType::kInt4, {3}, 14)},
                           {{"to", static_cast<int64_t>(DType::kUint4)}})),
            (Words{14, 15, 0}));
  EXPECT_NE(error_of([&] {
              run1("BitCast", 26, {vec<float>({1})}, {{"to", static_cast<int64_t>(DType::kInt64)}});
            }),
            "");
  EXPECT_NE(error_of([&] {
              run1("BitCast", 26, {vec<float>({1})}, {{"to", static_cast<int64_t>(DType::kString)}});
            }),
            "");
}

TEST(Unique, TensorScatter) {
  for_each_type(kIr12Set, [&](DType t) {
    const Value cache = counting_tensor(t, {2, 3, 2}), update = counting_tensor(t, {2, 2, 2}, 4);
    EXPECT_EQ(raw_words(run1("TensorScatter", 24, {cache, update, vec<int64_t>({1, 0})})),
              truncated(t, {0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 10, 11}));
    EXPECT_EQ(raw_words(run1("TensorScatter", 24, {cache, update, vec<int64_t>({2, 5})},
                             {{"mode", std::string("circular")}})),
              truncated(t, {6, 7, 2, 3, 4, 5, 10, 11, 8, 9, 8, 9}));
  });
  const Value cache = counting_tensor(DType::kFloat, {1, 3, 2}), update = counting_tensor(DType::kFloat, {1, 2, 2}, 4);
  EXPECT_NE(error_of([&] { run1("TensorScatter", 24, {cache, update, vec<int64_t>({2})}); }), "");
  EXPECT_NE(error_of([&] { run1("TensorScatter", 24, {update, cache}); }), "");
  EXPECT_NE(error_of([&] { run1("TensorScatter", 24, {cache, update}, {{"axis", int64_t{0}}}); }), "");
}

}  // namespace
}  // namespace tenon::ops::unique
