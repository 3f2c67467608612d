// com.microsoft NGramRepeatBlock: scores of tokens that would repeat an n-gram of their sequence become -inf.
#include <algorithm>
#include <limits>

#include "ops/move.h"

namespace tenon::ops::ngram_repeat_block {
namespace {

int64_t size_of(const graph::Attrs& attrs) {
  const int64_t n = attrs.get_int("ngram_size", 0);
  if (n < 1) fail("attribute ngram_size is {}, expected at least 1", n);
  return n;
}

struct NGramRepeatBlock final : Kernel {
  explicit NGramRepeatBlock(const NodeInfo& info) : size(size_of(info.attrs)) {}
  void run(KernelContext& c) const override {
    const TensorRef &ids = c.input(0), &scores = c.input(1), &y = c.output(0);
    copy_tensor(c.par, scores, y);
    if (ids.dim[1] < size) return;
    const int64_t length = ids.dim[1], tokens = scores.dim[1], known = size - 1;
    c.par.loop(ids.dim[0], static_cast<double>(length * size), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t *row = ids.as<int64_t>() + b * length, *last = row + length - known;
        for (int64_t i = 0; i + known < length; ++i) {
          if (!std::equal(last, last + known, row + i)) continue;
          const int64_t token = row[i + known];
          if (token < 0 || token >= tokens)
            fail("input_ids[{}, {}] is {}, expected [0, {})", b, i + known, token, tokens);
          y.out<float>()[b * tokens + token] = -std::numeric_limits<float>::infinity();
        }
      }
    });
  }
  int64_t size;
};

void infer(InferContext& c) {
  size_of(c.attrs());
  expect_rank(c, 0, 2);
  expect_rank(c, 1, 2);
  if (c.has_rank(0) && c.has_rank(1)) expect_equal(c, c.dims(0)[0], c.dims(1)[0], "rows of input_ids and scores");
  c.set_type(0, c.type(1));
}

constexpr Port kIn[] = {{"input_ids", kInt64Set, "Tid"}, {"scores", kFloat32Set}};
constexpr Port kOut[] = {{"scores_out", kFloat32Set}};
constexpr AttrDef kAttrs[] = {required_attr("ngram_size", AttrKind::kInt)};
constexpr OpDef kOps[] = {{"NGramRepeatBlock", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<NGramRepeatBlock>,
                           Lowering::kKernel, 2}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::ngram_repeat_block
