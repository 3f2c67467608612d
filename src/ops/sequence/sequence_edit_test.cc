// Sequences and optionals: building, positions, splitting, joining, empty ones, errors.
#include <gtest/gtest.h>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::sequence_edit {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;
using Words = std::vector<uint64_t>;

std::vector<Words> contents(const Value& s) {
  EXPECT_EQ(s.kind(), ValueKind::kSequence);
  std::vector<Words> out;
  for (const Value& v : s.items()) out.push_back(raw_words(v));
  return out;
}

Value three(DType t) {
  return Value::sequence({counting_tensor(t, {2}), counting_tensor(t, {1}, 5), counting_tensor(t, {0})});
}

TEST(SequenceEdit, Construct) {
  for_each_type(kIr3Set, [&](DType t) {
    const Value s = run1("SequenceConstruct", 11, {counting_tensor(t, {2}), counting_tensor(t, {1, 1}, 1)});
    EXPECT_EQ(contents(s), (std::vector<Words>{{0, 1}, {1}}));
    EXPECT_EQ(s.items()[0].dtype(), t);
  });
  EXPECT_EQ(run1("SequenceEmpty", 11, {}).dtype(), DType::kFloat);
  EXPECT_EQ(run1("SequenceEmpty", 11, {}, {{"dtype", static_cast<int64_t>(DType::kString)}}).dtype(), DType::kString);
  EXPECT_NE(error_of([&] { run1("SequenceEmpty", 11, {}, {{"dtype", int64_t{99}}}); }), "");
}

TEST(SequenceEdit, At) {
  const Value s = three(DType::kString);
  EXPECT_EQ(raw_words(run1("SequenceAt", 11, {s, scalar<int64_t>(1)})), (Words{5}));
  EXPECT_EQ(raw_words(run1("SequenceAt", 11, {s, scalar<int32_t>(-3)})), (Words{0, 1}));
  for (int64_t i : {3, -4}) EXPECT_NE(error_of([&] { run1("SequenceAt", 11, {s, scalar<int64_t>(i)}); }), "");
  EXPECT_NE(error_of([&] { run1("SequenceAt", 11, {vec<float>({1}), scalar<int64_t>(0)}); }), "");
}

TEST(SequenceEdit, InsertAndErase) {
  const Value s = three(DType::kInt32), x = counting_tensor(DType::kInt32, {1}, 9);
  EXPECT_EQ(contents(run1("SequenceInsert", 11, {s, x})), (std::vector<Words>{{0, 1}, {5}, {}, {9}}));
  EXPECT_EQ(contents(run1("SequenceInsert", 11, {s, x, scalar<int64_t>(0)})),
            (std::vector<Words>{{9}, {0, 1}, {5}, {}}));
  EXPECT_EQ(contents(run1("SequenceInsert", 11, {s, x, scalar<int64_t>(-1)})),
            (std::vector<Words>{{0, 1}, {5}, {9}, {}}));
  EXPECT_EQ(contents(run1("SequenceInsert", 11, {s, x, scalar<int64_t>(3)})).back(), (Words{9}));
  EXPECT_EQ(contents(run1("SequenceInsert", 11, {Value::sequence({}, DType::kInt32), x})), (std::vector<Words>{{9}}));
  for (int64_t i : {4, -4}) EXPECT_NE(error_of([&] { run1("SequenceInsert", 11, {s, x, scalar<int64_t>(i)}); }), "");
  EXPECT_NE(error_of([&] { run1("SequenceInsert", 11, {s, vec<float>({1})}); }), "");
  EXPECT_EQ(contents(run1("SequenceErase", 11, {s})), (std::vector<Words>{{0, 1}, {5}}));
  EXPECT_EQ(contents(run1("SequenceErase", 11, {s, scalar<int64_t>(0)})), (std::vector<Words>{{5}, {}}));
  EXPECT_NE(error_of([&] { run1("SequenceErase", 11, {s, scalar<int64_t>(3)}); }), "");
  EXPECT_NE(error_of([&] { run1("SequenceErase", 11, {Value::sequence({}, DType::kFloat)}); }), "");
  EXPECT_EQ(items<int64_t>(run1("SequenceLength", 11, {s})), (Shape{3}));
}

