// BMP: 1 to 32 bits per pixel, plain, with bit masks, or run-length encoded.
#include <algorithm>
#include <bit>
#include <cstring>

#include "extras/images/format.h"

namespace tenon::extras::images {
namespace bmp {
namespace {

struct Reader {
  Bytes data;
  uint32_t get(size_t at, size_t bytes) const {
    if (at > data.size() || data.size() - at < bytes) throw std::runtime_error("the file is cut off");
    uint32_t v = 0;
    for (size_t i = bytes; i-- > 0;) v = v << 8 | data[at + i];
    return v;
  }
};

enum Compression : uint32_t { kPlain = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3, kAlphaMasks = 6 };

struct Header {
  int64_t width, height;
  bool top_down = false;
  uint32_t bits, compression = kPlain, pixels;
  size_t palette = 0, colours = 0, colour_bytes = 4;
  uint32_t mask[3] = {0xff0000, 0xff00, 0xff};
};

Header header(const Reader& r) {
  Header h{};
  h.pixels = r.get(10, 4);
  const uint32_t size = r.get(14, 4);
  if (size == 12) {
    h.width = r.get(18, 2), h.height = r.get(20, 2), h.bits = r.get(24, 2);
    h.colour_bytes = 3;
  } else if (size >= 40) {
    h.width = static_cast<int32_t>(r.get(18, 4)), h.height = static_cast<int32_t>(r.get(22, 4));
    h.top_down = h.height < 0;
    if (h.top_down) h.height = -h.height;
    h.bits = r.get(28, 2), h.compression = r.get(30, 4), h.colours = r.get(46, 4);
  } else {
    throw std::runtime_error("the header has an unknown size");
  }
  const bool known = h.bits == 1 || h.bits == 4 || h.bits == 8 || h.bits == 16 || h.bits == 24 || h.bits == 32;
  const bool masks = h.compression == kMasks || h.compression == kAlphaMasks;
  const bool fits = h.compression == kPlain || (masks && (h.bits == 16 || h.bits == 32)) ||
                    (h.compression == kRuns8 && h.bits == 8) || (h.compression == kRuns4 && h.bits == 4);
  if (!known || !fits) throw std::runtime_error("the bits per pixel or the compression is unknown");
  if (h.width < 1 || h.height < 1) throw std::runtime_error("the image is empty");
  h.palette = 14 + size_t{size};
  if (h.bits == 16) h.mask[0] = 0x7c00, h.mask[1] = 0x3e0, h.mask[2] = 0x1f;
  if (masks) {
    for (size_t i = 0; i < 3; ++i) h.mask[i] = r.get(54 + 4 * i, 4);
    if (size == 40) h.palette += h.compression == kAlphaMasks ? 16 : 12;
  }
  if (h.bits <= 8) h.colours = h.colours == 0 ? size_t{1} << h.bits : std::min(h.colours, size_t{1} << h.bits);
  return h;
}

/// The bits of a mask as 0 .. 255.
uint8_t channel(uint32_t v, uint32_t mask) {
  if (mask == 0) return 0;
  const uint32_t part = (v & mask) >> std::countr_zero(mask), top = mask >> std::countr_zero(mask);
  return static_cast<uint8_t>((uint64_t{part} * 255 + top / 2) / top);
}

struct Canvas {
  const Reader& r;
  const Header& h;
  uint8_t* rgb;

  uint8_t* row(int64_t y) const { return rgb + (h.top_down ? y : h.height - 1 - y) * h.width * 3; }
  void indexed(uint8_t* pixel, uint32_t index) const {
    if (index >= h.colours) throw std::runtime_error("a pixel is outside the palette");
    const size_t at = h.palette + index * h.colour_bytes;
    for (size_t c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(r.get(at + 2 - c, 1));
  }

  void plain() const {
    const size_t stride = (static_cast<size_t>(h.width) * h.bits + 31) / 32 * 4;
    for (int64_t y = 0; y < h.height; ++y) {
      const size_t begin = h.pixels + static_cast<size_t>(y) * stride;
      r.get(begin + (static_cast<size_t>(h.width) * h.bits + 7) / 8 - 1, 1);  // the row is there
      for (int64_t x = 0; x < h.width; ++x) {
        uint8_t* pixel = row(y) + x * 3;
        const size_t bit = static_cast<size_t>(x) * h.bits, at = begin + bit / 8;
        if (h.bits <= 8) {
          indexed(pixel, r.data[at] >> (8 - h.bits - bit % 8) & ((1u << h.bits) - 1));
        } else if (h.bits == 24) {
          for (size_t c = 0; c < 3; ++c) pixel[c] = r.data[at + 2 - c];
        } else {
          const uint32_t v = r.get(at, h.bits / 8);
          for (size_t c = 0; c < 3; ++c) pixel[c] = channel(v, h.mask[c]);
        }
      }
    }
  }

  /// Pairs (count, value); a count of 0 escapes: end of row, end of image, a jump, or so many plain pixels.
  void runs() const {
    const uint32_t per_byte = 8 / h.bits;
    size_t at = h.pixels;
    int64_t x = 0, y = 0;
    for (int64_t i = 0; i < h.height; ++i)
      for (int64_t j = 0; j < h.width; ++j) indexed(row(i) + 3 * j, 0);
    const auto put = [&](uint32_t byte, uint32_t k) {
      if (x >= h.width || y >= h.height) throw std::runtime_error("a run leaves the image");
      indexed(row(y) + 3 * x++, h.bits == 8 ? byte : k % 2 == 0 ? byte >> 4 : byte & 15);
    };
    while (y < h.height) {
      const uint32_t count = r.get(at, 1), value = r.get(at + 1, 1);
      at += 2;
      if (count > 0) {
        for (uint32_t k = 0; k < count; ++k) put(value, k);
      } else if (value == 0) {
        x = 0, ++y;
      } else if (value == 1) {
        return;
      } else if (value == 2) {
        x += r.get(at, 1), y += r.get(at + 1, 1);
        at += 2;
      } else {
        for (uint32_t k = 0; k < value; ++k) put(r.get(at + k / per_byte, 1), k);
        at += ((value + per_byte - 1) / per_byte + 1) / 2 * 2;
      }
    }
  }
};

bool matches(Bytes data) { return starts_with(data, {'B', 'M'}); }

Extent probe(Bytes data) {
  const Header h = header({data});
  return {h.height, h.width};
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  const Reader r{data};
  const Header h = header(r);
  expect_extent(extent, h.height, h.width);
  const Canvas canvas{r, h, rgb};
  if (h.compression == kRuns8 || h.compression == kRuns4)
    canvas.runs();
  else
    canvas.plain();
}

}  // namespace
}  // namespace bmp

const Format kBmp = {"BMP", bmp::matches, bmp::probe, bmp::decode};

}  // namespace tenon::extras::images
