// Sinh, Cosh, Tanh, Asinh, Acosh, Atanh: elementwise.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::hyperbolic {
namespace {

std::unique_ptr<const Kernel> make_tanh(const NodeInfo& n) {
  return make_unary<TypeList<double>, Function<[](auto x) { return std::tanh(x); }>>(n, 2, kernels::Unary::kTanh);
}

constexpr auto kOps =
    joined(unary_pair("Sinh", 9, 22, kPortsInputOutput, make_function<[](auto x) { return std::sinh(x); }>),
           unary_pair("Cosh", 9, 22, kPortsInputOutput, make_function<[](auto x) { return std::cosh(x); }>),
           unary_pair("Asinh", 9, 22, kPortsInputOutput, make_function<[](auto x) { return std::asinh(x); }>),
           unary_pair("Acosh", 9, 22, kPortsInputOutput, make_function<[](auto x) { return std::acosh(x); }>),
           unary_pair("Atanh", 9, 22, kPortsInputOutput, make_function<[](auto x) { return std::atanh(x); }>),
           unary_1_6("Tanh", 13, kPortsInputOutput, make_tanh));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::hyperbolic
