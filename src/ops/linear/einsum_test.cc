// Einsum against a loop over all labels.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "support/op_runner.h"

namespace tenon::test::einsum_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
size_t at(int64_t i) { return static_cast<size_t>(i); }

/// `plain`: the equation without "..." and blanks, always with "->"; its labels loop over all values.
struct Case {
  const char* equation;
  const char* plain;
  std::vector<Ints> dims;
};

void check(const Case& t, DType type) {
  SCOPED_TRACE(std::string(t.equation) + " " + std::string(dtype_name(type)));
  std::vector<std::string> terms(1);
  std::string out;
  bool right = false;
  for (const char* p = t.plain; *p; ++p) {
    if (*p == '-') right = true;
    if (*p == ',') terms.emplace_back();
    if (std::isalpha(static_cast<unsigned char>(*p))) (right ? out : terms.back()) += *p;
  }
  std::map<char, int64_t> size;
  std::vector<Doubles> data;
  std::vector<Value> in;
  for (size_t i = 0; i < terms.size(); ++i) {
    for (size_t k = 0; k < terms[i].size(); ++k) size[terms[i][k]] = std::max(size[terms[i][k]], t.dims[i][k]);
    Doubles v = random_numbers(at(element_count(t.dims[i])), 0, 4, static_cast<uint32_t>(i + 1));
    for (double& x : v) x = std::floor(x);
    in.push_back(numbers(type, t.dims[i], v));
    data.push_back(std::move(v));
  }
  Ints y_dims;
  for (char l : out) y_dims.push_back(size[l]);
  Doubles want(at(element_count(y_dims)), 0);
  int64_t total = 1;
  for (const auto& s : size) total *= s.second;
  for (int64_t i = 0; i < total; ++i) {
    std::map<char, int64_t> index;
    int64_t rest = i;
    for (const auto& s : size) index[s.first] = rest % s.second, rest /= s.second;
    double product = 1;
    for (size_t k = 0; k < terms.size(); ++k) {
      int64_t offset = 0;
      for (size_t d = 0; d < terms[k].size(); ++d)
        offset = offset * t.dims[k][d] + (t.dims[k][d] == 1 ? 0 : index[terms[k][d]]);
      product *= data[k][at(offset)];
    }
    int64_t offset = 0;
    for (char l : out) offset = offset * size[l] + index[l];
    want[at(offset)] += product;
  }
  const Value y = run1("Einsum", 12, in, Attrs{{"equation", std::string(t.equation)}});
  EXPECT_EQ(dims_of(y), y_dims);
  EXPECT_EQ(as_doubles(y), want);
}

TEST(Einsum, EveryForm) {
  const Case cases[] = {
      {"ij,jk->ik", "ij,jk->ik", {{2, 3}, {3, 4}}},
      {"ij,jk", "ij,jk->ik", {{2, 3}, {3, 4}}},
      {"ba", "ba->ab", {{2, 3}}},
      {"ij->ji", "ij->ji", {{2, 3}}},
      {"ij->", "ij->", {{2, 3}}},
      {"ii->i", "ii->i", {{3, 3}}},
      {"ii", "ii->", {{3, 3}}},
      {"bij, bjk -> bik", "bij,bjk->bik", {{2, 3, 4}, {2, 4, 5}}},
      {"bhid,bhjd->bhij", "bhid,bhjd->bhij", {{2, 2, 3, 4}, {2, 2, 5, 4}}},
      {"i,j->ij", "i,j->ij", {{3}, {4}}},
      {"i,i->", "i,i->", {{4}, {4}}},
      {"ij,kl->jl", "ij,kl->jl", {{2, 3}, {4, 2}}},
      {"ijk,jil->kl", "ijk,jil->kl", {{2, 3, 4}, {3, 2, 2}}},
      {"ab,bc,cd->ad", "ab,bc,cd->ad", {{2, 3}, {3, 2}, {2, 4}}},
      {"ab,ab,ab->b", "ab,ab,ab->b", {{2, 3}, {2, 3}, {2, 3}}},
      {"abc,cd,def->abef", "abc,cd,def->abef", {{2, 2, 3}, {3, 2}, {2, 2, 3}}},
      {"...ij,...jk->...ik", "xyij,xyjk->xyik", {{2, 3, 2, 3}, {2, 3, 3, 2}}},
      {"...ij,...jk", "xij,xjk->xik", {{1, 2, 3}, {4, 3, 2}}},
      {"...ii->...i", "xii->xi", {{2, 3, 3}}},
      {"i...->...", "ix->x", {{2, 3}}},
      {"ij,jk->ik", "ij,jk->ik", {{2, 1}, {3, 4}}},
      {"Ab,bA->A", "Ab,bA->A", {{2, 3}, {3, 2}}},
      {"ij->", "ij->", {{0, 3}}},
      {"ij,jk->ik", "ij,jk->ik", {{2, 0}, {0, 4}}},
  };
  for (const Case& t : cases)
    for (DType type : {DType::kFloat, DType::kDouble, DType::kInt32, DType::kUint64, DType::kInt16, DType::kFloat16})
      check(t, type);
  check({"...i,i->...", "i,i->", {{3}, {3}}}, DType::kFloat);
  check({"...i,...i->...", "yi,xyi->xy", {{2, 3}, {4, 2, 3}}}, DType::kFloat);
}

TEST(Einsum, SmallIntegersWrap) {
  const Value v = numbers(DType::kInt8, {2}, {100, 100});
  EXPECT_EQ(as_doubles(run1("Einsum", 12, {v, v}, Attrs{{"equation", std::string("i,i->")}})), (Doubles{32}));
}

TEST(Einsum, Rejects) {
  const auto error = [](const char* e, std::vector<Ints> dims) {
    std::vector<Value> in;
    for (const Ints& d : dims) in.push_back(numbers(DType::kFloat, d, Doubles(at(element_count(d)), 1)));
    return error_of([&] { run1("Einsum", 12, in, Attrs{{"equation", std::string(e)}}); });
  };
  EXPECT_NE(error("ij,jk->ik", {{2, 3}, {4, 5}}), "");
  EXPECT_NE(error("ij->ik", {{2, 3}}).find("no operand has"), std::string::npos);
  EXPECT_NE(error("ij->ii", {{2, 3}}).find("twice"), std::string::npos);
  EXPECT_NE(error("ij", {{2, 3, 4}}).find("rank 3"), std::string::npos);
  EXPECT_NE(error("i.j", {{2, 3}}).find("'.'"), std::string::npos);
  EXPECT_NE(error("i%", {{2, 3}}).find("'%'"), std::string::npos);
  EXPECT_NE(error("ij,jk->ik", {{2, 3}}).find("operands"), std::string::npos);
  EXPECT_NE(error("ii->i", {{2, 3}}), "");
}

}  // namespace
}  // namespace tenon::test::einsum_test
