// Operators from outside as op rows of a session's own set.
#pragma once
#include <memory>
#include <span>

#include "graph/op_def.h"
#include "tenon/custom_op.h"

namespace tenon::ops {

using CustomOpsList = std::span<const std::shared_ptr<const plugin::CustomOps>>;

/// The built-in operators and these, which the set keeps. Throws kInvalidArgument, naming operator and place, for one
/// that is ill formed, comes twice, or would hide a built-in one.
std::shared_ptr<const graph::OpSet> op_set_with(CustomOpsList domains);

}  // namespace tenon::ops
