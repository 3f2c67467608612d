// Exp, Log, Sqrt, Reciprocal: elementwise.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::exponential {
namespace {

struct Exp {
  template <class T>
  static T apply(T x, const double*) {
    return std::exp(x);
  }
};
struct Log {
  template <class T>
  static T apply(T x, const double*) {
    return std::log(x);
  }
};
struct Sqrt {
  template <class T>
  static T apply(T x, const double*) {
    return std::sqrt(x);
  }
};
struct Reciprocal {
  template <class T>
  static T apply(T x, const double*) {
    return T(1) / x;
  }
};

template <class F, kernels::Unary f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<TypeList<double>, F>(n, 2, f);
}

constexpr auto kOps = joined(unary_1_6("Exp", 13, kPortsInputOutput, make_op<Exp, kernels::Unary::kExp>),
                             unary_1_6("Log", 13, kPortsInputOutput, make_op<Log, kernels::Unary::kLog>),
                             unary_1_6("Sqrt", 13, kPortsXY, make_op<Sqrt, kernels::Unary::kSqrt>),
                             unary_1_6("Reciprocal", 13, kPortsXY, make_op<Reciprocal, kernels::Unary::kReciprocal>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::exponential
