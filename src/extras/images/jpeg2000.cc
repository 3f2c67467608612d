// JPEG 2000 (files and bare codestreams) by OpenJPEG: grey, RGB and YCC; further components are dropped.
#include <openjpeg.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "extras/images/format.h"

namespace tenon::extras::images {
namespace jpeg2000 {
namespace {

bool is_codestream(Bytes data) { return starts_with(data, {0xff, 0x4f, 0xff, 0x51}); }
bool matches(Bytes data) {
  return is_codestream(data) || starts_with(data, {0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'});
}

struct Decoder {
  Bytes data;
  size_t at = 0;
  char error[192] = "";
  std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec{nullptr, opj_destroy_codec};
  std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream{nullptr, opj_stream_destroy};
  std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image{nullptr, opj_image_destroy};

  explicit Decoder(Bytes bytes) : data(bytes) {
    codec.reset(opj_create_decompress(is_codestream(data) ? OPJ_CODEC_J2K : OPJ_CODEC_JP2));
    stream.reset(opj_stream_create(std::min<size_t>(data.size() + 1, 1 << 20), OPJ_TRUE));
    if (!codec || !stream) throw std::bad_alloc();
    opj_set_error_handler(codec.get(), on_error, this);
    opj_stream_set_user_data(stream.get(), this, nullptr);
    opj_stream_set_user_data_length(stream.get(), data.size());
    opj_stream_set_read_function(stream.get(), on_read);
    opj_stream_set_skip_function(stream.get(), on_skip);
    opj_stream_set_seek_function(stream.get(), on_seek);
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_image_t* made = nullptr;
    const bool ok = opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &made);
    image.reset(made);
    if (!ok || !made) fail("the header is broken");
    if (made->numcomps < 1 || made->numcomps > 16) throw std::runtime_error("the number of components is not 1 to 16");
    for (OPJ_UINT32 k = 0; k < made->numcomps; ++k)
      if (made->comps[k].prec < 1 || made->comps[k].prec > 31 || made->comps[k].dx < 1 || made->comps[k].dy < 1)
        throw std::runtime_error("a component is not as the standard says");
  }
  [[noreturn]] void fail(const char* otherwise) const { throw std::runtime_error(error[0] ? error : otherwise); }
  Extent extent() const { return {int64_t{image->y1} - int64_t{image->y0}, int64_t{image->x1} - int64_t{image->x0}}; }

  static void on_error(const char* what, void* self) {
    auto* d = static_cast<Decoder*>(self);
    if (!d->error[0])
      std::snprintf(d->error, sizeof(d->error), "%.*s", static_cast<int>(std::strcspn(what, "\n")), what);
  }
  static OPJ_SIZE_T on_read(void* to, OPJ_SIZE_T n, void* self) {
    auto* d = static_cast<Decoder*>(self);
    const size_t take = std::min<size_t>(n, d->data.size() - d->at);
    if (take == 0) return static_cast<OPJ_SIZE_T>(-1);
    std::memcpy(to, d->data.data() + d->at, take);
    d->at += take;
    return take;
  }
  static OPJ_OFF_T on_skip(OPJ_OFF_T n, void* self) {
    auto* d = static_cast<Decoder*>(self);
    if (n < 0) return -1;
    const auto take = std::min<OPJ_OFF_T>(n, static_cast<OPJ_OFF_T>(d->data.size() - d->at));
    d->at += static_cast<size_t>(take);
    return take;
  }
  static OPJ_BOOL on_seek(OPJ_OFF_T to, void* self) {
    auto* d = static_cast<Decoder*>(self);
    if (to < 0 || static_cast<size_t>(to) > d->data.size()) return OPJ_FALSE;
    d->at = static_cast<size_t>(to);
    return OPJ_TRUE;
  }
};

Extent probe(Bytes data) { return Decoder(data).extent(); }

/// Sample (x, y) of a component as 0 .. 255.
int sample(const opj_image_comp_t& c, int64_t x, int64_t y) {
  const int64_t i = std::min<int64_t>(x / c.dx, c.w - 1), j = std::min<int64_t>(y / c.dy, c.h - 1);
  int64_t v = int64_t{c.data[j * c.w + i]} + (c.sgnd ? int64_t{1} << (c.prec - 1) : 0);
  v = c.prec > 8 ? v >> (c.prec - 8) : c.prec < 8 ? v * 255 / ((1 << c.prec) - 1) : v;
  return static_cast<int>(std::clamp<int64_t>(v, 0, 255));
}

void decode(Bytes data, Extent extent, uint8_t* rgb) {
  Decoder d(data);
  expect_extent(extent, d.extent().height, d.extent().width);
  if (!opj_decode(d.codec.get(), d.stream.get(), d.image.get())) d.fail("the data are broken");
  const opj_image_t& image = *d.image;
  const bool colour = image.numcomps >= 3;
  for (int k = 0; k < (colour ? 3 : 1); ++k)
    if (!image.comps[k].data || image.comps[k].w < 1 || image.comps[k].h < 1) d.fail("a component has no data");
  const bool ycc = colour && (image.color_space == OPJ_CLRSPC_SYCC ||
                              (image.comps[0].dx == 1 && image.comps[1].dx == 2 && image.comps[2].dx == 2));
  for (int64_t y = 0; y < extent.height; ++y)
    for (int64_t x = 0; x < extent.width; ++x) {
      uint8_t* pixel = rgb + (y * extent.width + x) * 3;
      const int a = sample(image.comps[0], x, y);
      const int b = colour ? sample(image.comps[1], x, y) : a, c = colour ? sample(image.comps[2], x, y) : a;
      if (!ycc) {
        pixel[0] = static_cast<uint8_t>(a), pixel[1] = static_cast<uint8_t>(b), pixel[2] = static_cast<uint8_t>(c);
        continue;
      }
      const double blue = b - 128, red = c - 128;
      const double level[] = {a + 1.402 * red, a - 0.344136 * blue - 0.714136 * red, a + 1.772 * blue};
      for (int k = 0; k < 3; ++k) pixel[k] = static_cast<uint8_t>(std::clamp(level[k] + 0.5, 0.0, 255.0));
    }
}

}  // namespace
}  // namespace jpeg2000

const Format kJpeg2000 = {"JPEG 2000", jpeg2000::matches, jpeg2000::probe, jpeg2000::decode};

}  // namespace tenon::extras::images
