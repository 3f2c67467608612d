// What a decoder offers to images.cc. Decoders throw std::runtime_error with the reason.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

namespace tenon::extras::images {

using Bytes = std::span<const uint8_t>;

struct Extent {
  int64_t height, width;
};

struct Format {
  const char* name;
  bool (*matches)(Bytes data);
  Extent (*probe)(Bytes data);
  /// RGB into extent.height * extent.width * 3 bytes; throws when the image has another extent.
  void (*decode)(Bytes data, Extent extent, uint8_t* rgb);
};

extern const Format kBmp, kJpeg, kJpeg2000, kPng, kPnm, kTiff, kWebp;

inline bool starts_with(Bytes data, std::initializer_list<uint8_t> magic) {
  if (data.size() < magic.size()) return false;
  size_t i = 0;
  for (uint8_t m : magic)
    if (data[i++] != m) return false;
  return true;
}
inline void expect_extent(Extent expected, int64_t height, int64_t width) {
  if (expected.height != height || expected.width != width) throw std::runtime_error("the image changes its size");
}

}  // namespace tenon::extras::images
