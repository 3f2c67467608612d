// NegativeLogLikelihoodLoss: -input[n, target, ...] weight[target], alone, summed, or averaged over the weights.
#include "ops/nn/class_loss.h"

namespace tenon::ops::negative_log_likelihood_loss {
namespace {

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info) : FloatKernel(info), rule_(info.attrs) {}
  template <class T>
  void run_as(KernelContext& c) const {
    rule_.run<T>(c, load_as<T>(c, class_loss::kScores, table_), table_);
  }

 private:
  class_loss::Rule rule_;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T}, {"target", kIndexSet, "Tind"}, {"weight", T, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"loss", T}};
};
constexpr OpDef kRow = {
    .name = "NegativeLogLikelihoodLoss", .attrs = class_loss::kAttrs, .infer = class_loss::infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 12, 12), row_of<Ports<kOldFloatSet>>(kRow, 13, 21),
                          row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::negative_log_likelihood_loss
