// Sin, Cos, Tan, Asin, Acos, Atan: elementwise, in radians.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::trigonometry {
namespace {

template <kernels::Unary fast, auto f>
std::unique_ptr<const Kernel> make_fast(const NodeInfo& n) {
  return make_unary<TypeList<double>, Function<f>>(n, 4, fast);
}

constexpr auto kOps = joined(
    unary_pair("Sin", 7, 22, kPortsInputOutput, make_fast<kernels::Unary::kSin, [](auto x) { return std::sin(x); }>),
    unary_pair("Cos", 7, 22, kPortsInputOutput, make_fast<kernels::Unary::kCos, [](auto x) { return std::cos(x); }>),
    unary_pair("Tan", 7, 22, kPortsInputOutput, make_function<[](auto x) { return std::tan(x); }>),
    unary_pair("Asin", 7, 22, kPortsInputOutput, make_function<[](auto x) { return std::asin(x); }>),
    unary_pair("Acos", 7, 22, kPortsInputOutput, make_function<[](auto x) { return std::acos(x); }>),
    unary_pair("Atan", 7, 22, kPortsInputOutput, make_function<[](auto x) { return std::atan(x); }>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::trigonometry
