// Softmax and LogSoftmax along one axis; before opset 13 over the input flattened to two dims at `axis`.
#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/map_rows.h"
#include "ops/staging.h"

namespace tenon::ops::softmax {
namespace {

void softmax_double(const double* x, double* y, int64_t axis, int64_t inner, bool log) {
  double top = x[0], sum = 0;
  for (int64_t i = 0; i < axis; ++i) top = x[i * inner] > top || std::isnan(x[i * inner]) ? x[i * inner] : top;
  for (int64_t i = 0; i < axis; ++i) sum += std::exp(x[i * inner] - top);
  const double shift = log ? std::log(sum) : 0;
  for (int64_t i = 0; i < axis; ++i) {
    const double d = x[i * inner] - top;
    y[i * inner] = log ? d - shift : std::exp(d) / sum;
  }
}

template <bool kLog>
class Softmax final : public Kernel {
 public:
  explicit Softmax(const NodeInfo& n)
      : flatten_(n.since < 13),
        axis_(n.attrs.get_int("axis", flatten_ ? 1 : -1)),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const size_t at = flatten_ && axis_ == x.rank ? x.rank : static_cast<size_t>(resolve_axis(axis_, x.rank));
    const int64_t outer = extent(x.dims(), 0, at), axis = flatten_ ? extent(x.dims(), at, x.rank) : x.dim[at],
                  inner = flatten_ ? 1 : extent(x.dims(), at + 1, x.rank);
    if (x.dtype == DType::kDouble) {
      c.par.loop(outer * inner, 12.0 * static_cast<double>(axis), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t offset = r / inner * axis * inner + r % inner;
          softmax_double(x.as<double>() + offset, y.out<double>() + offset, axis, inner, kLog);
        }
      });
      return;
    }
    const F32Result out(c, y, table_);
    kernels::softmax(load_f32(c, x, table_), out.data(), outer, axis, inner, kLog, c.par, table_);
    out.store(c);
  }

 private:
  bool flatten_;
  int64_t axis_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  infer_like(c);
  if (!c.has_rank(0)) return;
  const bool flatten = c.since() < 13;
  const int64_t axis = c.attrs().get_int("axis", flatten ? 1 : -1);
  if (!flatten || axis != static_cast<int64_t>(c.rank(0))) resolve_axis(axis, c.rank(0));
}

constexpr AttrDef kOldAxis[] = {int_attr("axis", 1)};
constexpr AttrDef kAxis[] = {int_attr("axis", -1)};
template <bool kLog>
constexpr std::array<OpDef, 3> rows(const char* name) {
  constexpr auto kKernel = Lowering::kKernel;
  constexpr MakeKernel kMake = make<Softmax<kLog>>;
  return {{{name, "", 1, 10, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kOldAxis, infer, kMake, kKernel, 1},
           {name, "", 11, 12, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kOldAxis, infer, kMake, kKernel, 1},
           {name, "", 13, 0, kInput<kFloatSet>, kOutput<kFloatSet>, kAxis, infer, kMake, kKernel, 1}}};
}
constexpr auto kOps = joined(rows<false>("Softmax"), rows<true>("LogSoftmax"));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::softmax
