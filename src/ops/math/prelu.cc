// PRelu: x < 0 ? slope x : x. The slope broadcasts to x; up to opset 6 it holds one value per channel (axis 1), or one.
#include "ops/map_rows.h"

namespace tenon::ops::prelu {
namespace {

struct PRelu {
  template <class T>
  static T apply(T x, T slope, const double*) {
    if constexpr (std::is_signed_v<T>) {
      if (!(x < 0)) return x;
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<std::make_unsigned_t<T>>(x) * static_cast<std::make_unsigned_t<T>>(slope));
      else
        return x * slope;
    } else {
      return x;
    }
  }
};

using Types = TypeList<double, int32_t, int64_t, uint32_t, uint64_t>;
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  // With axis 1 BinaryKernel appends unit dims to [C] only: slopes of more dims already end at x's last axis.
  return std::make_unique<const BinaryKernel>(binary_map<Types, PRelu>(n.dtype(0), 0.4, kernels::Binary::kPrelu, n.isa),
                                              n.since < 7 ? 1 : -1);
}

void infer(InferContext& c) {
  infer_like(c);
  if (!c.has_rank(0) || !c.has_rank(1)) return;
  const Dims &x = c.dims(0), &slope = c.dims(1);
  const bool channels = c.since() < 7 && slope.size() == 1 && x.size() > 1;
  bool fits = slope.size() <= x.size();
  const size_t at = channels ? 1 : x.size() - slope.size();
  for (size_t i = 0; fits && i < slope.size(); ++i) fits = slope[i] == 1 || !differ(x[at + i], slope[i]);
  if (fits) return;
  fail("slope has dims {}, which do not broadcast to X's {}", c.sym.to_string(slope), c.sym.to_string(x));
}

constexpr DTypeSet kSet9 = kOldFloatSet | kWideSet, kSet16 = kFloatSet | kWideSet;
template <DTypeSet S>
constexpr Port kIn[] = {{"X", S}, {"slope", S}};
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"PRelu", "", 1, 5, kIn<kOldFloatSet>, kY<kOldFloatSet>, kConsumed, infer, make_op, kKernel, 1},
    {"PRelu", "", 6, 6, kIn<kOldFloatSet>, kY<kOldFloatSet>, {}, infer, make_op, kKernel, 1},
    {"PRelu", "", 7, 8, kIn<kOldFloatSet>, kY<kOldFloatSet>, {}, infer, make_op, kKernel, 1},
    {"PRelu", "", 9, 15, kIn<kSet9>, kY<kSet9>, {}, infer, make_op, kKernel, 1},
    {"PRelu", "", 16, 0, kIn<kSet16>, kY<kSet16>, {}, infer, make_op, kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::prelu
