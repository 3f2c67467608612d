// MaxUnpool and MaxRoiPool against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::unpool_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;

const graph::Attrs kTwo{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
void expect_error(const std::string& part, const std::function<void()>& f) {
  const std::string message = error_of(f);
  EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
}

// Pooling what MaxUnpool made gives the pooled values and indices again.
TEST(MaxUnpool, InvertsMaxPool) {
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
    const Value x = numbers(t, {2, 3, 6, 8}, random_numbers(288, 0.5, 1));
    const auto pooled = run_op("", "MaxPool", 22, {x}, kTwo, 2);
    const Value y = run1("MaxUnpool", 22, {pooled[0], pooled[1]}, kTwo);
    EXPECT_EQ(dims_of(y), (Ints{2, 3, 6, 8}));
    const auto again = run_op("", "MaxPool", 22, {y}, kTwo, 2);
    EXPECT_EQ(as_doubles(again[0]), as_doubles(pooled[0]));
    EXPECT_EQ(items<int64_t>(again[1]), items<int64_t>(pooled[1]));
  }
}

TEST(MaxUnpool, OutputShapeAddsRoom) {
  const Value x = tensor<float>({1, 1, 2, 2}, {5, 6, 7, 8}), at = tensor<int64_t>({1, 1, 2, 2}, {5, 7, 13, 15});
  for (int version : {9, 11, 22}) {
    const Value y = run1("MaxUnpool", version, {x, at, vec<int64_t>({1, 1, 5, 5})}, kTwo);
    EXPECT_EQ(items<float>(y), (Floats{0, 0, 0, 0, 0, 0, 5, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0}));
  }
}

TEST(MaxUnpool, IndicesThatLeaveTheirPlane) {
  const graph::Attrs one{{"kernel_shape", Ints{2}}};
  const Value x = tensor<float>({1, 2, 1}, {5, 6}), at = tensor<int64_t>({1, 2, 1}, {3, 0});
  EXPECT_EQ(items<float>(run1("MaxUnpool", 22, {x, at}, one)), (Floats{6, 0, 0, 5}));
  const Value same = tensor<int64_t>({1, 2, 1}, {3, 3});  // the last one counts
  EXPECT_EQ(items<float>(run1("MaxUnpool", 22, {x, same}, one)), (Floats{0, 0, 0, 6}));
}

TEST(MaxUnpool, Errors) {
  const Value x = tensor<float>({1, 1, 2, 2}, {5, 6, 7, 8}), at = tensor<int64_t>({1, 1, 2, 2}, {5, 7, 13, 15});
  const auto bad = [](int64_t i) { return tensor<int64_t>({1, 1, 2, 2}, {5, i, 13, 15}); };
  expect_error("I[1] is 16, expected a value in [0, 15]", [&] { run1("MaxUnpool", 22, {x, bad(16)}, kTwo); });
  expect_error("I[1] is -1", [&] { run1("MaxUnpool", 22, {x, bad(-1)}, kTwo); });
  expect_error("dims of X and I", [&] { run1("MaxUnpool", 22, {x, tensor<int64_t>({1, 1, 1, 2}, {1, 2})}, kTwo); });
  expect_error("rank 2", [&] {
    run1("MaxUnpool", 22, {tensor<float>({1, 1}, {1}), tensor<int64_t>({1, 1}, {1})}, kTwo);
  });
  expect_error("output_shape ends at 3", [&] { run1("MaxUnpool", 22, {x, at, vec<int64_t>({1, 1, 3, 3})}, kTwo); });
  expect_error("output_shape[3] is -1", [&] { run1("MaxUnpool", 22, {x, at, vec<int64_t>({1, 1, 4, -1})}, kTwo); });
  expect_error("batch and channels", [&] { run1("MaxUnpool", 22, {x, at, vec<int64_t>({1, 2, 4, 4})}, kTwo); });
  expect_error("entries of output_shape", [&] { run1("MaxUnpool", 22, {x, at, vec<int64_t>({4, 4})}, kTwo); });
  expect_error("kernel", [&] { run1("MaxUnpool", 22, {x, at}, {{"kernel_shape", Ints{2}}}); });
}

