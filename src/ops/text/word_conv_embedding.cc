// com.microsoft WordConvEmbedding: a word's characters, embedded, convolved, and the largest tanh over its windows.
// Characters end at the first code that is not positive; shorter words than the window have one window.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/rows.h"

namespace tenon::ops::word_conv_embedding {
namespace {

enum In : size_t { kWords, kW, kB, kChars };

void infer(InferContext& c) {
  expect_rank(c, kWords, 2);
  expect_rank(c, kW, 4);
  expect_rank(c, kB, 1);
  expect_rank(c, kChars, 2);
  const auto attr = [&](const char* name, size_t input, size_t dim) {
    if (const int64_t v = c.attrs().get_int(name, -1); v >= 0 && c.has_rank(input) && differ(c.dims(input)[dim], v))
      fail("attribute {} is {}, but input {} has {}", name, v, input, c.sym.to_string(c.dims(input)));
  };
  attr("embedding_size", kW, 0);
  attr("conv_window_size", kW, 2);
  attr("char_embedding_size", kChars, 1);
  if (c.has_rank(kW)) {
    expect_equal(c, c.dims(kW)[1], 1, "dim 1 of W and 1");
    if (c.has_rank(kB)) expect_equal(c, c.dims(kW)[0], c.dims(kB)[0], "filters of W and entries of B");
    if (c.has_rank(kChars)) expect_equal(c, c.dims(kW)[3], c.dims(kChars)[1], "dim 3 of W and columns of C");
    if (c.has_rank(kWords) && !is_symbol(c.dims(kW)[2]) && !is_symbol(c.dims(kWords)[1]) &&
        c.dims(kW)[2] > c.dims(kWords)[1])
      fail("words have {} characters, expected at least the {} of a window of W", c.dims(kWords)[1], c.dims(kW)[2]);
  }
  c.set(0, c.dtype(kW),
        {c.has_rank(kWords) ? c.dims(kWords)[0] : c.fresh(), c.has_rank(kW) ? c.dims(kW)[0] : c.fresh()});
}

struct WordConvEmbedding final : Kernel {
  explicit WordConvEmbedding(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef &words = c.input(kWords), &w = c.input(kW), &chars = c.input(kChars), &y = c.output(0);
    const int64_t length = words.dim[1], filters = w.dim[0], window = w.dim[2], width = w.dim[3];
    if (window > length) fail("words have {} characters, expected at least the {} of a window", length, window);
    const float *weights = w.as<float>(), *bias = c.input(kB).as<float>(), *table = chars.as<float>();
    c.par.loop(words.dim[0], static_cast<double>(length * filters * window * width), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int32_t* word = words.as<int32_t>() + i * length;
        for (int64_t j = 0; j < length; ++j)
          if (word[j] < 0 || word[j] >= chars.dim[0])
            fail("Sequence[{}, {}] is {}, expected [0, {})", i, j, word[j], chars.dim[0]);
        const int64_t used = std::find(word, word + length, 0) - word;
        const int64_t windows = std::max<int64_t>(1, used - window + 1);
        for (int64_t f = 0; f < filters; ++f) {
          float best = -std::numeric_limits<float>::infinity();
          for (int64_t p = 0; p < windows; ++p) {
            float sum = bias[f];
            for (int64_t t = 0; t < window; ++t) {
              const float *a = table + word[p + t] * width, *b = weights + (f * window + t) * width;
              for (int64_t e = 0; e < width; ++e) sum += a[e] * b[e];
            }
            best = std::max(best, sum);
          }
          y.out<float>()[i * filters + f] = std::tanh(best);
        }
      }
    });
  }
};

constexpr Port kIn[] = {{"Sequence", dtype_bit(DType::kInt32)},
                        {"W", kFloat32Set, "T1"},
                        {"B", kFloat32Set, "T1"},
                        {"C", kFloat32Set, "T1"}};
constexpr Port kOut[] = {{"Y", kFloat32Set, "T1"}};
constexpr AttrDef kAttrs[] = {optional_attr("char_embedding_size", AttrKind::kInt),
                              optional_attr("conv_window_size", AttrKind::kInt),
                              optional_attr("embedding_size", AttrKind::kInt)};
constexpr OpDef kOps[] = {
    {"WordConvEmbedding", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<WordConvEmbedding>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::word_conv_embedding
