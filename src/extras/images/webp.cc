// WebP by libwebp; transparency is dropped, animations are refused.
#include <webp/decode.h>

#include "extras/images/format.h"

namespace tenon::extras::images {
namespace webp {
namespace {

bool matches(Bytes data) {
  return data.size() >= 12 && starts_with(data, {'R', 'I', 'F', 'F'}) &&
         starts_with(data.subspan(8), {'W', 'E', 'B', 'P'});
}

Extent probe(Bytes data) {
  WebPBitstreamFeatures f;
  if (WebPGetFeatures(data.data(), data.size(), &f) != VP8_STATUS_OK) throw std::runtime_error("the header is broken");
  if (f.has_animation) throw std::runtime_error("an animation is no single image");
  return {f.height, f.width};
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  const Extent e = probe(data);
  expect_extent(extent, e.height, e.width);
  const auto stride = static_cast<int>(extent.width * 3);
  if (!WebPDecodeRGBInto(data.data(), data.size(), rgb,
                         static_cast<size_t>(extent.height) * static_cast<size_t>(stride), stride))
    throw std::runtime_error("the data are broken or cut off");
}

}  // namespace
}  // namespace webp

const Format kWebp = {"WebP", webp::matches, webp::probe, webp::decode};

}  // namespace tenon::extras::images
