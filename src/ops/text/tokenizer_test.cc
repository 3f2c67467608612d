// Tokenizer: separators, tokens, characters, marks, and errors.
#include <gtest/gtest.h>

#include "support/op_runner.h"

namespace tenon::ops::tokenizer_test {
namespace {

using namespace tenon::test;
using graph::Attrs;
using Strings = std::vector<std::string>;
using Ints = std::vector<int64_t>;

Value run(const Value& x, const char* how, const Strings& patterns, bool mark = false, int64_t shortest = 1) {
  Attrs attrs{{"mark", int64_t{mark}}, {"mincharnum", shortest}, {"pad_value", std::string("#")}};
  if (std::string_view(how) == "tokenexp")
    attrs.set(how, patterns[0]);
  else
    attrs.set(how, patterns);
  return run_op("com.microsoft", "Tokenizer", 1, {x}, attrs)[0];
}
void expect(const Value& y, const Ints& dims, const Strings& want) {
  EXPECT_EQ(dims_of(y), dims);
  EXPECT_EQ(items<std::string>(y), want);
}

TEST(Tokenizer, SeparatorsAndTokens) {
  const Value x = vec<std::string>({"ab c.d", "", "xx  yy"});
  expect(run(x, "separators", {" ", "\\."}), {3, 3}, {"ab", "c", "d", "#", "#", "#", "xx", "yy", "#"});
  expect(run(x, "tokenexp", {"[a-z]+"}, false, 2), {3, 2}, {"ab", "#", "#", "#", "xx", "yy"});
  expect(run(x, "tokenexp", {"[a-x]*"}, true), {3, 5},
         {"\x02", "ab", "c", "d", "\x03", "\x02", "\x03", "#", "#", "#", "\x02", "xx", "\x03", "#", "#"});
  expect(run(vec<std::string>({"aab"}), "tokenexp", {"a|aa"}), {1, 1}, {"aa"});  // the longest match
  expect(run(vec<std::string>({"  "}), "separators", {" "}, true), {1, 0}, {});
  expect(run(tensor<std::string>({2, 2}, {"a b", "c", "d e f", ""}), "separators", {" "}), {2, 2, 3},
         {"a", "b", "#", "c", "#", "#", "d", "e", "f", "#", "#", "#"});
}

TEST(Tokenizer, CharactersAreCodePoints) {
  expect(run(vec<std::string>({"\u00e9a", "b"}), "separators", {""}), {2, 2}, {"\u00e9", "a", "b", "#"});
  expect(run(vec<std::string>({"a\n"}), "tokenexp", {"."}), {1, 2}, {"a", "\n"});
  expect(run(vec<std::string>({"\u00e9a \u00e9 c"}), "separators", {" "}, false, 2), {1, 1}, {"\u00e9a"});
}

TEST(Tokenizer, Errors) {
  const Value x = vec<std::string>({"a"});
  const auto error = [&](const char* how, const Strings& p, int64_t shortest = 1) {
    return error_of([&] { run(x, how, p, false, shortest); });
  };
  const auto has = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has(error("separators", {"("}), "no regular expression");
  has(error("separators", {}), "one of the attributes");
  has(error("separators", {"", "x"}), "must be the only one");
  has(error("separators", {""}, 2), "mincharnum is 2");
  has(error("tokenexp", {"a"}, 0), "mincharnum is 0");
  has(error_of([&] { run(tensor<std::string>({1, 1, 1}, {"a"}), "tokenexp", {"a"}); }), "expected [C] or [N, C]");
}

}  // namespace
}  // namespace tenon::ops::tokenizer_test
