// Floor, Ceil, Round (halves to even): elementwise.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::rounding {
namespace {

struct Floor {
  template <class T>
  static T apply(T x, const double*) {
    return std::floor(x);
  }
};
struct Ceil {
  template <class T>
  static T apply(T x, const double*) {
    return std::ceil(x);
  }
};
struct Round {
  template <class T>
  static T apply(T x, const double*) {
    return std::nearbyint(x);
  }
};

template <class F, kernels::Unary f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<TypeList<double>, F>(n, 0.5, f);
}

constexpr auto kOps = joined(unary_1_6("Floor", 13, kPortsXY, make_op<Floor, kernels::Unary::kFloor>),
                             unary_1_6("Ceil", 13, kPortsXY, make_op<Ceil, kernels::Unary::kCeil>),
                             unary_pair("Round", 11, 22, kPortsXY, make_op<Round, kernels::Unary::kRound>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::rounding
