// JPEG by libjpeg-turbo, with its own default transform and smooth upsampling.
#include <cstdio>
// jpeglib.h wants FILE.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <vector>

#include "extras/images/format.h"

namespace tenon::extras::images {
namespace jpeg {
namespace {

constexpr int kMaxScans = 500;  // progressive images of tiny scans are a way to burn time

struct Failure : jpeg_error_mgr {
  std::jmp_buf back;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void leave(j_common_ptr c) {
  auto* f = static_cast<Failure*>(c->err);
  f->format_message(c, f->text);
  std::longjmp(f->back, 1);
}
void on_message(j_common_ptr c, int level) {
  if (level < 0 && c->err->msg_code == JWRN_JPEG_EOF) leave(c);  // other damage that the decoder repairs is let pass
}
void on_progress(j_common_ptr c) {
  if (reinterpret_cast<j_decompress_ptr>(c)->input_scan_number > kMaxScans) leave(c);
}

/// Calls body(decompressor) behind the header. Nothing with a destructor may live in `body`: errors jump over it.
template <class F>
void with_header(Bytes data, F&& body) {
  jpeg_decompress_struct c{};
  Failure failure{};
  jpeg_progress_mgr progress{};
  c.err = jpeg_std_error(&failure);
  failure.error_exit = leave;
  failure.emit_message = on_message;
  if (setjmp(failure.back)) {
    jpeg_destroy_decompress(&c);
    throw std::runtime_error(failure.text);
  }
  jpeg_create_decompress(&c);
  progress.progress_monitor = on_progress;
  c.progress = &progress;
  jpeg_mem_src(&c, data.data(), static_cast<unsigned long>(data.size()));
  jpeg_read_header(&c, TRUE);
  body(c);
  jpeg_destroy_decompress(&c);
}

bool matches(Bytes data) { return starts_with(data, {0xff, 0xd8, 0xff}); }

Extent probe(Bytes data) {
  Extent e{};
  with_header(data, [&](jpeg_decompress_struct& c) { e = {c.image_height, c.image_width}; });
  return e;
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  std::vector<uint8_t> row(static_cast<size_t>(extent.width) * 4);
  uint8_t* const inks = row.data();
  bool changed = false;
  with_header(data, [&](jpeg_decompress_struct& c) {
    if (c.image_height != extent.height || c.image_width != extent.width) {
      changed = true;
      return;
    }
    const bool cmyk = c.jpeg_color_space == JCS_CMYK || c.jpeg_color_space == JCS_YCCK;
    c.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&c);
    while (c.output_scanline < c.output_height) {
      uint8_t* to = rgb + static_cast<int64_t>(c.output_scanline) * extent.width * 3;
      JSAMPROW line = cmyk ? inks : to;
      jpeg_read_scanlines(&c, &line, 1);
      for (int64_t x = 0; cmyk && x < extent.width; ++x)  // Adobe's files hold inverted inks
        for (int k = 0; k < 3; ++k) {
          const int ink = inks[4 * x + k], black = inks[4 * x + 3];
          to[3 * x + k] =
              static_cast<uint8_t>(c.saw_Adobe_marker ? ink * black / 255 : (255 - ink) * (255 - black) / 255);
        }
    }
    jpeg_finish_decompress(&c);
  });
  if (changed) throw std::runtime_error("the image changes its size");
}

}  // namespace
}  // namespace jpeg

const Format kJpeg = {"JPEG", jpeg::matches, jpeg::probe, jpeg::decode};

}  // namespace tenon::extras::images
