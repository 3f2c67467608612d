// What NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss share: picking log probabilities by class, and reducing.
#pragma once
#include <optional>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::class_loss {

enum In : size_t { kScores, kTarget, kWeight };
enum class Reduction : uint8_t { kNone, kSum, kMean };

inline Reduction read_reduction(const graph::Attrs& attrs) {
  const std::string_view r = attrs.get_string("reduction", "mean");
  if (r == "none") return Reduction::kNone;
  if (r == "sum") return Reduction::kSum;
  if (r == "mean") return Reduction::kMean;
  fail("attribute reduction: '{}' found, expected none, sum or mean", r);
}

/// Output 0: a loss per sample, [N, d...] for scores [N, C, d...], or one number.
inline void infer(InferContext& c) {
  const Reduction reduction = read_reduction(c.attrs());
  expect_rank(c, kWeight, 1);
  Dims samples;
  if (c.has_rank(kScores)) {
    const Dims& d = c.dims(kScores);
    if (d.size() < 2) fail("scores have rank {}, expected at least 2 (batch, classes, ...)", d.size());
    expect_rank(c, kTarget, d.size() - 1);
    if (c.has_rank(kWeight)) expect_equal(c, c.dims(kWeight)[0], d[1], "weights and classes");
    samples = d;
    samples.erase(1);
    for (size_t i = 0; c.has_rank(kTarget) && i < samples.size(); ++i)
      expect_equal(c, samples[i], c.dims(kTarget)[i], "dims of scores without classes, and of targets");
  } else if (c.has_rank(kTarget)) {
    samples = c.dims(kTarget);
  }
  const bool known = c.has_rank(kScores) || c.has_rank(kTarget);
  if (reduction != Reduction::kNone)
    c.set(0, c.dtype(kScores), {});
  else if (known)
    c.set(0, c.dtype(kScores), std::move(samples));
  else
    c.set_unranked(0, c.dtype(kScores));
}

class Rule {
 public:
  explicit Rule(const graph::Attrs& attrs) : reduction_(read_reduction(attrs)) {
    if (attrs.has("ignore_index")) ignored_ = attrs.get_int("ignore_index", 0);
  }

  /// Output 0 from log probabilities [N, C, d...] (dims of input 0). Sums are taken in double, in order.
  template <class T>
  void run(KernelContext& c, const T* log_prob, const kernels::KernelTable& table) const {
    const TensorRef &x = c.input(kScores), &target = c.input(kTarget);
    const int64_t classes = x.dim[1], inner = extent(x.dims(), 2, x.rank);
    const T* weight = load_as<T>(c, kWeight, table);
    const ResultAs<T> out(c, c.output(0), table);
    const bool each = reduction_ == Reduction::kNone;
    double sum = 0, share = 0;
    for (int64_t i = 0; i < target.count; ++i) {
      const int64_t t = int_at(target, i);
      const bool skip = ignored_ && t == *ignored_;
      if (!skip && (t < 0 || t >= classes))
        fail("target[{}] is {}, expected a class in [0, {}]{}", i, t, classes - 1,
             ignored_ ? fmt::format(" or ignore_index = {}", *ignored_) : std::string());
      const T w = skip ? T{0} : weight ? weight[t] : T{1};
      const T loss = skip ? T{0} : -log_prob[(i / inner * classes + t) * inner + i % inner] * w;
      if (each) out.data()[i] = loss;
      sum += static_cast<double>(loss);
      share += static_cast<double>(w);
    }
    if (!each) out.data()[0] = static_cast<T>(reduction_ == Reduction::kMean ? sum / share : sum);
    out.store(c);
  }

 private:
  Reduction reduction_;
  std::optional<int64_t> ignored_;
};

inline constexpr AttrDef kAttrs[] = {optional_attr("ignore_index", AttrKind::kInt), string_attr("reduction", "mean")};

}  // namespace tenon::ops::class_loss