TEST(SequenceEdit, Split) {
  const Value x = counting_tensor(DType::kFloat, {2, 5});
  const auto split = [&](Value sizes, graph::Attrs attrs = {{"axis", int64_t{1}}}) {
    return run1("SplitToSequence", 24, {x, std::move(sizes)}, attrs);
  };
  EXPECT_EQ(contents(split(scalar<int64_t>(2))), (std::vector<Words>{{0, 1, 5, 6}, {2, 3, 7, 8}, {4, 9}}));
  EXPECT_EQ(contents(split(vec<int32_t>({1, 0, 4}))), (std::vector<Words>{{0, 5}, {}, {1, 2, 3, 4, 6, 7, 8, 9}}));
  const Value rows = run1("SplitToSequence", 11, {x}, {{"keepdims", int64_t{0}}});
  EXPECT_EQ(contents(rows), (std::vector<Words>{{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}}));
  EXPECT_EQ(dims_of(rows.items()[0]), (Shape{5}));
  EXPECT_EQ(dims_of(run1("SplitToSequence", 11, {x}).items()[1]), (Shape{1, 5}));
  for (const Value& bad : {scalar<int64_t>(0), vec<int64_t>({2, 2}), vec<int64_t>({6, -1}), vec<int64_t>({3, 3})})
    EXPECT_NE(error_of([&] { split(bad); }), "");
}

TEST(SequenceEdit, Concat) {
  for_each_type(kIr3Set, [&](DType t) {
    const Value s = Value::sequence({counting_tensor(t, {1, 2}), counting_tensor(t, {1, 1}, 1)});
    const Value y = run1("ConcatFromSequence", 11, {s}, {{"axis", int64_t{-1}}});
    EXPECT_EQ(dims_of(y), (Shape{1, 3}));
    EXPECT_EQ(raw_words(y), truncated(t, {0, 1, 1}));
  });
  const Value same = Value::sequence({vec<float>({1, 2}), vec<float>({3, 4}), vec<float>({5, 6})});
  const Value y = run1("ConcatFromSequence", 11, {same}, {{"axis", int64_t{1}}, {"new_axis", int64_t{1}}});
  EXPECT_EQ(dims_of(y), (Shape{2, 3}));
  EXPECT_EQ(items<float>(y), (std::vector<float>{1, 3, 5, 2, 4, 6}));
  EXPECT_NE(error_of([&] {
              run1("ConcatFromSequence", 11, {three(DType::kFloat)}, {{"axis", int64_t{0}}, {"new_axis", int64_t{1}}});
            }),
            "");
  EXPECT_NE(error_of([&] {
              run1("ConcatFromSequence", 11, {Value::sequence({}, DType::kFloat)}, {{"axis", int64_t{0}}});
            }),
            "");
  EXPECT_NE(error_of([&] { run1("ConcatFromSequence", 11, {same}, {{"axis", int64_t{1}}}); }), "");
}

TEST(SequenceEdit, Optionals) {
  const Value x = vec<float>({1, 2}), s = three(DType::kFloat);
  const Value some = run1("Optional", 15, {x}),
              none = run1("Optional", 28, {}, {{"type", ValueType::tensor(DType::kFloat)}});
  EXPECT_EQ(items<float>(run1("OptionalGetElement", 15, {some})), (std::vector<float>{1, 2}));
  EXPECT_EQ(items<float>(run1("OptionalGetElement", 18, {x})), (std::vector<float>{1, 2}));
  EXPECT_EQ(contents(run1("OptionalGetElement", 28, {run1("Optional", 28, {s})})), contents(s));
  const auto has = [&](std::vector<Value> in, int version) -> bool {
    return items<bool>(run1("OptionalHasElement", version, in)).at(0);
  };
  EXPECT_TRUE(has({some}, 15));
  EXPECT_FALSE(has({none}, 28));
  EXPECT_TRUE(has({x}, 18));
  EXPECT_TRUE(has({s}, 28));
  EXPECT_FALSE(has({}, 18));
  EXPECT_NE(error_of([&] { has({}, 15); }), "");
  EXPECT_NE(error_of([&] { run1("Optional", 15, {}); }), "");
}

}  // namespace
}  // namespace tenon::ops::sequence_edit
