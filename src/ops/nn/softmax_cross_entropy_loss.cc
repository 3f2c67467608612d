// SoftmaxCrossEntropyLoss: the negative log likelihood of LogSoftmax(scores) over the classes; output 1: LogSoftmax.
#include "kernels/reduce.h"
#include "ops/nn/class_loss.h"
#include "ops/softmax_axis.h"

namespace tenon::ops::softmax_cross_entropy_loss {
namespace {

void infer(InferContext& c) {
  class_loss::infer(c);
  c.set_type(1, c.type(class_loss::kScores));
}

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info) : FloatKernel(info), rule_(info.attrs) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef& x = c.input(class_loss::kScores);
    std::optional<ResultAs<T>> shown;
    if (c.has_output(1)) shown.emplace(c, c.output(1), table_);
    T* log_prob = shown ? shown->data() : c.scratch<T>(x.count);
    const T* in = load_as<T>(c, x, table_);
    const int64_t outer = x.dim[0], classes = x.dim[1], inner = extent(x.dims(), 2, x.rank);
    if (x.count > 0) {
      if constexpr (std::is_same_v<T, float>)
        kernels::softmax(in, log_prob, outer, classes, inner, true, c.par, table_);
      else
        softmax_double(in, log_prob, outer, classes, inner, true, c.par);
    }
    rule_.run<T>(c, log_prob, table_);
    if (shown) shown->store(c);
  }

 private:
  class_loss::Rule rule_;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"scores", T}, {"labels", kIndexSet, "Tind"}, {"weights", T, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"output", T}, {"log_prob", T, "T", PortUse::kOptional}};
};
constexpr OpDef kRow = {
    .name = "SoftmaxCrossEntropyLoss", .attrs = class_loss::kAttrs, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 12, 12), row_of<Ports<kFloatSet>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::softmax_cross_entropy_loss
