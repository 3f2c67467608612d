// The smaller com.microsoft operators, those that onnxruntime keeps in the ONNX domain, and blocked channels.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/nchwc.h"
#include "support/op_runner.h"

namespace tenon::ops::misc_test {
namespace {

using namespace tenon::test;
using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;
constexpr const char* kDomain = "com.microsoft";
constexpr DType kF = DType::kFloat;
size_t at(int64_t i) { return static_cast<size_t>(i); }
std::string text(const char* s) { return s; }

Value ms(std::string_view op, const std::vector<Value>& in, const Attrs& attrs = {}) {
  return run_op(kDomain, op, 1, in, attrs)[0];
}
void fails(std::string_view op, const std::vector<Value>& in, const Attrs& attrs, const char* part,
           const char* domain = kDomain) {
  const std::string message = error_of([&] { run_op(domain, op, 1, in, attrs); });
  EXPECT_NE(message.find(part), std::string::npos) << op << ": " << message;
}
void near(const Value& got, const Doubles& want, double bound = 1e-5) {
  const Doubles v = as_doubles(got);
  ASSERT_EQ(v.size(), want.size());
  for (size_t i = 0; i < v.size(); ++i) ASSERT_NEAR(v[i], want[i], bound * (1 + std::abs(want[i]))) << "at " << i;
}
Value floats(Ints dims, uint32_t seed = 1, DType t = kF) {
  const auto n = at(element_count(dims));
  return numbers(t, std::move(dims), random_numbers(n, -2, 2, seed));
}

TEST(LegacyOps, Formulas) {
  for (DType t : {kF, DType::kDouble, DType::kFloat16}) {
    const Value x = numbers(t, {4}, {-2, -0.5, 0, 3});
    const double bound = t == DType::kFloat16 ? 2e-3 : 1e-6;
    const Attrs two{{"alpha", 0.5f}, {"beta", 2.f}};
    const auto soft = [](double v) { return 0.5 * std::log(1 + std::exp(2 * v)); };
    const auto tanh = [](double v) { return 0.5 * std::tanh(2 * v); };
    near(run1("Affine", 1, {x}, two), {1, 1.75, 2, 3.5}, bound);
    near(run1("Scale", 1, {x}, Attrs{{"scale", 3.f}}), {-6, -1.5, 0, 9}, bound);
    near(run1("ParametricSoftplus", 1, {x}, two), {soft(-2), soft(-0.5), soft(0), soft(3)}, bound);
    near(run1("ScaledTanh", 1, {x}, two), {tanh(-2), tanh(-0.5), tanh(0), tanh(3)}, bound);
    near(run1("ImageScaler", 1, {numbers(t, {1, 2, 1, 2}, {1, 2, 3, 4})},
              Attrs{{"scale", 2.f}, {"bias", Floats{1, -1}}}),
         {3, 5, 5, 7}, bound);
  }
  const Value x = floats({2}), image = floats({1, 2, 1, 2});
  fails("ScaledTanh", {x}, {{"alpha", 1.f}}, "attribute beta is missing", "");
  fails("ImageScaler", {image}, {{"bias", Floats{1}}}, "entries of attribute bias", "");
}

TEST(LegacyOps, CropAndDynamicSlice) {
  Doubles v(24);
  for (size_t i = 0; i < 24; ++i) v[i] = static_cast<double>(i);
  const Value x = numbers(kF, {1, 1, 4, 6}, v);
  EXPECT_EQ(as_doubles(run1("Crop", 1, {x}, Attrs{{"border", Ints{1, 0, 3, 2}}})), (Doubles{1, 2, 7, 8}));
  EXPECT_EQ(as_doubles(run1("Crop", 9, {x}, Attrs{{"border", Ints{4, 1, 0, 0}}, {"scale", Ints{2, 1}}})),
            (Doubles{10, 16}));
  fails("Crop", {x}, {{"border", Ints{1, 0, 3}}}, "3 entries", "");
  fails("Crop", {x}, {{"border", Ints{4, 0, 3, 0}}}, "width is 6", "");
  const Value m = numbers(kF, {4, 6}, v);
  EXPECT_EQ(
      as_doubles(run1("DynamicSlice", 1, {m, vec<int32_t>({-2, 1}), vec<int32_t>({99, 2}), vec<int32_t>({1, 0})})),
      (Doubles{10, 11}));
}

TEST(UnfoldTensor, WindowsOfAnAxis) {
  const Value x = numbers(DType::kInt32, {2, 4}, {0, 1, 2, 3, 4, 5, 6, 7});
  const Value y = ms("UnfoldTensor", {x}, {{"dim", int64_t{1}}, {"size", int64_t{2}}, {"step", int64_t{2}}});
  EXPECT_EQ(dims_of(y), (Ints{2, 2, 2}));
  EXPECT_EQ(as_doubles(y), as_doubles(x));
  const Value rows = ms("UnfoldTensor", {x}, {{"dim", int64_t{0}}, {"size", int64_t{2}}});
  EXPECT_EQ(as_doubles(rows), (Doubles{0, 4, 1, 5, 2, 6, 3, 7}));
  fails("UnfoldTensor", {x}, {{"size", int64_t{5}}}, "expected at least size = 5");
  fails("UnfoldTensor", {x}, {{"size", int64_t{1}}, {"step", int64_t{0}}}, "expected at least 1");
}

TEST(ExpandDims, AddsOneDim) {
  const Value x = floats({2, 3});
  EXPECT_EQ(dims_of(ms("ExpandDims", {x, scalar<int32_t>(-1)})), (Ints{2, 3, 1}));
  EXPECT_EQ(dims_of(ms("ExpandDims", {x, vec<int32_t>({0})})), (Ints{1, 2, 3}));
  fails("ExpandDims", {x, scalar<int32_t>(3)}, {}, "axis 3 out of range");
}

TEST(Inverse, TimesItselfIsOne) {
  for (DType t : {kF, DType::kDouble}) {
    const Value x = numbers(t, {2, 2, 2}, {0, 2, 4, 6, 1, 1, 0, 0.5});
    near(ms("Inverse", {x}), {-0.75, 0.25, 0.5, 0, 1, -2, 0, 2}, 1e-6);
  }
  EXPECT_FALSE(std::isfinite(as_doubles(ms("Inverse", {numbers(kF, {2, 2}, {1, 1, 1, 1})}))[0]));
  fails("Inverse", {floats({2, 3})}, {}, "rows and columns");
}

TEST(CDist, BothMetrics) {
  for (DType t : {kF, DType::kDouble}) {
    const Value a = floats({3, 11}, 1, t), b = floats({2, 11}, 2, t);
    Doubles want;
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 2; ++j) {
        double sum = 0;
        for (size_t k = 0; k < 11; ++k) sum += std::pow(as_doubles(a)[i * 11 + k] - as_doubles(b)[j * 11 + k], 2);
        want.push_back(sum);
      }
    near(ms("CDist", {a, b}), want);
    for (double& v : want) v = std::sqrt(v);
    near(ms("CDist", {a, b}, {{"metric", text("euclidean")}}), want);
  }
  fails("CDist", {floats({2, 3}), floats({2, 4})}, {}, "columns of A and B");
  fails("CDist", {floats({2, 3}), floats({2, 3})}, {{"metric", text("cosine")}}, "cosine");
}

TEST(CropAndResize, SamplesAndExtrapolates) {
  const Value x = numbers(kF, {1, 1, 2, 3}, {0, 1, 2, 3, 4, 5}), size = vec<int32_t>({2, 3});
  const Value rois = tensor<float>({2, 4}, {0, 0, 1, 1, 0.5f, 0.25f, 1.5f, 0.75f}), batch = vec<int32_t>({0, 0});
  near(ms("CropAndResize", {x, rois, batch, size}, {{"extrapolation_value", -1.f}}),
       {0, 1, 2, 3, 4, 5, 2, 2.5, 3, -1, -1, -1});
  near(ms("CropAndResize", {x, rois, batch, vec<int32_t>({1, 1})}, {{"mode", text("nearest")}}), {4, 4});
  fails("CropAndResize", {x, rois, vec<int32_t>({0, 1}), size}, {}, "batch_indices[1] is 1");
  fails("CropAndResize", {x, rois, batch, vec<int32_t>({2, 0})}, {}, "crop_size has 0");
  fails("CropAndResize", {x, rois, batch, size}, {{"mode", text("cubic")}}, "\"cubic\"");
}

TEST(DynamicTimeWarping, CheapestPath) {
  const Value x = numbers(kF, {1, 3, 4}, {0, 9, 9, 9, 0, 0, 9, 9, 9, 9, 0, 0});
  EXPECT_EQ(items<int32_t>(ms("DynamicTimeWarping", {x})), (std::vector<int32_t>{0, 1, 1, 2, 2, 0, 0, 1, 2, 3}));
  fails("DynamicTimeWarping", {floats({2, 3, 4})}, {}, "expected [M, N]");
}

TEST(MaxpoolWithMask, AMaskedPositionEndsItsRow) {
  const Value x = numbers(kF, {1, 1, 2, 3}, {1, 2, 3, 4, 5, 6}),
              mask = tensor<int32_t>({1, 1, 2, 3}, {0, 1, 0, 1, 0, 1});
  const Attrs attrs{{"kernel_shape", Ints{2, 3}}};
  EXPECT_EQ(as_doubles(ms("MaxpoolWithMask", {x, mask}, attrs)), (Doubles{4}));
  const Value two = numbers(kF, {2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8}),
              of_images = tensor<int32_t>({2, 1, 1, 2}, {1, 0, 1, 1});
  EXPECT_EQ(as_doubles(ms("MaxpoolWithMask", {two, of_images}, {{"kernel_shape", Ints{1, 2}}})), (Doubles{1, 3, 6, 8}));
  fails("MaxpoolWithMask", {x, tensor<int32_t>({1, 1, 1, 3}, {1, 1, 1})}, attrs, "spatial dims");
  fails("MaxpoolWithMask", {x, tensor<int32_t>({2, 1, 2, 3}, std::vector<int32_t>(12, 1))}, attrs,
        "batch and channels");
}

TEST(MurmurHash3, KnownValues) {
  EXPECT_EQ(items<uint32_t>(ms("MurmurHash3", {vec<int32_t>({1, 2})})),
            (std::vector<uint32_t>{4226891818u, 1085422463u}));
  const Value words = vec<std::string>({"a", "abcde", ""});
  EXPECT_EQ(items<int32_t>(ms("MurmurHash3", {words}, {{"positive", int64_t{0}}, {"seed", int64_t{7}}})),
            (std::vector<int32_t>{-304251353, -1257012173, 415870660}));
}

TEST(NGramRepeatBlock, BlocksWhatWouldRepeat) {
  const Value ids = tensor<int64_t>({1, 5}, {1, 2, 3, 1, 2}), scores = tensor<float>({1, 5}, {0, 0, 0, 0, 0});
  const Doubles y = as_doubles(ms("NGramRepeatBlock", {ids, scores}, {{"ngram_size", int64_t{3}}}));
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(std::isinf(y[i]), i == 3);
  fails("NGramRepeatBlock", {ids, tensor<float>({1, 3}, {0, 0, 0})}, {{"ngram_size", int64_t{3}}},
        "input_ids[0, 2] is 3");
  fails("NGramRepeatBlock", {ids, scores}, {{"ngram_size", int64_t{0}}}, "ngram_size is 0");
}

TEST(WordConvEmbedding, LargestWindow) {
  const Value words = tensor<int32_t>({2, 3}, {1, 2, 0, 2, 2, 2}), w = floats({2, 1, 2, 3}, 1), b = floats({2}, 2),
              chars = floats({3, 3}, 3);
  const Doubles fw = as_doubles(w), fb = as_doubles(b), fc = as_doubles(chars);
  Doubles want;
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t f = 0; f < 2; ++f) {
      double best = -100;
      for (int64_t p = 0; p < (i == 0 ? 1 : 2); ++p) {
        double sum = fb[at(f)];
        for (int64_t t = 0; t < 2; ++t)
          for (int64_t e = 0; e < 3; ++e)
            sum += fw[at((f * 2 + t) * 3 + e)] * fc[at(words.as<int32_t>()[at(i * 3 + p + t)] * 3 + e)];
        best = std::max(best, sum);
      }
      want.push_back(std::tanh(best));
    }
  near(ms("WordConvEmbedding", {words, w, b, chars}), want);
  fails("WordConvEmbedding", {tensor<int32_t>({1, 3}, {1, 3, 0}), w, b, chars}, {}, "Sequence[0, 1] is 3");
  fails("WordConvEmbedding", {tensor<int32_t>({1, 1}, {1}), w, b, chars}, {}, "window");
}

