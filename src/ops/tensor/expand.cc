// Expand: input broadcast (both ways) with a shape.
#include "ops/move.h"

namespace tenon::ops::expand {
namespace {

int64_t expanded(InferContext& c, int64_t dim, int64_t target) {
  if (is_symbol(target) && c.sym.is_unknown(target) && c.sym.lower_bound(target) < 0) target = c.fresh();
  if (!is_symbol(target) && target < 0) fail("shape holds {}, expected at least 0", target);
  const int64_t d = c.sym.broadcast(dim, target);
  if (d == -1) fail("dim {} does not broadcast with {}", dim, target);
  return d;
}

void infer(InferContext& c) {
  const auto target = c.ints(1);
  const auto count = target ? target->size() : int_count(c, 1);
  if (!c.has_rank(0) || !count) return c.set_unranked(0, c.dtype(0));
  const Dims& in = c.dims(0);
  const size_t rank = std::max(in.size(), *count);
  Dims out(rank, 1);
  if (!target) {  // dims above 1 stay, and those that the target does not reach
    for (size_t k = 0; k < rank; ++k) {
      const int64_t d = k < in.size() ? in[in.size() - 1 - k] : 1;
      out[rank - 1 - k] = k >= *count || (!is_symbol(d) && d > 1) ? d : c.fresh();
    }
    return c.set(0, c.dtype(0), std::move(out));
  }
  for (size_t k = 0; k < rank; ++k) {  // from the last dim on
    const int64_t d = k < in.size() ? in[in.size() - 1 - k] : 1;
    out[rank - 1 - k] = expanded(c, d, k < *count ? (*target)[*count - 1 - k] : 1);
  }
  limit_elements(out);
  if (out == in) {
    pass_ints(c);
  } else if (contains(kIntSet, c.dtype(0))) {
    const int64_t n = c.sym.product(out);
    if (!is_symbol(n) && n <= 4096)
      if (const auto v = c.data_ints(0); v && v->size() == 1)
        c.set_ints(0, std::vector<int64_t>(static_cast<size_t>(n), v->front()));
  }
  c.set(0, c.dtype(0), std::move(out));
}

struct Expand final : Kernel {
  explicit Expand(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const TensorRef in = addressable(c, c.input(0)), out = addressable_output(c, y);
    const size_t added = out.rank - in.rank;
    StridedCopy copy;
    for (size_t k = 0; k < out.rank; ++k) {
      const bool moves = k >= added && in.dim[k - added] != 1;
      copy.loop(out.dim[k], moves ? extent(in.dims(), k - added + 1, in.rank) : 0, extent(out.dims(), k + 1, out.rank));
    }
    copy.run(c.par, in.dtype, in.data, out.data);
    finish(out, y);
  }
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T}, {"shape", kInt64Set, ""}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {.name = "Expand", .infer = infer, .make = make<Expand>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 8, 12), row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::expand
