// TIFF by libtiff: the first image of the file, any compression and colour model that the library turns into RGB.
#include <tiffio.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "extras/images/format.h"

namespace tenon::extras::images {
namespace tiff {
namespace {

struct Source {
  Bytes data;
  uint64_t at = 0;
  char error[192] = "";
};

tmsize_t on_read(thandle_t h, void* to, tmsize_t n) {
  auto* s = static_cast<Source*>(h);
  const uint64_t left = s->at < s->data.size() ? s->data.size() - s->at : 0;
  const size_t take = static_cast<uint64_t>(n) < left ? static_cast<size_t>(n) : static_cast<size_t>(left);
  if (take > 0) std::memcpy(to, s->data.data() + s->at, take);
  s->at += take;
  return static_cast<tmsize_t>(take);
}
tmsize_t on_write(thandle_t, void*, tmsize_t) { return 0; }
toff_t on_seek(thandle_t h, toff_t to, int whence) {
  auto* s = static_cast<Source*>(h);
  s->at = whence == SEEK_SET ? to : whence == SEEK_CUR ? s->at + to : s->data.size() + to;
  return s->at;
}
int on_close(thandle_t) { return 0; }
toff_t on_size(thandle_t h) { return static_cast<Source*>(h)->data.size(); }
int on_error(TIFF*, void* user, const char*, const char* format, va_list args) {
  auto* s = static_cast<Source*>(user);
  if (!s->error[0]) std::vsnprintf(s->error, sizeof(s->error), format, args);
  return 1;
}
int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using Handle = std::unique_ptr<TIFF, void (*)(TIFF*)>;

Handle open(Source& s) {
  constexpr tmsize_t kMaxAllocation = tmsize_t{1} << 30;
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxAllocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &s);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &s);
  Handle t(TIFFClientOpenExt("image", "rm", &s, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr,
                             options.get()),
           TIFFClose);
  if (!t) throw std::runtime_error(s.error[0] ? s.error : "the header is broken");
  return t;
}

Extent extent_of(TIFF* t) {
  uint32_t width = 0, height = 0;
  if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height))
    throw std::runtime_error("the image has no size");
  return {height, width};
}

bool matches(Bytes data) {
  return starts_with(data, {'I', 'I', 42, 0}) || starts_with(data, {'M', 'M', 0, 42}) ||
         starts_with(data, {'I', 'I', 43, 0}) || starts_with(data, {'M', 'M', 0, 43});
}

Extent probe(Bytes data) {
  Source s{data};
  return extent_of(open(s).get());
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  Source s{data};
  const Handle t = open(s);
  const Extent e = extent_of(t.get());
  expect_extent(extent, e.height, e.width);
  std::vector<uint32_t> pixels(static_cast<size_t>(extent.height * extent.width));
  const auto width = static_cast<uint32_t>(extent.width), height = static_cast<uint32_t>(extent.height);
  if (!TIFFReadRGBAImageOriented(t.get(), width, height, pixels.data(), ORIENTATION_TOPLEFT, 1))
    throw std::runtime_error(s.error[0] ? s.error : "the data are broken");
  for (size_t i = 0; i < pixels.size(); ++i) {
    rgb[3 * i] = static_cast<uint8_t>(TIFFGetR(pixels[i]));
    rgb[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(pixels[i]));
    rgb[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(pixels[i]));
  }
}

}  // namespace
}  // namespace tiff

const Format kTiff = {"TIFF", tiff::matches, tiff::probe, tiff::decode};

}  // namespace tenon::extras::images