TEST(SparseToDenseMatMul, BothForms) {
  const Ints dims{2, 3};
  const Value values = vec<float>({2, 3, 4}), linear = vec<int64_t>({1, 3, 5}),
              pairs = tensor<int64_t>({3, 2}, {0, 1, 1, 0, 1, 2});
  const Value b = tensor<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  for (const Value& indices : {linear, pairs}) {
    const Value a = Value::sparse(dims, values, indices);
    EXPECT_EQ(as_doubles(ms("SparseToDenseMatMul", {a, b}, {{"alpha", 0.5f}})), (Doubles{3, 4, 11.5, 15}));
    const Value two = tensor<float>({1, 2}, {1, 10});
    EXPECT_EQ(as_doubles(ms("SparseToDenseMatMul", {a, two}, {{"transA", int64_t{1}}, {"transB", int64_t{1}}})),
              (Doubles{30, 2, 40}));
  }
  fails("SparseToDenseMatMul", {Value::sparse(dims, values, vec<int64_t>({1, 3, 6})), b}, {}, "index 2 of A");
  fails("SparseToDenseMatMul", {Value::sparse(dims, values, linear), tensor<float>({2, 2}, {1, 2, 3, 4})}, {},
        "inner dims");
}

TEST(MicrosoftForms, OfOnnxOps) {
  const Value x = tensor<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(as_doubles(ms("Pad", {x, tensor<int64_t>({1, 4}, {0, 1, 0, 0}), vec<float>({9})})),
            (Doubles{9, 1, 2, 9, 3, 4}));
  EXPECT_EQ(as_doubles(ms("Pad", {x, vec<int64_t>({0, 1, 0, 0})}, {{"mode", text("wrap")}})),
            (Doubles{2, 1, 2, 4, 3, 4}));
  EXPECT_EQ(items<int32_t>(ms("Range", {scalar<int32_t>(1), scalar<int32_t>(4)})), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(as_doubles(ms("Range", {scalar<float>(1), scalar<float>(2), scalar<float>(0.5f)})), (Doubles{1, 1.5}));
  EXPECT_EQ(as_doubles(ms("Trilu", {x, scalar<int64_t>(0)}, {{"upper", int64_t{0}}})), (Doubles{1, 0, 3, 4}));
  EXPECT_EQ(as_doubles(ms("GatherND", {x, tensor<int32_t>({1, 2}, {1, 0})})), (Doubles{3}));
  EXPECT_EQ(as_doubles(ms("SampleOp", {x})), as_doubles(x));
  const auto unique = run_op(kDomain, "Unique", 1, {vec<float>({3, 1, 3, 2})}, {}, 3);
  EXPECT_EQ(as_doubles(unique[0]), (Doubles{3, 1, 2}));
  EXPECT_EQ(items<int64_t>(unique[1]), (Ints{0, 1, 0, 2}));
  EXPECT_EQ(items<int64_t>(unique[2]), (Ints{2, 1, 1}));
  const Value image = floats({1, 2, 3, 4}, 1), grid = floats({1, 2, 2, 2}, 2), w = floats({2, 3, 2, 2}, 3);
  EXPECT_EQ(as_doubles(ms("GridSample", {image, grid})), as_doubles(run1("GridSample", 16, {image, grid})));
  const Attrs strides{{"strides", Ints{2, 1}}};
  Attrs padded = strides;
  padded.set("pads", Ints{1, 0, 0, 1});
  const Value pads = vec<int64_t>({1, 0, 0, 1}), bias = floats({3}, 4);
  EXPECT_EQ(as_doubles(ms("ConvTransposeWithDynamicPads", {image, w, pads, bias}, strides)),
            as_doubles(run1("ConvTranspose", 11, {image, w, bias}, padded)));
  fails("ConvTransposeWithDynamicPads", {image, w, vec<int64_t>({1, 0, 0})}, strides, "Pads has 3 elements");
  fails("ConvTransposeWithDynamicPads", {image, w, vec<int64_t>({1, 0, 0, -1})}, strides, "Pads has -1");
  fails("ConvTransposeWithDynamicPads", {image, w, vec<int64_t>({1, 0, 0, std::numeric_limits<int64_t>::min()})},
        strides, "Pads holds no 4 numbers");
}

TEST(NhwcFusedConv, IsTheConvWithChannelsFirst) {
  const Value x = floats({2, 4, 5, 3}, 1), w = floats({4, 3, 2, 2}, 2), b = floats({4}, 3), z = floats({2, 3, 4, 4}, 4);
  const auto moved = [](const Value& v, Ints perm) {
    return run1("Transpose", 13, {v}, Attrs{{"perm", perm}}, {.check_variants = false});
  };
  const Ints first{0, 3, 1, 2}, last{0, 2, 3, 1};
  const Attrs relu{{"activation", text("Relu")}};
  const Value want = run_op(kDomain, "FusedConv", 1, {moved(x, first), w, b, moved(z, first)}, relu)[0];
  near(ms("NhwcFusedConv", {x, w, b, z}, relu), as_doubles(moved(want, last)), 1e-6);
  fails("NhwcFusedConv", {x, w, b, floats({2, 3, 4, 5})}, relu, "dims of Z");
}

TEST(Nchwc, ChainIsThePlainChain) {
  const char* domain = "com.microsoft.nchwc";
  const int64_t block = nchwc::block(), m = 2 * block;
  const Attrs padded{{"pads", Ints{1, 1, 1, 1}}}, window{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const auto run = [&](std::string_view op, std::vector<Value> in, Attrs attrs) {
    return run_op(domain, op, 1, in, attrs)[0];
  };
  // A weight in the blocked order [M / b, C, H, W, (c,) m].
  const auto blocked = [&](const Value& w) {
    const int64_t c = w.dims()[1], inner = c >= block ? block : 1, s = w.dims()[2] * w.dims()[3];
    Value out = Value::tensor(kF, w.dims());
    for (int64_t i = 0; i < w.count(); ++i) {
      const int64_t f = i / (c * s), k = i / s % c, p = i % s;
      const int64_t to =
          ((f / block * (c / inner) + k / inner) * s + p) * inner * block + k % inner * block + f % block;
      out.as_mutable<float>()[at(to)] = w.as<float>()[at(i)];
    }
    return out;
  };
  const Value x = floats({2, 3, 7, 8}, 1), w1 = floats({m, 3, 3, 3}, 2), w2 = floats({m, m, 1, 1}, 3),
              b = floats({m}, 4);
  const Value plain1 = run1("Conv", 11, {x, w1, b}, padded), plain2 = run1("Conv", 11, {plain1, w2});
  const Value y1 = run("Conv", {x, blocked(w1), b}, padded), y2 = run("Conv", {y1, blocked(w2)}, {});
  const auto output = [&](const Value& v, int64_t channels, bool last) {
    return run("ReorderOutput", {v}, {{"channels", channels}, {"channels_last", int64_t{last}}});
  };
  near(output(y1, m, false), as_doubles(plain1), 1e-5);
  near(output(y2, m, false), as_doubles(plain2), 1e-4);
  Attrs sum;
  sum.set("activation", text("Relu"));
  near(output(run("Conv", {y1, blocked(w2), Value(), y1}, sum), m, false),
       as_doubles(run_op(kDomain, "FusedConv", 1, {plain1, w2, Value(), plain1}, sum)[0]), 1e-4);
  EXPECT_EQ(as_doubles(output(run("MaxPool", {y1}, window), m, false)),
            as_doubles(run1("MaxPool", 12, {output(y1, m, false)}, window)));
  near(output(run("AveragePool", {y1}, window), m, false), as_doubles(run1("AveragePool", 19, {plain1}, window)));
  near(output(run("GlobalAveragePool", {y1}, {}), m, false), as_doubles(run1("GlobalAveragePool", 1, {plain1})));
  near(output(run("GlobalMaxPool", {y1}, {}), m, false), as_doubles(run1("GlobalMaxPool", 1, {plain1})));
  const Value up = run("Upsample", {y1}, {{"scales", Ints{1, 1, 2, 3}}});
  near(output(up, m, false), as_doubles(run1("Upsample", 7, {plain1}, {{"scales", Floats{1, 1, 2, 3}}})));
  // Fewer channels than a block, both orders.
  const Value few = floats({2, 3, 4, 5}, 5), in = run("ReorderInput", {few}, {});
  EXPECT_EQ(dims_of(in), (Ints{2, block, 4, 5}));
  EXPECT_EQ(as_doubles(output(in, 3, false)), as_doubles(few));
  const Value last = run1("Transpose", 13, {few}, Attrs{{"perm", Ints{0, 2, 3, 1}}}, {.check_variants = false});
  EXPECT_EQ(as_doubles(run("ReorderInput", {last}, {{"channels_last", int64_t{1}}})), as_doubles(in));
  EXPECT_EQ(as_doubles(output(in, 3, true)), as_doubles(last));
  fails("ReorderOutput", {in}, {{"channels", block + 1}}, "channels, expected", domain);
  fails("ReorderOutput", {in}, {}, "channels is 0", domain);
  fails("MaxPool", {few}, window, "the block of this machine", domain);
  fails("Upsample", {in}, {{"scales", Ints{1, 2, 1, 1}}}, "attribute scales", domain);
  fails("Conv", {in, floats({3, block, 1, 1})}, {}, "W has 3 filters", domain);
}

}  // namespace
}  // namespace tenon::ops::misc_test
