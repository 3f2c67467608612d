// Sin, Cos, Tan, Asin, Acos, Atan: elementwise, in radians.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::trigonometry {
namespace {

#define FUNCTION(Name, expression)       \
  struct Name {                          \
    template <class T>                   \
    static T apply(T x, const double*) { \
      return expression;                 \
    }                                    \
  };
FUNCTION(Sin, std::sin(x))
FUNCTION(Cos, std::cos(x))
FUNCTION(Tan, std::tan(x))
FUNCTION(Asin, std::asin(x))
FUNCTION(Acos, std::acos(x))
FUNCTION(Atan, std::atan(x))
#undef FUNCTION

template <class F>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<RealFloats, F>(n, 12);
}

template <class F, kernels::Unary f>
std::unique_ptr<const Kernel> make_fast(const NodeInfo& n) {
  return make_unary<TypeList<double>, F>(n, 4, f);
}

constexpr auto kOps = joined(unary_pair("Sin", 7, 22, kPortsInputOutput, make_fast<Sin, kernels::Unary::kSin>),
                             unary_pair("Cos", 7, 22, kPortsInputOutput, make_fast<Cos, kernels::Unary::kCos>),
                             unary_pair("Tan", 7, 22, kPortsInputOutput, make_op<Tan>),
                             unary_pair("Asin", 7, 22, kPortsInputOutput, make_op<Asin>),
                             unary_pair("Acos", 7, 22, kPortsInputOutput, make_op<Acos>),
                             unary_pair("Atan", 7, 22, kPortsInputOutput, make_op<Atan>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::trigonometry
