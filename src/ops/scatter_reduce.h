// The reductions of ScatterElements and ScatterND: out = out (op) update, element by element.
#pragma once
#include <string_view>

#include "base/dtype.h"

namespace tenon::ops {

/// combine(out, update, n) for n elements.
using Combine = void (*)(void* out, const void* update, int64_t n);

/// Function of reduction "none", "add", "mul", "min" or "max" for elements of type t; throws kInvalidArgument for
/// another name and kNotImplemented where the type has no such operation. Packed types work on a byte per element and
/// know "none" only.
Combine scatter_combine(std::string_view reduction, DType t);

}  // namespace tenon::ops
