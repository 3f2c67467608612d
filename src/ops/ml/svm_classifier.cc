// SVMClassifier: one-vs-one votes of support vector machines, or their probabilities.
#include "ops/svm.h"

namespace tenon::ops::svm_classifier {
namespace {

void infer(InferContext& c) {
  const SvmClassifierModel m(c.attrs());
  infer_classifier(c, m.labels, m.columns());
}

struct SVMClassifier final : Kernel {
  explicit SVMClassifier(const NodeInfo& info) : m(info.attrs) {}

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    check_columns(x, m.machine.features);
    const double cost = static_cast<double>((m.machine.num_vectors + m.classes) * (m.machine.features + 10));
    c.par.loop(x.rows, cost, [&](int64_t begin, int64_t end) {
      SvmClassifierModel::Work work;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t best = m.classify(x.row(i), work);
        write_row(c, m.labels, i, best, work.scores);
      }
    });
  }
  SvmClassifierModel m;
};

constexpr AttrDef kAttrs[] = {optional_attr("classlabels_ints", AttrKind::kInts),
                              optional_attr("classlabels_strings", AttrKind::kStrings),
                              optional_attr("coefficients", AttrKind::kFloats),
                              optional_attr("kernel_params", AttrKind::kFloats),
                              string_attr("kernel_type", "LINEAR"),
                              string_attr("post_transform", "NONE"),
                              optional_attr("prob_a", AttrKind::kFloats),
                              optional_attr("prob_b", AttrKind::kFloats),
                              optional_attr("rho", AttrKind::kFloats),
                              optional_attr("support_vectors", AttrKind::kFloats),
                              optional_attr("vectors_per_class", AttrKind::kInts)};
constexpr OpDef kRow = {
    .name = "SVMClassifier", .domain = kMl, .attrs = kAttrs, .infer = infer, .make = make<SVMClassifier>};
constexpr OpDef kOps[] = {row_of<ClassifierPorts>(kRow, 1, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::svm_classifier
