// Reshape, Flatten, Squeeze, Unsqueeze, Identity: dims of the result, elements unchanged, bad shapes refused.
#include <gtest/gtest.h>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::reshape {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;

struct Case {
  const char* op;
  int version;
  Shape in;
  std::vector<int64_t> operand;  ///< second input, or the attribute in old versions
  graph::Attrs attrs;
  Shape out;  ///< of an error: empty
  const char* error = nullptr;
};

const Case kCases[] = {
    {"Reshape", 5, {2, 3, 4}, {4, 6}, {}, {4, 6}},
    {"Reshape", 13, {2, 3, 4}, {0, -1}, {}, {2, 12}},
    {"Reshape", 25, {2, 3, 4}, {-1}, {}, {24}},
    {"Reshape", 14, {0, 3}, {3, 0}, {{"allowzero", int64_t{1}}}, {3, 0}},
    {"Reshape", 14, {0, 3}, {0, 3, 1}, {}, {0, 3, 1}},
    {"Reshape", 13, {1}, {}, {}, {}},
    {"Reshape", 13, {2, 3}, {4, -1}, {}, {}, "does not divide"},
    {"Reshape", 13, {2, 3}, {-1, -1}, {}, {}, "more than one -1"},
    {"Reshape", 13, {2, 3}, {5}, {}, {}, "cannot be reshaped"},
    {"Reshape", 13, {2, 3}, {2, 3, 0}, {}, {}, "rank 2"},
    {"Reshape", 13, {2, 3}, {-2, 3}, {}, {}, "expected at least -1"},
    {"Reshape", 13, {0, 3}, {0, -1}, {}, {}, "product 0"},
    {"Flatten", 1, {2, 3, 4}, {}, {}, {2, 12}},
    {"Flatten", 11, {2, 3, 4}, {}, {{"axis", int64_t{-1}}}, {6, 4}},
    {"Flatten", 13, {2, 3, 4}, {}, {{"axis", int64_t{0}}}, {1, 24}},
    {"Flatten", 25, {2, 3, 4}, {}, {{"axis", int64_t{3}}}, {24, 1}},
    {"Flatten", 9, {2, 3, 4}, {}, {{"axis", int64_t{-1}}}, {}, "out of range [0, 3]"},
    {"Flatten", 13, {2, 3, 4}, {}, {{"axis", int64_t{4}}}, {}, "out of range"},
    {"Squeeze", 13, {1, 3, 1}, {-1}, {}, {1, 3}},
    {"Squeeze", 25, {1, 3, 1}, {0, 2}, {}, {3}},
    {"Squeeze", 11, {1, 3, 1}, {}, {{"axes", std::vector<int64_t>{0}}}, {3, 1}},
    {"Squeeze", 13, {1, 3}, {1}, {}, {}, "expected 1"},
    {"Squeeze", 13, {1, 3}, {2}, {}, {}, "out of range"},
    {"Unsqueeze", 13, {3}, {0, -1}, {}, {1, 3, 1}},
    {"Unsqueeze", 11, {3}, {}, {{"axes", std::vector<int64_t>{1}}}, {3, 1}},
    {"Unsqueeze", 13, {3}, {0, -3}, {}, {}, "given twice"},
    {"Unsqueeze", 13, {3}, {2}, {}, {}, "out of range"},
    {"Unsqueeze", 1, {3}, {}, {{"axes", std::vector<int64_t>{-1}}}, {}, "negative"},
};

TEST(Reshape, ViewsKeepElements) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.op) + " " + to_string(c.in) + " by " + to_string(c.operand));
    const bool has_operand = std::string(c.op) != "Flatten" && !c.attrs.has("axes");
    const Value x = counting_tensor(DType::kFloat, c.in);
    std::vector<Value> inputs = {x};
    if (has_operand) inputs.push_back(vec<int64_t>(c.operand));
    if (c.error) {
      const std::string e = error_of([&] { run1(c.op, c.version, inputs, c.attrs); });
      EXPECT_NE(e.find(c.error), std::string::npos) << e;
      continue;
    }
    const Value y = run1(c.op, c.version, inputs, c.attrs);
    EXPECT_EQ(dims_of(y), c.out);
    EXPECT_EQ(raw_words(y), raw_words(x));
  }
}

TEST(Reshape, Opset1TakesAnAttribute) {
  const Value y =
      run1("Reshape", 1, {counting_tensor(DType::kFloat, {2, 3})}, {{"shape", std::vector<int64_t>{3, -1}}});
  EXPECT_EQ(dims_of(y), (Shape{3, 2}));
}

TEST(Reshape, AllTypes) {
  for_each_type(kIr13Set, [&](DType t) {
    SCOPED_TRACE(dtype_name(t));
    const Value x = counting_tensor(t, {3, 5});
    const Value y = run1("Reshape", 25, {x, vec<int64_t>({5, 3})});
    EXPECT_EQ(dims_of(y), (Shape{5, 3}));
    EXPECT_EQ(raw_words(y), raw_words(x));
    EXPECT_EQ(raw_words(run1("Identity", 25, {x})), raw_words(x));
  });
}

TEST(Reshape, SqueezeWithoutAxes) {
  EXPECT_EQ(dims_of(run1("Squeeze", 13, {counting_tensor(DType::kInt8, {1, 3, 1, 2})})), (Shape{3, 2}));
}

TEST(Reshape, DerivedIntegersPass) {  // run_op compares what infer derives with the contents
  const Value x = vec<int64_t>({2, 3, 4, 5});
  EXPECT_EQ(items<int64_t>(run1("Unsqueeze", 13, {x, vec<int64_t>({0})})), items<int64_t>(x));
  EXPECT_EQ(items<int64_t>(run1("Reshape", 13, {x, vec<int64_t>({2, 2})})), items<int64_t>(x));
}

TEST(Reshape, IdentityOfSequences) {
  const Value s = Value::sequence({vec<float>({1, 2}), vec<float>({3})});
  const Value y = run1("Identity", 16, {s});
  ASSERT_EQ(y.items().size(), 2u);
  EXPECT_EQ(items<float>(y.items()[1]), (std::vector<float>{3}));
  EXPECT_EQ(run1("Identity", 16, {Value::optional(vec<float>({1}))}).kind(), ValueKind::kOptional);
}

}  // namespace
}  // namespace tenon::ops::reshape
