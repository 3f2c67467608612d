// GridSample's coordinates, padding and interpolation along one axis.
#include "ops/grid_taps.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tenon::ops::grid_sample {
namespace {

Mode read_mode(const graph::Attrs& attrs) {
  const std::string_view s = attrs.get_string("mode", "linear");
  if (s == "nearest") return Mode::kNearest;
  if (s == "linear" || s == "bilinear") return Mode::kLinear;
  if (s == "cubic" || s == "bicubic") return Mode::kCubic;
  fail("attribute mode: '{}' found, expected nearest, linear or cubic", s);
}
Padding read_padding(const graph::Attrs& attrs) {
  const std::string_view s = attrs.get_string("padding_mode", "zeros");
  if (s == "zeros") return Padding::kZeros;
  if (s == "border") return Padding::kBorder;
  if (s == "reflection") return Padding::kReflection;
  fail("attribute padding_mode: '{}' found, expected zeros, border or reflection", s);
}
/// x mirrored at low and high until it lies between them.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double d = x < low ? low - x : x > high ? x - high : -1;
  if (d < 0) return x;
  const double turns = std::floor(d / range), rest = d - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

}  // namespace

Rule::Rule(const graph::Attrs& attrs)
    : mode(read_mode(attrs)), padding(read_padding(attrs)), align(attrs.get_int("align_corners", 0) != 0) {}

void Taps::multiply(int64_t n, const int64_t* index, const double* w, int64_t extent) {
  for (int64_t t = n; t-- > 0;)
    for (int64_t i = 0; i < count; ++i) {
      offset[t * count + i] = offset[i] < 0 || index[t] < 0 ? -1 : offset[i] * extent + index[t];
      weight[t * count + i] = weight[i] * w[t];
    }
  count *= n;
}

void Taps::add_axis(const Rule& rule, double coordinate, int64_t n) {
  const double last = static_cast<double>(n - 1), low = rule.align ? 0 : -0.5, high = rule.align ? last : last + 0.5;
  double x = rule.align ? (coordinate + 1) / 2 * last : ((coordinate + 1) * static_cast<double>(n) - 1) / 2;
  if (!(std::abs(x) < 1e15)) x = -1e15;  // infinities and not-a-number: far outside
  if (rule.mode == Mode::kNearest) x = std::nearbyint(x);
  if (x < low || x > high) {
    if (rule.padding == Padding::kBorder) x = x < 0 ? 0 : last;
    if (rule.padding == Padding::kReflection) x = reflect(x, low, high);
  }
  const double base = std::floor(x), r = x - base;
  int64_t index[4];
  double weights[4] = {1, 0, 0, 0};
  int64_t first = 0;
  if (rule.mode == Mode::kLinear) {
    weights[0] = 1 - r, weights[1] = r;
  } else if (rule.mode == Mode::kCubic) {
    constexpr double a = -0.75;
    const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    weights[0] = far(r + 1), weights[1] = near(r), weights[2] = near(1 - r), weights[3] = far(2 - r);
    first = -1;
  }
  const int64_t taps = rule.taps_per_axis();
  for (int64_t k = 0; k < taps; ++k) {
    double at = base + static_cast<double>(first + k);
    if (rule.padding == Padding::kBorder) at = std::min(std::max(at, 0.0), last);
    if (rule.padding == Padding::kReflection) at = std::trunc(reflect(at, low, high));
    index[k] = at >= 0 && at <= last ? static_cast<int64_t>(at) : -1;
  }
  multiply(taps, index, weights, n);
}

}  // namespace tenon::ops::grid_sample