TEST(MaxRoiPool, AgainstPlainLoops) {
  const int64_t h = 7, w = 9, ph = 3, pw = 2;
  const Doubles regions{0, 0, 0, 8, 6, 1, 2, 1, 5, 4, 1, 3, 3, 3, 3, 0, 6, 4, 20, 20, 0, -9, -9, -5, -5};
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
    const Value x = numbers(t, {2, 2, h, w}, random_numbers(static_cast<size_t>(4 * h * w), -1, 1));
    const Value y = run1("MaxRoiPool", 22, {x, numbers(t, {5, 5}, regions)}, {{"pooled_shape", Ints{ph, pw}}});
    ASSERT_EQ(dims_of(y), (Ints{5, 2, ph, pw}));
    const Doubles in = as_doubles(x), out = as_doubles(y);
    for (int64_t r = 0; r < 5; ++r)
      for (int64_t c = 0; c < 2; ++c)
        for (int64_t i = 0; i < ph; ++i)
          for (int64_t j = 0; j < pw; ++j) {
            const double* roi = regions.data() + r * 5;
            const double rows = std::max(roi[4] - roi[2] + 1, 1.0), cols = std::max(roi[3] - roi[1] + 1, 1.0);
            double best = -INFINITY;
            for (int64_t a = 0; a < h; ++a)
              for (int64_t b = 0; b < w; ++b) {
                const double top = std::floor(static_cast<double>(i) * rows / ph + 1e-9) + roi[2];
                const double bottom = std::ceil(static_cast<double>(i + 1) * rows / ph - 1e-9) + roi[2];
                const double left = std::floor(static_cast<double>(j) * cols / pw + 1e-9) + roi[1];
                const double right = std::ceil(static_cast<double>(j + 1) * cols / pw - 1e-9) + roi[1];
                if (static_cast<double>(a) < top || static_cast<double>(a) >= bottom) continue;
                if (static_cast<double>(b) < left || static_cast<double>(b) >= right) continue;
                best =
                    std::max(best, in[static_cast<size_t>(((static_cast<int64_t>(roi[0]) * 2 + c) * h + a) * w + b)]);
              }
            if (std::isinf(best)) best = 0;  // an empty bin
            EXPECT_EQ(out[static_cast<size_t>(((r * 2 + c) * ph + i) * pw + j)], best) << r << c << i << j;
          }
  }
}

TEST(MaxRoiPool, ScaleAndErrors) {
  const Value x = tensor<float>({1, 1, 2, 2}, {1, 2, 3, 4});
  const auto pool = [&](std::vector<float> roi, graph::Attrs a) {
    return run1("MaxRoiPool", 1, {x, tensor<float>({1, static_cast<int64_t>(roi.size())}, roi)}, a);
  };
  const graph::Attr one{"pooled_shape", Ints{1, 1}};
  EXPECT_EQ(items<float>(pool({0, 0, 0, 1, 1}, {one})), Floats{4});
  EXPECT_EQ(items<float>(pool({0, 0, 0, 1, 1}, {one, {"spatial_scale", 0.25f}})), Floats{1});
  expect_error("image 1, expected one of [0, 0]", [&] { pool({1, 0, 0, 1, 1}, {one}); });
  expect_error("image nan", [&] { pool({NAN, 0, 0, 1, 1}, {one}); });
  EXPECT_EQ(items<float>(pool({0, NAN, 0, 1e30f, 1}, {one})), Floats{4});
  expect_error("numbers of a region", [&] { pool({0, 0, 0, 1}, {one}); });
  expect_error("pooled_shape", [&] { pool({0, 0, 0, 1, 1}, {{"pooled_shape", Ints{1}}}); });
  expect_error("pooled_shape", [&] { pool({0, 0, 0, 1, 1}, {{"pooled_shape", Ints{0, 1}}}); });
  expect_error("expected rank 4", [&] {
    run1("MaxRoiPool", 1, {vec<float>({1}), tensor<float>({1, 5}, {0, 0, 0, 1, 1})}, {one});
  });
}

}  // namespace
}  // namespace tenon::ops::unpool_test
