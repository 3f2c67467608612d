// Reads and checks the attributes of Resize.
#include "ops/resize_attrs.h"

#include <algorithm>

namespace tenon::ops::resize {
namespace {

struct Name {
  const char* name;
  int value;
};
template <class E, size_t N>
E read_enum(const graph::Attrs& attrs, const char* attr, const char* def, const Name (&names)[N]) {
  const std::string_view s = attrs.get_string(attr, def);
  std::string known;
  for (const Name& n : names) {
    if (s == n.name) return static_cast<E>(n.value);
    known += std::string(known.empty() ? "" : ", ") + n.name;
  }
  fail("attribute {}: '{}' found, expected one of: {}", attr, s, known);
}

}  // namespace

Sampling read_sampling(const graph::Attrs& attrs, int since) {
  Sampling s;
  s.mode = read_mode(attrs.get_string("mode", "nearest"));
  if (since < 11) {
    s.nearest = Nearest::kCeilWhenShrinking;
    return s;
  }
  constexpr Name kCoordinates[] = {{"half_pixel", static_cast<int>(Coordinates::kHalfPixel)},
                                   {"half_pixel_symmetric", static_cast<int>(Coordinates::kHalfPixelSymmetric)},
                                   {"pytorch_half_pixel", static_cast<int>(Coordinates::kPytorchHalfPixel)},
                                   {"align_corners", static_cast<int>(Coordinates::kAlignCorners)},
                                   {"asymmetric", static_cast<int>(Coordinates::kAsymmetric)},
                                   {"tf_half_pixel_for_nn", static_cast<int>(Coordinates::kTfHalfPixelForNn)},
                                   {"tf_crop_and_resize", static_cast<int>(Coordinates::kTfCropAndResize)}};
  constexpr Name kNearest[] = {{"round_prefer_floor", static_cast<int>(Nearest::kRoundPreferFloor)},
                               {"round_prefer_ceil", static_cast<int>(Nearest::kRoundPreferCeil)},
                               {"floor", static_cast<int>(Nearest::kFloor)},
                               {"ceil", static_cast<int>(Nearest::kCeil)}};
  s.coordinates = read_enum<Coordinates>(attrs, "coordinate_transformation_mode", "half_pixel", kCoordinates);
  s.nearest = read_enum<Nearest>(attrs, "nearest_mode", "round_prefer_floor", kNearest);
  s.cubic_a = attrs.get_float("cubic_coeff_a", -0.75f);
  s.extrapolation = attrs.get_float("extrapolation_value", 0);
  s.exclude_outside = attrs.get_int("exclude_outside", 0) != 0;
  s.antialias = attrs.get_int("antialias", 0) != 0;
  if (s.antialias && s.mode == Mode::kNearest) fail("attribute antialias: 1 found, but mode is nearest");
  return s;
}

Policy read_policy(const graph::Attrs& attrs) {
  constexpr Name kPolicies[] = {{"stretch", static_cast<int>(Policy::kStretch)},
                                {"not_larger", static_cast<int>(Policy::kNotLarger)},
                                {"not_smaller", static_cast<int>(Policy::kNotSmaller)}};
  return read_enum<Policy>(attrs, "keep_aspect_ratio_policy", "stretch", kPolicies);
}

Dims read_axes(const graph::Attrs& attrs, size_t rank) {
  Dims axes;
  const auto given = attrs.get_ints("axes");
  if (given.empty())
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  for (int64_t a : given) {
    axes.push_back(resolve_axis(a, rank));
    if (std::count(axes.begin(), axes.end(), axes.back()) > 1) fail("attribute axes: axis {} is there twice", a);
  }
  return axes;
}

double common_scale(Policy policy, std::span<const int64_t> dims, const Dims& axes, std::span<const int64_t> sizes) {
  double scale = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const double s = static_cast<double>(sizes[i]) / static_cast<double>(dims[static_cast<size_t>(axes[i])]);
    if (i == 0 || (policy == Policy::kNotLarger ? s < scale : s > scale)) scale = s;
  }
  return scale;
}

}  // namespace tenon::ops::resize
