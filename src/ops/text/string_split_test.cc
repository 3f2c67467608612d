// StringConcat, StringNormalizer, StringSplit, TfIdfVectorizer.
#include <gtest/gtest.h>

#include "support/op_runner.h"

namespace tenon::ops::string_split {
namespace {

using namespace tenon::test;
using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Strings = std::vector<std::string>;

TEST(Text, Concat) {
  const Value x = tensor<std::string>({2, 1}, {"a", "b"}), y = vec<std::string>({"1", "2"});
  const Value z = run1("StringConcat", 20, {x, y});
  EXPECT_EQ(dims_of(z), (Ints{2, 2}));
  EXPECT_EQ(items<std::string>(z), (Strings{"a1", "a2", "b1", "b2"}));
  EXPECT_EQ(items<std::string>(run1("StringConcat", 20, {scalar<std::string>("x"), y})), (Strings{"x1", "x2"}));
  EXPECT_NE(error_of([&] { run1("StringConcat", 20, {y, vec<std::string>({"1", "2", "3"})}); }), "");
}

TEST(Text, Split) {
  const auto split = [](Strings in, graph::Attrs a) {
    return run_op("", "StringSplit", 20, {vec<std::string>(in)}, a, 2);
  };
  auto y = split({"a.com", "b.net.org", ""}, {{"delimiter", std::string(".")}});
  EXPECT_EQ(dims_of(y[0]), (Ints{3, 3}));
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"a", "com", "", "b", "net", "org", "", "", ""}));
  EXPECT_EQ(items<int64_t>(y[1]), (Ints{2, 3, 1}));
  y = split({"o-n-n--x-"}, {{"delimiter", std::string("-")}, {"maxsplit", int64_t{3}}});
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"o", "n", "n", "-x-"}));
  y = split({"  a \t b  ", "", " "}, {});
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"a", "b", "", "", "", ""}));
  EXPECT_EQ(items<int64_t>(y[1]), (Ints{2, 0, 0}));
  y = split({" a b  c "}, {{"maxsplit", int64_t{1}}});
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"a", "b  c "}));
  y = split({}, {});
  EXPECT_EQ(dims_of(y[0]), (Ints{0, 0}));
}

TEST(Text, Normalizer) {
  const auto run = [](Strings in, graph::Attrs a) {
    return items<std::string>(run1("StringNormalizer", 10, {vec<std::string>(in)}, a));
  };
  const auto action = [](const char* s) { return graph::Attr{"case_change_action", std::string(s)}; };
  const graph::Attr stop{"stopwords", Strings{"Monday"}}, exact{"is_case_sensitive", int64_t{1}};
  EXPECT_EQ(run({"Monday", "monday", "Tue"}, {stop, exact, action("LOWER")}), (Strings{"monday", "tue"}));
  EXPECT_EQ(run({"Monday", "monday", "Tue"}, {stop, action("UPPER")}), (Strings{"TUE"}));
  EXPECT_EQ(run({"monday"}, {stop}), (Strings{""}));
  EXPECT_EQ(run({"\xc3\x84ra \xd0\x96\xce\xa9 \xc5\xb8z"}, {action("LOWER")}),
            (Strings{"\xc3\xa4ra \xd0\xb6\xcf\x89 \xc3\xbfz"}));
  EXPECT_EQ(run({"\xc3\xa4ra \xd0\xb6\xcf\x89 \xc3\xbfz"}, {action("UPPER")}),
            (Strings{"\xc3\x84RA \xd0\x96\xce\xa9 \xc5\xb8Z"}));
  EXPECT_EQ(run({"A\xff\xc3"}, {action("LOWER")}), (Strings{"a\xff\xc3"}));  // no UTF-8: kept
  EXPECT_EQ(dims_of(run1("StringNormalizer", 10, {tensor<std::string>({1, 2}, {"a", "b"})})), (Ints{1, 2}));
  EXPECT_NE(error_of([&] { run1("StringNormalizer", 10, {tensor<std::string>({2, 1}, {"a", "b"})}); }), "");
  EXPECT_NE(error_of([&] { run({"a"}, {action("TITLE")}); }), "");
}

graph::Attrs grams(const char* mode, int64_t shortest, int64_t longest, int64_t skips) {
  return {{"mode", std::string(mode)},
          {"min_gram_length", shortest},
          {"max_gram_length", longest},
          {"max_skip_count", skips},
          {"ngram_counts", Ints{0, 4}},
          {"ngram_indexes", Ints{0, 1, 2, 3, 4, 5, 6}},
          {"pool_int64s", Ints{2, 3, 5, 4, 5, 6, 7, 8, 6, 7}}};
}

TEST(Text, TfIdf) {
  const Value x = vec<int32_t>({1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8});
  const auto run = [&](graph::Attrs a) { return items<float>(run1("TfIdfVectorizer", 9, {x}, a)); };
  EXPECT_EQ(run(grams("TF", 1, 1, 0)), (Floats{0, 3, 1, 0, 0, 0, 0}));
  EXPECT_EQ(run(grams("TF", 2, 2, 0)), (Floats{0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(run(grams("TF", 1, 2, 0)), (Floats{0, 3, 1, 0, 1, 1, 1}));
  EXPECT_EQ(run(grams("TF", 1, 2, 5)), (Floats{0, 3, 1, 0, 1, 3, 1}));
  EXPECT_EQ(run(grams("IDF", 1, 2, 5)), (Floats{0, 1, 1, 0, 1, 1, 1}));
  graph::Attrs weighted = grams("TFIDF", 1, 2, 5);
  weighted.set("weights", Floats{1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(run(weighted), (Floats{0, 6, 3, 0, 5, 18, 7}));
  const Value rows = run1("TfIdfVectorizer", 9, {tensor<int64_t>({2, 2}, {2, 3, 5, 6})}, grams("TF", 1, 2, 0));
  EXPECT_EQ(dims_of(rows), (Ints{2, 7}));
  EXPECT_EQ(items<float>(rows), (Floats{1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0}));
  graph::Attrs words = grams("TF", 1, 2, 0);
  words.erase("pool_int64s");
  words.set("pool_strings", Strings{"a", "b", "c", "d", "a", "b", "b", "a", "c", "d"});
  EXPECT_EQ(items<float>(run1("TfIdfVectorizer", 9, {vec<std::string>({"a", "b", "?", "d"})}, words)),
            (Floats{1, 1, 0, 1, 1, 0, 0}));
  EXPECT_NE(error_of([&] { run1("TfIdfVectorizer", 9, {x}, words); }), "");
  EXPECT_NE(error_of([&] { run(grams("TF", 2, 1, 0)); }), "");
  EXPECT_NE(error_of([&] { run(grams("TF", 1, 3, 0)); }), "");
  graph::Attrs odd = grams("TF", 1, 2, 0);
  odd.set("ngram_counts", Ints{0, 5});
  EXPECT_NE(error_of([&] { run(odd); }), "");
  odd.set("ngram_counts", Ints{0, 20});
  EXPECT_NE(error_of([&] { run(odd); }), "");
}

}  // namespace
}  // namespace tenon::ops::string_split
