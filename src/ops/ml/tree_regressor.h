// The kernel of TreeEnsembleRegressor and TreeEnsemble: what the leaves say about each target, combined and
// transformed.
#pragma once
#include "ops/classifier.h"
#include "ops/trees.h"

namespace tenon::ops {

/// Attribute n_targets.
inline int64_t num_targets(const graph::Attrs& attrs) {
  const int64_t n = attrs.get_int("n_targets", 1);
  if (n < 1 || n > (1 << 24)) fail("n_targets is {}, expected [1, {}]", n, 1 << 24);
  return n;
}

class TreeRegressor : public Kernel {
 public:
  void run(KernelContext& c) const final {
    const Features x = features(c, 0);
    trees_.check_columns(x.rows, x.columns);
    auto* all = c.scratch<double>(x.rows * targets_);
    auto* voted = c.scratch<bool>(x.rows * targets_);
    c.par.loop(x.rows, 20 + 2.0 * static_cast<double>(trees_.votes().size()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const std::span<double> scores(all + i * targets_, static_cast<size_t>(targets_));
        trees_.score(x.row(i), how_, scores, {voted + i * targets_, scores.size()});
        base_.add_to(scores);
        transform_scores(transform_, scores);
        for (int64_t k = 0; k < targets_; ++k) store(c.output(0), i * targets_ + k, scores[static_cast<size_t>(k)]);
      }
    });
  }

 protected:
  TreeRegressor(const graph::Attrs& attrs, Trees trees, Trees::Sum how, Transform transform, BaseValues base = {})
      : targets_(num_targets(attrs)),
        trees_(std::move(trees)),
        how_(how),
        transform_(transform),
        base_(std::move(base)) {
    trees_.check_targets(targets_);
  }

 private:
  static void store(const TensorRef& y, int64_t i, double v) {
    if (y.dtype == DType::kDouble) {
      y.out<double>()[i] = v;
    } else if (y.dtype == DType::kFloat16) {
      y.out<Half>()[i] = to_half(static_cast<float>(v));
    } else {
      y.out<float>()[i] = static_cast<float>(v);
    }
  }

  int64_t targets_;
  Trees trees_;
  Trees::Sum how_;
  Transform transform_;
  BaseValues base_;
};

}  // namespace tenon::ops
