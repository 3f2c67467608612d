// Transpose, DepthToSpace, SpaceToDepth, Expand, Tile against index loops, for every element size.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::transpose {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;

/// Words of an output whose element at index `i` is element source(i) of the counted input.
std::vector<uint64_t> gathered(const Shape& out, const std::function<int64_t(const Shape&)>& source) {
  std::vector<uint64_t> words;
  Shape at(out.size(), 0);
  for (int64_t n = element_count(out); n > 0; --n) {
    words.push_back(static_cast<uint64_t>(source(at)));
    for (size_t k = out.size(); k-- > 0 && ++at[k] == out[k];) at[k] = 0;
  }
  return words;
}
int64_t flat(const Shape& dims, const Shape& at) {
  int64_t f = 0;
  for (size_t k = 0; k < dims.size(); ++k) f = f * dims[k] + at[k];
  return f;
}

void expect_transposed(DType t, const Shape& in, const Shape& perm, ThreadPool* pool = nullptr) {
  SCOPED_TRACE(std::string(dtype_name(t)) + to_string(in) + " by " + to_string(perm));
  Shape out;
  for (int64_t p : perm) out.push_back(in[static_cast<size_t>(p)]);
  RunSettings settings;
  settings.pool = pool;
  const Value y = run1("Transpose", 25, {counting_tensor(t, in)}, {{"perm", perm}}, settings);
  EXPECT_EQ(dims_of(y), out);
  EXPECT_EQ(raw_words(y), truncated(t, gathered(out, [&](const Shape& o) {
                                      Shape i(in.size());
                                      for (size_t k = 0; k < perm.size(); ++k) i[static_cast<size_t>(perm[k])] = o[k];
                                      return flat(in, i);
                                    })));
}

TEST(Transpose, AllTypes) {
  for_each_type(kIr13Set, [&](DType t) { expect_transposed(t, {3, 4, 5}, {2, 0, 1}); });
}

TEST(Transpose, AllPermutations) {
  const Shape dims = {2, 3, 1, 5};
  Shape perm = {0, 1, 2, 3};
  do {
    expect_transposed(DType::kFloat, dims, perm);
    expect_transposed(DType::kUint8, dims, perm);
  } while (std::next_permutation(perm.begin(), perm.end()));
}

TEST(Transpose, TilesAndThreads) {
  ThreadPool::Options options;
  options.threads = 4;
  ThreadPool pool(options);
  for (const Shape& dims : {Shape{70, 65}, Shape{3, 33, 100}, Shape{1, 200, 130}}) {
    Shape perm;
    for (size_t k = dims.size(); k-- > 0;) perm.push_back(static_cast<int64_t>(k));
    expect_transposed(DType::kFloat, dims, perm, &pool);
    expect_transposed(DType::kString, dims, perm, &pool);
    expect_transposed(DType::kComplex128, dims, perm, &pool);
  }
  expect_transposed(DType::kFloat, {8, 64, 12, 32}, {0, 2, 1, 3}, &pool);
  expect_transposed(DType::kFloat16, {2, 100, 3, 65}, {0, 3, 2, 1}, &pool);
}

TEST(Transpose, SmallAndEmpty) {
  expect_transposed(DType::kFloat, {}, {});
  expect_transposed(DType::kFloat, {4}, {0});
  expect_transposed(DType::kFloat, {0, 3}, {1, 0});
  EXPECT_EQ(dims_of(run1("Transpose", 1, {counting_tensor(DType::kFloat, {2, 3, 4})})), (Shape{4, 3, 2}));
}

TEST(Transpose, BadPerm) {
  const Value x = counting_tensor(DType::kFloat, {2, 3});
  for (const Shape& perm : {Shape{0}, Shape{0, 0}, Shape{0, 2}, Shape{-1, 0}})
    EXPECT_NE(error_of([&] { run1("Transpose", 13, {x}, {{"perm", perm}}); }), "") << to_string(perm);
}

