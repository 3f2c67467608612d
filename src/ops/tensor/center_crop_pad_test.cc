// CenterCropPad and Col2Im: moves of every type, sums of blocks, errors.
#include <gtest/gtest.h>

#include "support/op_runner.h"

namespace tenon::ops::center_crop_pad_test {
namespace {

using namespace tenon::test;
using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;
using Strings = std::vector<std::string>;

void expect_error(const std::string& part, const std::function<void()>& f) {
  const std::string message = error_of(f);
  EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
}
Value crop(const Value& x, const Ints& shape, graph::Attrs a = {}) {
  return run1("CenterCropPad", 18, {x, vec<int64_t>(shape)}, a);
}

TEST(CenterCropPad, OddRestsGoToTheEnd) {
  const Value x = vec<float>({1, 2, 3, 4, 5});
  EXPECT_EQ(items<float>(crop(x, {5})), (Floats{1, 2, 3, 4, 5}));
  EXPECT_EQ(items<float>(crop(x, {3})), (Floats{2, 3, 4}));
  EXPECT_EQ(items<float>(crop(x, {2})), (Floats{2, 3}));
  EXPECT_EQ(items<float>(crop(x, {0})), Floats{});
  EXPECT_EQ(items<float>(crop(x, {6})), (Floats{1, 2, 3, 4, 5, 0}));
  EXPECT_EQ(items<float>(crop(x, {8})), (Floats{0, 1, 2, 3, 4, 5, 0, 0}));
}

TEST(CenterCropPad, AxesAndTypes) {
  const Value x = tensor<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(items<int32_t>(crop(x, {4, 1})), (std::vector<int32_t>{0, 2, 5, 0}));
  EXPECT_EQ(items<int32_t>(crop(x, {1}, {{"axes", Ints{-1}}})), (std::vector<int32_t>{2, 5}));
  EXPECT_EQ(items<int32_t>(crop(x, {1, 4}, {{"axes", Ints{1, 0}}})), (std::vector<int32_t>{0, 2, 5, 0}));
  EXPECT_EQ(items<int32_t>(crop(x, {}, {{"axes", Ints{}}})), (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(items<std::string>(crop(vec<std::string>({"a", "b"}), {3})), (Strings{"a", "b", ""}));
  using Complex = std::complex<double>;
  EXPECT_EQ(items<Complex>(crop(vec<Complex>({{1, 2}}), {2})), (std::vector<Complex>{{1, 2}, {0, 0}}));
  EXPECT_EQ(items<bool>(crop(vec<bool>({true}), {3})), (std::vector<bool>{false, true, false}));
  for (DType t : {DType::kFloat16, DType::kBFloat16, DType::kDouble, DType::kInt8, DType::kUint64})
    EXPECT_EQ(as_doubles(crop(numbers(t, {3}, {1, 2, 3}), {1})), std::vector<double>{2});
}

TEST(CenterCropPad, Errors) {
  const Value x = tensor<float>({2, 3}, Floats(6));
  expect_error("shape has 1 entries, expected 2", [&] { crop(x, {4}); });
  expect_error("shape has 2 entries, expected 1", [&] { crop(x, {4, 4}, {{"axes", Ints{0}}}); });
  expect_error("axis 2 out of range", [&] { crop(x, {4}, {{"axes", Ints{2}}}); });
  expect_error("axis -2 twice", [&] { crop(x, {4, 4}, {{"axes", Ints{0, -2}}}); });
  expect_error("shape[1] is -1", [&] { crop(x, {4, -1}); });
  expect_error("tensor_elements", [&] { crop(x, {int64_t{1} << 30, int64_t{1} << 30}); });
}

/// Blocks are added up one by one.
std::vector<double> plain_col2im(const std::vector<double>& x, int64_t planes, const Ints& image, const Ints& block,
                                 const Ints& grid, const Ints& stride, const Ints& dilation, const Ints& pad) {
  const auto size = static_cast<size_t>(image[0] * image[1]);
  std::vector<double> y(static_cast<size_t>(planes) * size, 0);
  size_t at = 0;
  for (int64_t p = 0; p < planes; ++p)
    for (int64_t a = 0; a < block[0]; ++a)
      for (int64_t b = 0; b < block[1]; ++b)
        for (int64_t i = 0; i < grid[0]; ++i)
          for (int64_t j = 0; j < grid[1]; ++j, ++at) {
            const int64_t r = i * stride[0] + a * dilation[0] - pad[0], c = j * stride[1] + b * dilation[1] - pad[1];
            if (r >= 0 && r < image[0] && c >= 0 && c < image[1])
              y[static_cast<size_t>((p * image[0] + r) * image[1] + c)] += x[at];
          }
  return y;
}

TEST(Col2Im, AgainstPlainLoops) {
  const Ints image{5, 6}, block{2, 3}, stride{2, 1}, dilation{1, 2}, pad{1, 0, 0, 2};
  const Ints grid{(5 + 1 - 2) / 2 + 1, (6 + 2 - 5) + 1};
  const graph::Attrs attrs{{"strides", stride}, {"dilations", dilation}, {"pads", pad}};
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16, DType::kInt32, DType::kUint8,
                  DType::kInt64}) {
    std::vector<double> data(static_cast<size_t>(2 * 3 * 6 * grid[0] * grid[1]));
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<double>(i % 7);
    const Value y = run1(
        "Col2Im", 18, {numbers(t, {2, 18, grid[0] * grid[1]}, data), vec<int64_t>(image), vec<int64_t>(block)}, attrs);
    EXPECT_EQ(dims_of(y), (Ints{2, 3, 5, 6}));
    EXPECT_EQ(as_doubles(y), plain_col2im(data, 6, image, block, grid, stride, dilation, pad)) << static_cast<int>(t);
  }
}

TEST(Col2Im, OtherTypesAndRanks) {
  const auto join = [](const Value& x) { return run1("Col2Im", 18, {x, vec<int64_t>({3}), vec<int64_t>({2})}); };
  EXPECT_EQ(items<std::string>(join(tensor<std::string>({1, 2, 2}, {"a", "b", "c", "d"}))), (Strings{"a", "bc", "d"}));
  EXPECT_EQ(items<bool>(join(tensor<bool>({1, 2, 2}, {true, false, false, false}))),
            (std::vector<bool>{true, false, false}));
  using Complex = std::complex<float>;
  EXPECT_EQ(items<Complex>(join(tensor<Complex>({1, 2, 2}, {{1, 1}, {2, 0}, {0, 3}, {4, 4}}))),
            (std::vector<Complex>{{1, 1}, {2, 3}, {4, 4}}));
  const Value deep =
      run1("Col2Im", 18,
           {tensor<float>({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), vec<int64_t>({1, 2, 3}), vec<int64_t>({1, 1, 2})});
  EXPECT_EQ(items<float>(deep), (Floats{1, 2 + 5, 6, 3, 4 + 7, 8}));
}

TEST(Col2Im, Errors) {
  const auto run = [](Ints dims, Ints image, Ints block, graph::Attrs a = {}) {
    size_t n = 1;
    for (int64_t d : dims) n *= static_cast<size_t>(d);
    return run1("Col2Im", 18, {tensor<float>(dims, Floats(n)), vec<int64_t>(image), vec<int64_t>(block)}, a);
  };
  expect_error("multiple of the 4 elements", [&] { run({1, 3, 4}, {3, 3}, {2, 2}); });
  expect_error("columns", [&] { run({1, 4, 5}, {3, 3}, {2, 2}); });
  expect_error("block_shape has an entry 0", [&] { run({1, 4, 4}, {3, 3}, {0, 2}); });
  expect_error("expected rank 3", [&] { run({4, 4}, {3, 3}, {2, 2}); });
  expect_error("image_shape[0] is -3", [&] { run({1, 4, 0}, {-3, 3}, {2, 2}); });
  expect_error("spatial dims", [&] { run({1, 4, 4}, {3, 3, 3}, {2, 2}); });
  expect_error("strides", [&] { run({1, 4, 4}, {3, 3}, {2, 2}, {{"strides", Ints{0, 1}}}); });
}

}  // namespace
}  // namespace tenon::ops::center_crop_pad_test
