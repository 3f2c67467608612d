// The interface of libtenon_images.so, which holds the image decoders: functions and plain data only.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tenon::extras {

/// What the header of an encoded image says.
struct ImageInfo {
  uint32_t format = 0;  ///< of the library's own numbering
  int64_t height = 0, width = 0;
};

struct ImageApi {
  /// Reads the header; false with the reason in `error` when it is not one of BMP, JPEG, JPEG 2000, PNG, PNM, TIFF,
  /// WebP.
  bool (*probe)(const uint8_t* data, size_t size, ImageInfo* info, char* error, size_t error_size);
  /// Decodes into height * width * 3 bytes: RGB, rows from the top. `info` is what probe said about the same bytes.
  bool (*decode)(const uint8_t* data, size_t size, const ImageInfo* info, uint8_t* rgb, char* error, size_t error_size);
};
inline constexpr char kImageLibrary[] = "libtenon_images.so", kImageEntry[] = "tenon_images_1";
/// Type of the function that the library exports.
using ImageEntry = const ImageApi*();

}  // namespace tenon::extras
