// Case mapping by ranges of code points.
#include "ops/utf8.h"

#include <cstdint>

namespace tenon::ops {
namespace {

/// Upper-case letters [first, last]; step 1: lower case is at +offset; step 2: upper and lower case alternate.
struct Range {
  char32_t first, last;
  int32_t offset;
  int step;
};
constexpr Range kUpper[] = {
    {0x41, 0x5a, 32, 1},     {0xc0, 0xd6, 32, 1},   {0xd8, 0xde, 32, 1},    {0x100, 0x12e, 1, 2},
    {0x132, 0x136, 1, 2},    {0x139, 0x147, 1, 2},  {0x14a, 0x176, 1, 2},   {0x178, 0x178, -121, 1},
    {0x179, 0x17d, 1, 2},    {0x1cd, 0x1db, 1, 2},  {0x1de, 0x1ee, 1, 2},   {0x1f8, 0x21e, 1, 2},
    {0x222, 0x232, 1, 2},    {0x386, 0x386, 38, 1}, {0x388, 0x38a, 37, 1},  {0x38c, 0x38c, 64, 1},
    {0x38e, 0x38f, 63, 1},   {0x391, 0x3a1, 32, 1}, {0x3a3, 0x3ab, 32, 1},  {0x400, 0x40f, 80, 1},
    {0x410, 0x42f, 32, 1},   {0x460, 0x480, 1, 2},  {0x48a, 0x4be, 1, 2},   {0x4c1, 0x4cd, 1, 2},
    {0x4d0, 0x52e, 1, 2},    {0x531, 0x556, 48, 1}, {0x1e00, 0x1e94, 1, 2}, {0x1ea0, 0x1efe, 1, 2},
    {0xff21, 0xff3a, 32, 1},
};

bool in(const Range& r, char32_t c) {
  return c >= r.first && c <= r.last && (c - r.first) % static_cast<char32_t>(r.step) == 0;
}

void append(std::string& out, char32_t c) {
  const auto byte = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3f));
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

}  // namespace

char32_t to_lower(char32_t c) {
  for (const Range& r : kUpper)
    if (in(r, c)) return c + static_cast<char32_t>(r.offset);
  return c;
}

char32_t to_upper(char32_t c) {
  for (const Range& r : kUpper)
    if (in(r, c - static_cast<char32_t>(r.offset))) return c - static_cast<char32_t>(r.offset);
  return c;
}

size_t decode(std::string_view s, char32_t* code) {
  const auto b = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
  const uint8_t lead = b(0);
  *code = 0xfffd;
  if (lead < 0x80) {
    *code = lead;
    return 1;
  }
  const size_t n = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (n == 0 || lead >= 0xf8 || s.size() < n) return 1;
  char32_t c = lead & (0x7fu >> n);
  for (size_t i = 1; i < n; ++i) {
    if ((b(i) & 0xc0) != 0x80) return 1;
    c = c << 6 | (b(i) & 0x3fu);
  }
  constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLowest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 1;
  *code = c;
  return n;
}

std::string map_case(std::string_view s, char32_t (*map)(char32_t)) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    char32_t c;
    const size_t n = decode(s, &c);
    if (n == 1 && c == 0xfffd) {
      out.push_back(s[0]);
    } else {
      append(out, map(c));
    }
    s.remove_prefix(n);
  }
  return out;
}

}  // namespace tenon::ops
