// RegexFullMatch: whole strings, RE2's syntax, linear time, and patterns that are none.
#include <gtest/gtest.h>

#include "support/op_runner.h"

namespace tenon::ops::regex_full_match_test {
namespace {

using namespace tenon::test;
using Bools = std::vector<bool>;

Bools match(const std::string& pattern, const std::vector<std::string>& x) {
  return items<bool>(run1("RegexFullMatch", 20, {vec<std::string>(x)}, {{"pattern", pattern}}));
}

TEST(RegexFullMatch, Cases) {
  EXPECT_EQ(match(R"(www\.[\w.-]+\.\bcom\b)", {"www.google.com", "www.facebook.com", "www.bbc.co.uk"}),
            (Bools{true, true, false}));
  EXPECT_EQ(match("a+", {"aaa", "baaa", "aaab", ""}), (Bools{true, false, false, false}));
  EXPECT_EQ(match("", {"", "a"}), (Bools{true, false}));
  EXPECT_EQ(match("(?i)ÄÖ.", {"äöß", "äö"}), (Bools{true, false}));  // code points, not bytes
  EXPECT_EQ(match("a.c", {std::string("a\0c", 3), "a\nc"}), (Bools{true, false}));
  const Value square =
      run1("RegexFullMatch", 20, {tensor<std::string>({2, 1}, {"x", "y"})}, {{"pattern", std::string("x")}});
  EXPECT_EQ(dims_of(square), (std::vector<int64_t>{2, 1}));
}

// Backtracking engines need 2^n steps for this one.
TEST(RegexFullMatch, LinearTime) { EXPECT_EQ(match("(a*)*(a*)*b", {std::string(100000, 'a')}), Bools{false}); }

TEST(RegexFullMatch, Errors) {
  EXPECT_NE(error_of([] { match("(a", {"a"}); }).find("'(a' is no regular expression"), std::string::npos);
  EXPECT_NE(error_of([] { match(R"((a)\1)", {"a"}); }).find("no regular expression"), std::string::npos);
  EXPECT_NE(error_of([] { run1("RegexFullMatch", 20, {vec<std::string>({"a"})}); }).find("pattern is missing"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::regex_full_match_test
