// Type inference of bodies that run again and again: the types of carried values must hold in every iteration.
#pragma once
#include <span>
#include <vector>

#include "ops/infer.h"

namespace tenon::ops {

/// Infers region 0 with arguments before + carried + after. Carried dims that the body changes become unknown and the
/// body is inferred again, until its results (from `first_result` on) fit. Returns false when bodies are not looked at;
/// else `carried` is what leaves the loop and `results` are those of the last pass.
bool infer_carried(InferContext& c, std::span<const ValueType> before, std::vector<ValueType>& carried,
                   std::span<const ValueType> after, size_t first_result, std::vector<ValueType>* results);

/// At run time: outputs get the element types that the graph knows, with unknown dims.
void set_known_outputs(InferContext& c);

}  // namespace tenon::ops
