// NonMaxSuppression: per batch and class, boxes by falling score, without those that overlap a kept one too much.
#include <algorithm>
#include <limits>

#include "ops/move.h"

namespace tenon::ops::non_max_suppression {
namespace {

void infer(InferContext& c) {
  expect_rank(c, 0, 3);
  expect_rank(c, 1, 3);
  for (size_t i = 2; i < 5; ++i)
    if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, "number of elements of a threshold");
  if (c.has_rank(0)) expect_equal(c, c.dims(0)[2], 4, "last dim of boxes");
  if (c.has_rank(0) && c.has_rank(1)) {
    expect_equal(c, c.dims(0)[0], c.dims(1)[0], "batch dims of boxes and scores");
    expect_equal(c, c.dims(0)[1], c.dims(1)[2], "number of boxes and of scores");
  }
  c.set(0, DType::kInt64, {c.fresh(), 3});
}

struct Box {
  float y1, x1, y2, x2;
  float area() const { return (y2 - y1) * (x2 - x1); }
};

/// Corners may be given in any order.
Box box_of(const float* b, bool centered) {
  if (centered) return {b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
  return {std::min(b[0], b[2]), std::min(b[1], b[3]), std::max(b[0], b[2]), std::max(b[1], b[3])};
}

bool overlaps(const Box& a, const Box& b, float threshold) {
  const float h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1), w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (!(h > 0 && w > 0)) return false;
  const float both = h * w, all = a.area() + b.area() - both;
  return all > 0 && both / all > threshold;
}

struct NonMaxSuppression final : Kernel {
  explicit NonMaxSuppression(const NodeInfo& info) : centered(info.attrs.get_int("center_point_box", 0) != 0) {}

  void run(KernelContext& c) const override {
    const TensorRef &boxes = c.input(0), &scores = c.input(1);
    const int64_t batches = scores.dim[0], classes = scores.dim[1], n = scores.dim[2];
    const int64_t most = std::clamp<int64_t>(c.has_input(2) ? *c.input(2).as<int64_t>() : 0, 0, n);
    const float overlap = c.has_input(3) ? *c.input(3).as<float>() : 0;
    if (!(overlap >= 0 && overlap <= 1)) fail("iou_threshold is {}, expected [0, 1]", overlap);
    const int64_t pairs = batches * classes;
    auto* kept = c.scratch<int64_t>(pairs * most);
    auto* counts = c.scratch<int64_t>(pairs);
    auto* candidates = c.scratch<int64_t>(pairs * n);
    c.par.loop(pairs, static_cast<double>(n) * 50 + 100, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        counts[p] = select(c, boxes.as<float>() + p / classes * n * 4, scores.as<float>() + p * n, n, most, overlap,
                           candidates + p * n, kept + p * most);
    });
    int64_t total = 0;
    for (int64_t p = 0; p < pairs; ++p) total += counts[p];
    const int64_t dims[] = {total, 3};
    auto* out = c.output(0, DType::kInt64, dims).out<int64_t>();
    for (int64_t p = 0; p < pairs; ++p) {
      for (int64_t k = 0; k < counts[p]; ++k) {
        *out++ = p / classes;
        *out++ = p % classes;
        *out++ = kept[p * most + k];
      }
    }
  }

  int64_t select(const KernelContext& c, const float* boxes, const float* scores, int64_t n, int64_t most,
                 float overlap, int64_t* candidates, int64_t* kept) const {
    int64_t m = 0, count = 0;
    Poll poll(c.par.cancel);
    for (int64_t i = 0; i < n && most > 0; ++i)
      if (!c.has_input(4) || scores[i] > *c.input(4).as<float>()) candidates[m++] = i;
    const auto score = [&](int64_t i) {  // NaN comes last
      return scores[i] == scores[i] ? scores[i] : -std::numeric_limits<float>::infinity();
    };
    std::sort(candidates, candidates + m, [&](int64_t a, int64_t b) {
      poll(10);
      return score(a) != score(b) ? score(a) > score(b) : a < b;
    });
    for (int64_t i = 0; i < m && count < most; ++i) {
      poll(10 * count);
      const Box box = box_of(boxes + candidates[i] * 4, centered);
      bool free = true;
      for (int64_t k = 0; k < count && free; ++k) free = !overlaps(box, box_of(boxes + kept[k] * 4, centered), overlap);
      if (free) kept[count++] = candidates[i];
    }
    return count;
  }
  bool centered;
};

constexpr AttrDef kAttrs[] = {int_attr("center_point_box", 0)};
constexpr Port kIn[] = {{"boxes", kFloat32Set, ""},
                        {"scores", kFloat32Set, ""},
                        {"max_output_boxes_per_class", kInt64Set, "", PortUse::kOptional},
                        {"iou_threshold", kFloat32Set, "", PortUse::kOptional},
                        {"score_threshold", kFloat32Set, "", PortUse::kOptional}};
constexpr Port kOut[] = {{"selected_indices", kInt64Set, ""}};
constexpr OpDef row(int since, int until) {
  return {.name = "NonMaxSuppression",
          .since = since,
          .until = until,
          .inputs = kIn,
          .outputs = kOut,
          .attrs = kAttrs,
          .infer = infer,
          .make = make<NonMaxSuppression>};
}
constexpr OpDef kOps[] = {row(10, 10), row(11, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::non_max_suppression
