// Resampling of a tensor along its axes: the common part of Resize and Upsample.
#pragma once
#include <string_view>
#include <vector>

#include "kernels/epilogue.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "tenon/value.h"

namespace tenon::ops::resize {

enum class Mode : uint8_t { kNearest, kLinear, kCubic };
enum class Coordinates : uint8_t {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfHalfPixelForNn,
  kTfCropAndResize
};
/// kCeilWhenShrinking: floor for growing axes, ceil for shrinking ones (Resize of opset 10).
enum class Nearest : uint8_t { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil, kCeilWhenShrinking };

struct Sampling {
  Mode mode = Mode::kNearest;
  Coordinates coordinates = Coordinates::kAsymmetric;
  Nearest nearest = Nearest::kFloor;
  float cubic_a = -0.75f;
  float extrapolation = 0;
  bool exclude_outside = false;
  bool antialias = false;
};
Mode read_mode(std::string_view name);  ///< "bilinear" is "linear"

/// One axis of a call: extents, extent of the resized axis before rounding (in * scale), region of interest.
struct Axis {
  int64_t in = 1, out = 1;
  double length = 1;
  double roi_start = 0, roi_end = 1;
};

/// Y = X resampled along every axis that changes.
void resample(KernelContext& c, const Sampling& s, std::span<const Axis> axes, const kernels::KernelTable& table);

/// Extent floor(in * scale) as ORT and ONNX compute it, in fp32; a symbol when that is exact, else a fresh one.
int64_t scaled_extent(InferContext& c, int64_t in, float scale);
/// in * scale, or `out` when that differs by rounding only.
double resized_length(int64_t in, int64_t out, float scale);

}  // namespace tenon::ops::resize
