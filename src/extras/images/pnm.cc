// PNM: P1 to P6, bitmaps, grey and colour maps, as text or binary, with samples of up to 16 bits.
#include "extras/images/format.h"

namespace tenon::extras::images {
namespace pnm {
namespace {

struct Header {
  int kind;  ///< 1 .. 6
  int64_t width, height, maximum;
  size_t end;  ///< where the samples begin
  bool text() const { return kind <= 3; }
  bool bits() const { return kind == 1 || kind == 4; }
  int channels() const { return kind == 3 || kind == 6 ? 3 : 1; }
};

bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The next number; comments run from # to the end of the line.
int64_t number(Bytes data, size_t& at, bool single_digit = false) {
  while (at < data.size() && (is_space(data[at]) || data[at] == '#')) {
    if (data[at] == '#')
      while (at < data.size() && data[at] != '\n') ++at;
    else
      ++at;
  }
  const size_t first = at;
  int64_t v = 0;
  for (; at < data.size() && data[at] >= '0' && data[at] <= '9' && !(single_digit && at > first); ++at) {
    v = v * 10 + (data[at] - '0');
    if (v > INT32_MAX) throw std::runtime_error("a number is too large");
  }
  if (at == first) throw std::runtime_error("a number is missing");
  return v;
}

Header header(Bytes data) {
  Header h{data[1] - '0', 0, 0, 1, 2};
  h.width = number(data, h.end);
  h.height = number(data, h.end);
  if (!h.bits()) h.maximum = number(data, h.end);
  if (h.maximum < 1 || h.maximum > 65535) throw std::runtime_error("the largest sample must be in [1, 65535]");
  if (!h.text()) {
    if (h.end >= data.size() || !is_space(data[h.end])) throw std::runtime_error("the header has no end");
    ++h.end;
  }
  return h;
}

bool matches(Bytes data) {
  return data.size() > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' && (is_space(data[2]) || data[2] == '#');
}

Extent probe(Bytes data) {
  const Header h = header(data);
  return {h.height, h.width};
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  const Header h = header(data);
  expect_extent(extent, h.height, h.width);
  size_t at = h.end;
  const int channels = h.channels();
  const int64_t row_bytes = h.bits() ? (h.width + 7) / 8 : h.width * channels * (h.maximum > 255 ? 2 : 1);
  if (!h.text() && (data.size() - at) / static_cast<size_t>(row_bytes) < static_cast<size_t>(h.height))
    throw std::runtime_error("the samples are cut off");
  for (int64_t y = 0; y < h.height; ++y) {
    for (int64_t x = 0; x < h.width; ++x)
      for (int c = 0; c < channels; ++c) {
        int64_t v;
        if (h.text())
          v = number(data, at, h.bits());
        else if (h.bits())
          v = data[at + static_cast<size_t>(x / 8)] >> (7 - x % 8) & 1;
        else if (h.maximum > 255)
          v = data[at] << 8 | data[at + 1], at += 2;
        else
          v = data[at++];
        if (v > h.maximum) v = h.maximum;
        const auto level = static_cast<uint8_t>(h.bits() ? (v ? 0 : 255) : (v * 255 + h.maximum / 2) / h.maximum);
        uint8_t* pixel = rgb + (y * h.width + x) * 3;
        if (channels == 3)
          pixel[c] = level;
        else
          pixel[0] = pixel[1] = pixel[2] = level;
      }
    if (!h.text() && h.bits()) at += static_cast<size_t>(row_bytes);
  }
}

}  // namespace
}  // namespace pnm

const Format kPnm = {"PNM", pnm::matches, pnm::probe, pnm::decode};

}  // namespace tenon::extras::images
