// com.microsoft ExpandDims: X with a dim of 1 at `axis` of the result.
#include "ops/move.h"

namespace tenon::ops::expand_dims {
namespace {

void infer(InferContext& c) {
  pass_ints(c);
  if (c.has_rank(1)) expect_equal(c, c.sym.product(c.dims(1)), 1, "elements of axis and 1");
  const auto axis = c.scalar_int(1);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  if (!axis || is_symbol(*axis)) return c.set(0, c.dtype(0), fresh_dims(c, d.size() + 1));
  d.insert(static_cast<size_t>(resolve_axis(*axis, d.size() + 1)), 1);
  c.set(0, c.dtype(0), std::move(d));
}

constexpr Port kIn[] = {{"X", kIr4Set}, {"axis", dtype_bit(DType::kInt32), ""}}, kOut[] = {{"Y", kIr4Set}};
constexpr OpDef kOps[] = {{"ExpandDims", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make_copy, Lowering::kView, 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::expand_dims
