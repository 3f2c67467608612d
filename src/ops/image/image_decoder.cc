// ImageDecoder: an encoded image as [height, width, channels] of uint8, by decoders of libtenon_images.so.
#include "base/library.h"
#include "extras/images.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/op.h"

namespace tenon::ops::image_decoder {
namespace {

constexpr int64_t kMaxPixels = int64_t{1} << 27;  // checked before anything is decoded
constexpr int64_t kMaxBytes = int64_t{1} << 30;
constexpr DTypeSet kUint8 = dtype_bit(DType::kUint8);

enum class Pixel { kRgb, kBgr, kGrey };
Pixel pixel_format(const graph::Attrs& attrs) {
  const std::string_view f = attrs.get_string("pixel_format", "RGB");
  if (f == "RGB") return Pixel::kRgb;
  if (f == "BGR") return Pixel::kBgr;
  if (f == "Grayscale") return Pixel::kGrey;
  fail("attribute pixel_format: '{}' found, expected RGB, BGR or Grayscale", f);
}

void infer(InferContext& c) {
  expect_rank(c, 0, 1);
  c.set(0, DType::kUint8, {c.fresh(), c.fresh(), pixel_format(c.attrs()) == Pixel::kGrey ? 1 : 3});
}

const extras::ImageApi& api() {
  static const extras::ImageApi& loaded = []() -> const extras::ImageApi& {
    extras::ImageEntry* entry = nullptr;
    SharedLibrary::beside(extras::kImageLibrary).bind(extras::kImageEntry, entry);
    return *entry();
  }();
  return loaded;
}

struct ImageDecoder final : Kernel {
  explicit ImageDecoder(const NodeInfo& info) : format(pixel_format(info.attrs)) { api(); }

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    char why[256] = "";
    extras::ImageInfo info;
    if (x.count > kMaxBytes) fail_limit("image_bytes", "an encoded image of {} bytes", x.count);
    const auto* data = x.as<uint8_t>();
    const auto size = static_cast<size_t>(x.count);
    if (!api().probe(data, size, &info, why, sizeof(why))) fail("encoded_stream: {}", static_cast<const char*>(why));
    if (info.height > kMaxPixels / info.width)
      fail_limit("image_pixels", "an image of {} x {} pixels", info.height, info.width);
    const int64_t pixels = info.height * info.width;
    const bool grey = format == Pixel::kGrey;
    uint8_t* out = c.output(0, DType::kUint8, Dims{info.height, info.width, grey ? 1 : 3}).out<uint8_t>();
    uint8_t* rgb = grey ? c.scratch<uint8_t>(3 * pixels) : out;
    if (!api().decode(data, size, &info, rgb, why, sizeof(why)))
      fail("encoded_stream: {}", static_cast<const char*>(why));
    for (int64_t i = 0; format == Pixel::kBgr && i < pixels; ++i) std::swap(out[3 * i], out[3 * i + 2]);
    // ITU-R 601's luma in 16-bit fixed point, rounded.
    for (int64_t i = 0; grey && i < pixels; ++i)
      out[i] =
          static_cast<uint8_t>((rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 + 32768) >> 16);
  }
  Pixel format;
};

constexpr AttrDef kAttrs[] = {string_attr("pixel_format", "RGB")};
constexpr Port kIn[] = {{"encoded_stream", kUint8, "T1"}}, kOut[] = {{"image", kUint8, "T2"}};
constexpr OpDef kOps[] = {{.name = "ImageDecoder",
                           .since = 20,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<ImageDecoder>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::image_decoder
