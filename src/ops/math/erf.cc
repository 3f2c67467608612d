// Erf: elementwise error function; integers (opset 9) are truncated.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::erf {
namespace {

struct Erf {
  template <class T>
  static T apply(T x, const double*) {
    return static_cast<T>(std::erf(static_cast<double>(x)));
  }
};
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<Join<TypeList<double>, IntTypes>, Erf>(n, 3, kernels::Unary::kErf);
}

constexpr DTypeSet kSet9 = kOldFloatSet | kIntSet;
constexpr OpDef kOps[] = {
    unary_row_of("Erf", 9, 12, kInput<kSet9>, kOutput<kSet9>, make_op),
    unary_row_of("Erf", 13, 0, kInput<kFloatSet>, kOutput<kFloatSet>, make_op),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::erf
