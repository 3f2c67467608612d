// Sinh, Cosh, Tanh, Asinh, Acosh, Atanh: elementwise.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::hyperbolic {
namespace {

#define FUNCTION(Name, expression)       \
  struct Name {                          \
    template <class T>                   \
    static T apply(T x, const double*) { \
      return expression;                 \
    }                                    \
  };
FUNCTION(Sinh, std::sinh(x))
FUNCTION(Cosh, std::cosh(x))
FUNCTION(Tanh, std::tanh(x))
FUNCTION(Asinh, std::asinh(x))
FUNCTION(Acosh, std::acosh(x))
FUNCTION(Atanh, std::atanh(x))
#undef FUNCTION

template <class F>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<RealFloats, F>(n, 12);
}

std::unique_ptr<const Kernel> make_tanh(const NodeInfo& n) {
  return make_unary<TypeList<double>, Tanh>(n, 2, kernels::Unary::kTanh);
}

constexpr auto kOps = joined(unary_pair("Sinh", 9, 22, kPortsInputOutput, make_op<Sinh>),
                             unary_pair("Cosh", 9, 22, kPortsInputOutput, make_op<Cosh>),
                             unary_pair("Asinh", 9, 22, kPortsInputOutput, make_op<Asinh>),
                             unary_pair("Acosh", 9, 22, kPortsInputOutput, make_op<Acosh>),
                             unary_pair("Atanh", 9, 22, kPortsInputOutput, make_op<Atanh>),
                             unary_1_6("Tanh", 13, kPortsInputOutput, make_tanh));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::hyperbolic
