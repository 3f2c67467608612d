// ImageDecoder on images that are short enough to be written down; the other formats are in
// tests/python/test_images.py.
#include <gtest/gtest.h>

#include "support/op_runner.h"

namespace tenon::ops::image_decoder_test {
namespace {

using namespace tenon::test;
using Bytes = std::vector<uint8_t>;

Value decode(const std::string& data, const char* format = "RGB") {
  return run1("ImageDecoder", 20, {vec<uint8_t>(Bytes(data.begin(), data.end()))},
              {{"pixel_format", std::string(format)}});
}
void expect_error(const std::string& part, const std::function<void()>& f) {
  const std::string message = error_of(f);
  EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
}
std::string little(uint32_t v, int bytes) {
  std::string s;
  for (int i = 0; i < bytes; ++i) s += static_cast<char>(v >> 8 * i);
  return s;
}
/// A bitmap with a header of 40 bytes; `rest` = masks, palette and pixels, which start at `pixels`.
std::string bmp(int width, int height, uint32_t bits, uint32_t compression, uint32_t colours, uint32_t pixels,
                const std::string& rest) {
  return "BM" + little(0, 8) + little(54 + pixels, 4) + little(40, 4) + little(static_cast<uint32_t>(width), 4) +
         little(static_cast<uint32_t>(height), 4) + little(1, 2) + little(bits, 2) + little(compression, 4) +
         little(0, 12) + little(colours, 4) + little(0, 4) + rest;
}

TEST(ImageDecoder, Pnm) {
  EXPECT_EQ(items<uint8_t>(decode("P3 # a comment\n2 1 255\n1 2 3 40 50 60")), (Bytes{1, 2, 3, 40, 50, 60}));
  EXPECT_EQ(items<uint8_t>(decode("P3 2 1 255\n1 2 3 40 50 60", "BGR")), (Bytes{3, 2, 1, 60, 50, 40}));
  const Value grey = decode("P3 2 1 255 255 0 0 0 0 255", "Grayscale");
  EXPECT_EQ(dims_of(grey), (std::vector<int64_t>{1, 2, 1}));
  EXPECT_EQ(items<uint8_t>(grey), (Bytes{76, 29}));
  EXPECT_EQ(items<uint8_t>(decode("P1 3 1 101")), (Bytes{0, 0, 0, 255, 255, 255, 0, 0, 0}));
  EXPECT_EQ(items<uint8_t>(decode("P4 3 1\n\xa0")), (Bytes{0, 0, 0, 255, 255, 255, 0, 0, 0}));
  EXPECT_EQ(items<uint8_t>(decode("P2 2 1 15 0 15")), (Bytes{0, 0, 0, 255, 255, 255}));
  EXPECT_EQ(items<uint8_t>(decode("P5 1 2 255\n\x07\x09")), (Bytes{7, 7, 7, 9, 9, 9}));
  EXPECT_EQ(items<uint8_t>(decode(std::string("P6 1 1 65535\n\xff\xff\x80\x80\0\0", 19))), (Bytes{255, 128, 0}));
}

TEST(ImageDecoder, BmpOfEveryDepth) {
  const std::string two = little(0x00102030, 4) + little(0x00ffffff, 4);
  EXPECT_EQ(items<uint8_t>(decode(bmp(2, -1, 1, 0, 2, 8, two + little(0x40, 4)))),
            (Bytes{0x10, 0x20, 0x30, 255, 255, 255}));
  EXPECT_EQ(items<uint8_t>(decode(bmp(2, 1, 4, 0, 2, 8, two + little(0x10, 4)))),
            (Bytes{255, 255, 255, 0x10, 0x20, 0x30}));
  EXPECT_EQ(items<uint8_t>(decode(bmp(1, 2, 8, 0, 2, 8, two + little(1, 4) + little(0, 4)))),
            (Bytes{0x10, 0x20, 0x30, 255, 255, 255}));
  EXPECT_EQ(items<uint8_t>(decode(bmp(1, 1, 16, 0, 0, 0, little(0x7fe0, 4)))), (Bytes{255, 255, 0}));
  EXPECT_EQ(items<uint8_t>(decode(
                bmp(1, 1, 16, 3, 0, 12, little(0xf800, 4) + little(0x7e0, 4) + little(0x1f, 4) + little(0xf81f, 4)))),
            (Bytes{255, 0, 255}));
  EXPECT_EQ(items<uint8_t>(decode(bmp(1, 1, 24, 0, 0, 0, little(0x010203, 4)))), (Bytes{1, 2, 3}));
  EXPECT_EQ(items<uint8_t>(decode(bmp(1, 1, 32, 0, 0, 0, little(0xff010203, 4)))), (Bytes{1, 2, 3}));
  // Two of colour 1; end of row; jump one to the right; one plain pixel of three; end.
  const std::string runs("\2\1\0\0\0\2\1\0\1\1\0\1", 12);
  EXPECT_EQ(items<uint8_t>(decode(bmp(2, 2, 8, 1, 2, 8, two + runs))),
            (Bytes{0x10, 0x20, 0x30, 255, 255, 255, 255, 255, 255, 255, 255, 255}));
  EXPECT_EQ(items<uint8_t>(decode(bmp(3, 1, 4, 2, 2, 8, two + std::string("\3\x10\0\1", 4)))),
            (Bytes{255, 255, 255, 0x10, 0x20, 0x30, 255, 255, 255}));
}

TEST(ImageDecoder, Errors) {
  expect_error("no BMP, JPEG", [] { decode("hello"); });
  expect_error("no BMP, JPEG", [] { decode(""); });
  expect_error("pixel_format: 'CMYK'", [] { decode("P1 1 1 1", "CMYK"); });
  expect_error("expected rank 1", [] { run1("ImageDecoder", 20, {tensor<uint8_t>({1, 1}, {1})}); });
  expect_error("PNM: a number is missing", [] { decode("P3 2 1 255 1 2 3 4"); });
  expect_error("PNM: the samples are cut off", [] { decode("P6 2 1 255\nabc"); });
  expect_error("PNM: the largest sample", [] { decode("P2 1 1 0 0"); });
  expect_error("image_pixels", [] { decode("P5 2000000000 2000000000 255\n"); });
  expect_error("PNM: the image is empty", [] { decode("P5 0 4 255\n"); });
  expect_error("BMP: the file is cut off", [] { decode("BM"); });
  expect_error("BMP: the file is cut off", [] { decode(bmp(9, 9, 24, 0, 0, 0, "")); });
  expect_error("BMP: a pixel is outside the palette",
               [] { decode(bmp(1, 1, 8, 0, 1, 4, little(0, 4) + little(7, 4))); });
  expect_error("BMP: a run leaves the image",
               [] { decode(bmp(1, 1, 8, 1, 1, 4, little(0, 4) + std::string("\5\0\0\1", 4))); });
  expect_error("BMP: the bits per pixel", [] { decode(bmp(1, 1, 7, 0, 0, 0, little(0, 4))); });
  expect_error("image_pixels", [] { decode(bmp(2147483647, 2147483647, 24, 0, 0, 0, "")); });
  expect_error("image_pixels", [] { decode(bmp(1, INT32_MIN, 24, 0, 0, 0, "")); });
}

}  // namespace
}  // namespace tenon::ops::image_decoder_test
