// The equation of Einsum: labels of each dim of each operand.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace tenon::ops::einsum {

inline constexpr int kLetters = 52, kMaxRank = 32, kMaxLabels = kLetters + kMaxRank;
inline constexpr int kEllipsis = -1;
using Labels = std::vector<int8_t>;

/// Labels of each operand and of the result, in order; kEllipsis where "..." stands.
struct Equation {
  std::vector<Labels> inputs;
  Labels output;
  explicit Equation(std::string_view text);
};

/// Label of each dim of an operand of `rank`. "..." becomes the labels after the letters, aligned at the last of them.
void spread(const Labels& term, size_t rank, int8_t* out);

}  // namespace tenon::ops::einsum
