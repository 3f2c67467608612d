// The positions and weights that GridSample reads for one position of its grid.
#pragma once
#include "graph/attr.h"

namespace tenon::ops::grid_sample {

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };
constexpr int64_t kMaxTaps = 256;

/// What the attributes say.
struct Rule {
  explicit Rule(const graph::Attrs& attrs);
  int64_t taps_per_axis() const { return mode == Mode::kNearest ? 1 : mode == Mode::kLinear ? 2 : 4; }

  Mode mode;
  Padding padding;
  bool align;
};

/// Offsets into a plane of X (-1: a zero) and weights of everything that one grid position sees.
struct Taps {
  int64_t count = 1;
  int64_t offset[kMaxTaps];
  double weight[kMaxTaps];

  Taps() { offset[0] = 0, weight[0] = 1; }
  /// The next axis, of n elements: `coordinate` is -1 .. 1 over it.
  void add_axis(const Rule& rule, double coordinate, int64_t n);

 private:
  void multiply(int64_t n, const int64_t* index, const double* w, int64_t extent);
};

}  // namespace tenon::ops::grid_sample
