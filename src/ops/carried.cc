// Fixed point of a loop body's carried types.
#include "ops/carried.h"

namespace tenon::ops {
namespace {

/// The type with nothing known about dims, also of elements of sequences and optionals.
ValueType loosened(const ValueType& t) {
  ValueType out = t;
  out.has_rank = false;
  out.dims.clear();
  if (t.inner) out.inner = std::make_shared<const ValueType>(loosened(*t.inner));
  return out;
}

/// A body may take an optional and give back what is in it.
bool unwraps(const ValueType& carried, const ValueType& result) {
  return carried.kind == ValueKind::kOptional && carried.inner && result.kind == carried.inner->kind &&
         onnx_type_string(result) == onnx_type_string(*carried.inner);
}

/// Makes `t` hold `next` as well. Dims already unknown stay what they are, so that repeated calls come to an end.
bool admit(InferContext& c, ValueType& t, std::vector<bool>& unknown, const ValueType& next) {
  if (unwraps(t, next)) return false;        // the next iteration's optional holds the value
  const ValueType wide = widen(c, t, next);  // checks kinds and element types
  if (!t.is_tensor()) {
    const bool change = !(t == next) && !(t == loosened(t));
    if (change) t = loosened(wide);
    return change;
  }
  if (!t.has_rank) return false;
  if (!wide.has_rank) {
    t = wide;
    return true;
  }
  bool change = false;
  unknown.resize(t.dims.size());
  for (size_t k = 0; k < t.dims.size(); ++k) {
    if (unknown[k] || t.dims[k] == next.dims[k]) continue;
    t.dims[k] = c.fresh();
    unknown[k] = true;
    change = true;
  }
  return change;
}

}  // namespace

bool infer_carried(InferContext& c, std::span<const ValueType> before, std::vector<ValueType>& carried,
                   std::span<const ValueType> after, size_t first_result, std::vector<ValueType>* results) {
  std::vector<std::vector<bool>> unknown(carried.size());
  for (bool change = true; change;) {
    change = false;
    std::vector<ValueType> args(before.begin(), before.end());
    args.insert(args.end(), carried.begin(), carried.end());
    args.insert(args.end(), after.begin(), after.end());
    if (!c.infer_region(0, args, results)) return false;
    if (results->size() < first_result + carried.size())
      fail(ErrorCode::kInvalidGraph, "body has {} outputs, expected at least {}", results->size(),
           first_result + carried.size());
    for (size_t k = 0; k < carried.size(); ++k)
      if (admit(c, carried[k], unknown[k], (*results)[first_result + k])) change = true;
  }
  for (size_t k = 0; k < carried.size(); ++k)  // the value after the last iteration is not the one before it
    for (size_t d = 0; d < unknown[k].size() && d < carried[k].dims.size(); ++d)
      if (unknown[k][d]) carried[k].dims[d] = c.fresh();
  for (size_t k = 0; k < carried.size(); ++k)
    if (unwraps(carried[k], (*results)[first_result + k])) carried[k] = loosened(*carried[k].inner);
  return true;
}

void set_known_outputs(InferContext& c) {
  for (size_t j = 0; j < c.num_outputs(); ++j)
    if (const ValueType* t = c.known_output(j)) c.set_type(j, loosened(*t));
}

}  // namespace tenon::ops
