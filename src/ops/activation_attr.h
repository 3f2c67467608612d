// Activation attributes of fused ops (activation, activation_params, ...).
#pragma once
#include <span>
#include <string_view>

#include "graph/attr.h"
#include "kernels/epilogue.h"

namespace tenon::ops {

/// Sets activation, p0, p1 of `e` from an ONNX op name ("" = none) and its parameters in the order of that op's
/// attributes; missing ones take ONNX's defaults. "Gelu" is the erf form, "FastGelu" the tanh form. Throws for other
/// names.
void set_activation(std::string_view name, std::span<const float> params, kernels::Epilogue* e);
/// The activation that the attributes activation and activation_params name.
inline kernels::Epilogue read_epilogue(const graph::Attrs& attrs) {
  kernels::Epilogue e;
  set_activation(attrs.get_string("activation", ""), attrs.get_floats("activation_params"), &e);
  return e;
}

}  // namespace tenon::ops
