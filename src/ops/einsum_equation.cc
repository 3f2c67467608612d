// Parses the equation of Einsum.
#include "ops/einsum_equation.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace tenon::ops::einsum {
namespace {

int8_t label_of(char ch) {
  if (ch >= 'a' && ch <= 'z') return static_cast<int8_t>(ch - 'a' + 26);
  if (ch >= 'A' && ch <= 'Z') return static_cast<int8_t>(ch - 'A');  // upper case sorts first
  fail("attribute equation: '{}' found, expected letters, \"...\", ',' and \"->\"", ch);
}

Labels parse_term(std::string_view text) {
  Labels out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text[i] != '.') {
      out.push_back(label_of(text[i]));
      continue;
    }
    if (text.substr(i, 3) != "...") fail("attribute equation: '.' found outside of \"...\"");
    if (std::count(out.begin(), out.end(), kEllipsis)) fail("attribute equation: \"...\" twice in one term");
    out.push_back(kEllipsis);
    i += 2;
  }
  return out;
}

}  // namespace

Equation::Equation(std::string_view text) {
  const size_t arrow = text.find("->");
  std::string_view left = text.substr(0, arrow);
  for (;;) {
    const size_t comma = left.find(',');
    inputs.push_back(parse_term(left.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    left = left.substr(comma + 1);
  }
  std::array<int, kLetters> seen{};
  bool ellipsis = false;
  for (const Labels& in : inputs)
    for (int8_t l : in)
      if (l == kEllipsis)
        ellipsis = true;
      else
        ++seen[static_cast<size_t>(l)];
  if (arrow == std::string_view::npos) {  // implicit form: labels that occur once, in order
    if (ellipsis) output.push_back(kEllipsis);
    for (int l = 0; l < kLetters; ++l)
      if (seen[static_cast<size_t>(l)] == 1) output.push_back(static_cast<int8_t>(l));
    return;
  }
  output = parse_term(text.substr(arrow + 2));
  for (size_t i = 0; i < output.size(); ++i) {
    if (output[i] != kEllipsis && seen[static_cast<size_t>(output[i])] == 0)
      fail("attribute equation: the result has a label that no operand has");
    if (std::count(output.begin(), output.end(), output[i]) > 1)
      fail("attribute equation: a label stands twice in the result");
  }
}

void spread(const Labels& term, size_t rank, int8_t* out) {
  const size_t named = term.size() - static_cast<size_t>(std::count(term.begin(), term.end(), kEllipsis));
  if (rank < named || (rank > named && named == term.size()))
    fail("operand of rank {} found, expected {} dims by the equation", rank, named);
  if (rank > kMaxRank) fail("operand of rank {} found, expected at most {}", rank, kMaxRank);
  size_t at = 0;
  for (int8_t l : term)
    if (l != kEllipsis)
      out[at++] = l;
    else
      for (size_t i = rank - named; i > 0; --i) out[at++] = static_cast<int8_t>(kMaxLabels - static_cast<int>(i));
}

}  // namespace tenon::ops::einsum
