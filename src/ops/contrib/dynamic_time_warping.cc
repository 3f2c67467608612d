// com.microsoft DynamicTimeWarping: the cheapest path through a matrix [M, N] (or [1, M, N]) from its first to its last
// corner by steps down, right or both, as [2, steps] rows and columns.
#include <algorithm>
#include <limits>

#include "ops/move.h"

namespace tenon::ops::dynamic_time_warping {
namespace {

void infer(InferContext& c) {
  if (c.has_rank(0)) {
    const Dims& d = c.dims(0);
    if (d.size() != 2 && (d.size() != 3 || differ(d[0], 1)))
      fail("input has shape {}, expected [M, N] or [1, M, N]", c.sym.to_string(d));
    for (size_t i = d.size() - 2; i < d.size(); ++i)
      if (d[i] == 0) fail("input has shape {}: there is no path", c.sym.to_string(d));
  }
  c.set(0, DType::kInt32, {2, c.fresh()});
}

struct DynamicTimeWarping final : Kernel {
  explicit DynamicTimeWarping(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const int64_t rows = x.dim[x.rank - 2], columns = x.dim[x.rank - 1], width = columns + 1;
    // cost[i + 1][j + 1] = x[i][j] + the cheapest of its three predecessors.
    float* cost = c.scratch<float>((rows + 1) * width);
    std::fill_n(cost, (rows + 1) * width, std::numeric_limits<float>::infinity());
    cost[0] = 0;
    enum Step : uint8_t { kBoth, kDown, kRight };
    auto* steps = c.scratch<uint8_t>(rows * columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        const float *above = cost + i * width + j, *at = above + width;
        const float both = above[0], down = above[1], right = at[0];
        // A step that is not alone the cheapest is the step right, as in onnxruntime (and Whisper): also where the
        // other two are equal and cheaper.
        const Step step = both < down && both < right ? kBoth : down < both && down < right ? kDown : kRight;
        steps[i * columns + j] = i == 0 && j > 0 ? kRight : j == 0 && i > 0 ? kDown : step;
        cost[(i + 1) * width + j + 1] = x.as<float>()[i * columns + j] + (step == kBoth   ? both
                                                                          : step == kDown ? down
                                                                                          : right);
      }
    auto* path = c.scratch<int64_t>(rows + columns);
    int64_t n = 0, i = rows - 1, j = columns - 1;
    for (;; ++n) {
      path[n] = i * columns + j;
      if (i == 0 && j == 0) break;
      const uint8_t step = steps[i * columns + j];
      i -= step != kRight;
      j -= step != kDown;
    }
    const int64_t dims[] = {2, n + 1};
    auto* y = c.output(0, DType::kInt32, dims).out<int32_t>();
    for (int64_t k = 0; k <= n; ++k) {
      y[k] = static_cast<int32_t>(path[n - k] / columns);
      y[n + 1 + k] = static_cast<int32_t>(path[n - k] % columns);
    }
  }
};

constexpr Port kIn[] = {{"input", kFloat32Set, "F"}}, kOut[] = {{"output", dtype_bit(DType::kInt32), "I"}};
constexpr OpDef kOps[] = {
    {"DynamicTimeWarping", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make<DynamicTimeWarping>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dynamic_time_warping