TEST(Transpose, DepthToSpace) {
  for (const char* mode : {"DCR", "CRD"}) {
    for_each_type(kIr4Set, [&](DType t) {
      const int64_t b = 2, channels = 3;
      const Shape in = {2, b * b * channels, 2, 5}, out = {2, channels, 2 * b, 5 * b};
      const Value x = counting_tensor(t, in);
      const Value y = run1("DepthToSpace", 13, {x}, {{"blocksize", b}, {"mode", std::string(mode)}});
      const bool crd = mode[0] == 'C';
      EXPECT_EQ(dims_of(y), out);
      EXPECT_EQ(raw_words(y), truncated(t, gathered(out, [&](const Shape& o) {
                                          const int64_t by = o[2] % b, bx = o[3] % b, block = by * b + bx;
                                          const int64_t c = crd ? o[1] * b * b + block : block * channels + o[1];
                                          return flat(in, {o[0], c, o[2] / b, o[3] / b});
                                        })));
      const Value back = run1("SpaceToDepth", 28, {y}, {{"blocksize", b}, {"mode", std::string(mode)}});
      EXPECT_EQ(dims_of(back), in);
      EXPECT_EQ(raw_words(back), raw_words(x));
    });
  }
  const Value x = counting_tensor(DType::kFloat, {1, 6, 2, 3});
  EXPECT_NE(error_of([&] {
              run1("DepthToSpace", 13, {x}, {{"blocksize", int64_t{2}}});
            }).find("multiple of 4"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("SpaceToDepth", 13, {x}, {{"blocksize", int64_t{0}}}); }), "");
}

TEST(Transpose, Expand) {
  struct {
    Shape in, shape, out;
  } cases[] = {{{3, 1}, {2, 1, 4}, {2, 3, 4}}, {{2, 3}, {1, 1}, {2, 3}},      {{}, {2, 2}, {2, 2}}, {{1}, {0}, {0}},
               {{5, 1, 7}, {6, 1}, {5, 6, 7}}, {{1, 1}, {5000, 3}, {5000, 3}}};
  for (const auto& c : cases) {
    for (DType t : {DType::kFloat, DType::kString, DType::kInt64, DType::kComplex128, DType::kBFloat16}) {
      SCOPED_TRACE(to_string(c.in) + " to " + to_string(c.shape));
      const Value y = run1("Expand", 13, {counting_tensor(t, c.in), vec<int64_t>(c.shape)});
      EXPECT_EQ(dims_of(y), c.out);
      EXPECT_EQ(raw_words(y), truncated(t, gathered(c.out, [&](const Shape& o) {
                                          Shape i(c.in.size());
                                          for (size_t k = 0; k < i.size(); ++k)
                                            i[k] = c.in[k] == 1 ? 0 : o[o.size() - i.size() + k];
                                          return flat(c.in, i);
                                        })));
    }
  }
  const Value x = counting_tensor(DType::kFloat, {3, 1});
  EXPECT_NE(error_of([&] { run1("Expand", 13, {x, vec<int64_t>({2, 1})}); }), "");
  EXPECT_NE(error_of([&] { run1("Expand", 13, {x, vec<int64_t>({-1, 1})}); }), "");
  const std::string e = error_of([&] { run1("Expand", 13, {x, vec<int64_t>({1 << 20, 1 << 20, 3, 1 << 20})}); });
  EXPECT_NE(e.find("tensor_elements"), std::string::npos) << e;
}

TEST(Transpose, Tile) {
  struct {
    Shape in, repeats, out;
  } cases[] = {
      {{2, 3}, {2, 2}, {4, 6}}, {{3}, {0}, {0}}, {{}, {}, {}}, {{2, 1, 2}, {1, 3, 1}, {2, 3, 2}}, {{0}, {3}, {0}}};
  for (const auto& c : cases) {
    for (DType t : {DType::kFloat, DType::kString, DType::kInt64, DType::kBool}) {
      SCOPED_TRACE(to_string(c.in) + " times " + to_string(c.repeats));
      const Value y = run1("Tile", 13, {counting_tensor(t, c.in), vec<int64_t>(c.repeats)});
      EXPECT_EQ(dims_of(y), c.out);
      EXPECT_EQ(raw_words(y), truncated(t, gathered(c.out, [&](const Shape& o) {
                                          Shape i = o;
                                          for (size_t k = 0; k < i.size(); ++k) i[k] %= c.in[k];
                                          return flat(c.in, i);
                                        })));
    }
  }
  const Value x = counting_tensor(DType::kFloat, {2, 3});
  const Value y = run1("Tile", 1, {x, scalar<float>(2), scalar<float>(1)});
  EXPECT_EQ(raw_words(y), (std::vector<uint64_t>{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  EXPECT_NE(error_of([&] { run1("Tile", 13, {x, vec<int64_t>({1})}); }), "");
  EXPECT_NE(error_of([&] { run1("Tile", 13, {x, vec<int64_t>({1, -1})}); }), "");
  EXPECT_NE(error_of([&] {
              run1("Tile", 13, {x, vec<int64_t>({1, int64_t{1} << 62})});
            }).find("tensor_elements"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::transpose
