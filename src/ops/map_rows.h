// Ports, attributes and version patterns that many elementwise rows share.
#pragma once
#include <array>

#include "ops/map.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace tenon::ops {

template <DTypeSet S>
inline constexpr Port kX[] = {{"X", S}};
template <DTypeSet S>
inline constexpr Port kY[] = {{"Y", S}};
template <DTypeSet S>
inline constexpr Port kInput[] = {{"input", S}};
template <DTypeSet S>
inline constexpr Port kOutput[] = {{"output", S}};
template <DTypeSet S>
inline constexpr Port kAB[] = {{"A", S}, {"B", S}};
template <DTypeSet S>
inline constexpr Port kC[] = {{"C", S}};
inline constexpr Port kBoolC[] = {{"C", kBoolSet, "T1"}};
inline constexpr AttrDef kConsumed[] = {optional_attr("consumed_inputs", AttrKind::kInts)};
inline constexpr AttrDef kLegacy1[] = {optional_attr("axis", AttrKind::kInt), int_attr("broadcast", 0),
                                       optional_attr("consumed_inputs", AttrKind::kInts)};
inline constexpr AttrDef kLegacy6[] = {optional_attr("axis", AttrKind::kInt), int_attr("broadcast", 0)};

/// Ports of a unary operator: without bfloat16 (old versions) and with it.
struct UnaryPorts {
  std::span<const Port> old_in, old_out, in, out;
};
inline constexpr UnaryPorts kPortsXY{kX<kOldFloatSet>, kY<kOldFloatSet>, kX<kFloatSet>, kY<kFloatSet>};
inline constexpr UnaryPorts kPortsInputOutput{kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kInput<kFloatSet>,
                                              kOutput<kFloatSet>};
using MakeKernel = std::unique_ptr<const Kernel> (*)(const NodeInfo&);

constexpr OpDef unary_row_of(const char* name, int since, int until, std::span<const Port> in,
                             std::span<const Port> out, MakeKernel make, std::span<const AttrDef> attrs = {}) {
  return {name, "", since, until, in, out, attrs, infer_like, make, Lowering::kKernel, 1};
}
/// Versions `first` and `second`, the second one with bfloat16.
constexpr std::array<OpDef, 2> unary_pair(const char* name, int first, int second, const UnaryPorts& p, MakeKernel make,
                                          std::span<const AttrDef> attrs = {}) {
  return {unary_row_of(name, first, second - 1, p.old_in, p.old_out, make, attrs),
          unary_row_of(name, second, 0, p.in, p.out, make, attrs)};
}
/// Versions 1 (with consumed_inputs in `attrs1`), 6 and `third`, which takes bfloat16.
constexpr std::array<OpDef, 3> unary_1_6(const char* name, int third, const UnaryPorts& p, MakeKernel make,
                                         std::span<const AttrDef> attrs1 = kConsumed,
                                         std::span<const AttrDef> attrs = {}) {
  return {unary_row_of(name, 1, 5, p.old_in, p.old_out, make, attrs1),
          unary_row_of(name, 6, third - 1, p.old_in, p.old_out, make, attrs),
          unary_row_of(name, third, 0, p.in, p.out, make, attrs)};
}

/// Functor and kernel of f(x), a lambda without captures that calls the mathematical library.
template <auto f>
struct Function {
  template <class T>
  static T apply(T x, const double*) {
    return f(x);
  }
};
template <auto f>
std::unique_ptr<const Kernel> make_function(const NodeInfo& n) {
  return make_unary<RealFloats, Function<f>>(n, 12);
}

}  // namespace tenon::ops
