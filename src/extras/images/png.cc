// PNG by libpng: samples as stored, 16 bits cut to 8, transparency dropped.
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "extras/images/format.h"

namespace tenon::extras::images {
namespace png {
namespace {

struct Source {
  Bytes data;
  size_t at = 0;
  char error[128] = "";
};

[[noreturn]] void on_error(png_structp p, png_const_charp what) {
  auto* s = static_cast<Source*>(png_get_error_ptr(p));
  std::snprintf(s->error, sizeof(s->error), "%s", what);
  png_longjmp(p, 1);
}
void on_warning(png_structp, png_const_charp) {}
void on_read(png_structp p, png_bytep to, size_t n) {
  auto* s = static_cast<Source*>(png_get_io_ptr(p));
  if (s->data.size() - s->at < n) png_error(p, "the file is cut off");
  std::memcpy(to, s->data.data() + s->at, n);
  s->at += n;
}

/// Calls body(png, info) behind the header. Nothing with a destructor may live in `body`: errors jump over it.
template <class F>
void with_header(Bytes data, F&& body) {
  Source source{data};
  png_structp p = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
  if (!p) throw std::bad_alloc();
  png_infop info = png_create_info_struct(p);
  if (!info || setjmp(png_jmpbuf(p))) {
    png_destroy_read_struct(&p, &info, nullptr);
    throw std::runtime_error(source.error[0] ? source.error : "out of memory");
  }
  png_set_user_limits(p, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller judges the size
  png_set_read_fn(p, &source, on_read);
  png_read_info(p, info);
  body(p, info);
  png_destroy_read_struct(&p, &info, nullptr);
}

bool matches(Bytes data) { return starts_with(data, {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}); }

Extent probe(Bytes data) {
  Extent e{};
  with_header(data, [&](png_structp p, png_infop i) { e = {png_get_image_height(p, i), png_get_image_width(p, i)}; });
  return e;
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  std::vector<png_bytep> rows(static_cast<size_t>(extent.height));
  for (int64_t y = 0; y < extent.height; ++y) rows[static_cast<size_t>(y)] = rgb + y * extent.width * 3;
  png_bytep* const lines = rows.data();
  with_header(data, [&](png_structp p, png_infop i) {
    if (png_get_image_height(p, i) != extent.height || png_get_image_width(p, i) != extent.width)
      png_error(p, "the image changes its size");
    if (png_get_color_type(p, i) == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(p);
    png_set_expand_gray_1_2_4_to_8(p);
    png_set_strip_16(p);
    png_set_strip_alpha(p);
    png_set_gray_to_rgb(p);
    png_set_interlace_handling(p);
    png_read_update_info(p, i);
    if (png_get_rowbytes(p, i) != static_cast<size_t>(extent.width) * 3) png_error(p, "the colour type is unknown");
    png_read_image(p, lines);
    png_read_end(p, nullptr);
  });
}

}  // namespace
}  // namespace png

const Format kPng = {"PNG", png::matches, png::probe, png::decode};

}  // namespace tenon::extras::images
