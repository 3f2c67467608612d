// Chooses the decoder by the first bytes.
#include "extras/images.h"

#include <cstdio>
#include <exception>
#include <new>

#include "extras/images/format.h"

namespace tenon::extras {
namespace {

using images::Format;
constexpr const Format* kFormats[] = {&images::kJpeg, &images::kPng, &images::kWebp,    &images::kTiff,
                                      &images::kBmp,  &images::kPnm, &images::kJpeg2000};

template <class F>
bool guarded(char* error, size_t error_size, const char* format, F&& f) {
  try {
    f();
    return true;
  } catch (const std::bad_alloc&) {
    std::snprintf(error, error_size, "%s: out of memory", format);
  } catch (const std::exception& e) {
    std::snprintf(error, error_size, "%s: %s", format, e.what());
  }
  return false;
}

bool probe(const uint8_t* data, size_t size, ImageInfo* info, char* error, size_t error_size) {
  const images::Bytes bytes(data, size);
  for (uint32_t i = 0; i < std::size(kFormats); ++i) {
    if (!kFormats[i]->matches(bytes)) continue;
    return guarded(error, error_size, kFormats[i]->name, [&] {
      const images::Extent e = kFormats[i]->probe(bytes);
      if (e.height < 1 || e.width < 1) throw std::runtime_error("the image is empty");
      *info = {i, e.height, e.width};
    });
  }
  std::snprintf(error, error_size, "the bytes are no BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP image");
  return false;
}

bool decode(const uint8_t* data, size_t size, const ImageInfo* info, uint8_t* rgb, char* error, size_t error_size) {
  const Format& f = *kFormats[info->format];
  return guarded(error, error_size, f.name, [&] {
    f.decode(images::Bytes(data, size), {info->height, info->width}, rgb);
  });
}

constexpr ImageApi kApi = {probe, decode};

}  // namespace
}  // namespace tenon::extras

extern "C" __attribute__((visibility("default"))) const tenon::extras::ImageApi* tenon_images_1();
extern "C" const tenon::extras::ImageApi* tenon_images_1() { return &tenon::extras::kApi; }
