// Tile: the input repeated repeats[k] times along each axis k; opset 1 repeats one axis, with numbers of type T.
#include <cmath>

#include "ops/move.h"

namespace tenon::ops::tile {
namespace {

void infer_old(InferContext& c) {
  const auto tiles = c.floats(1), axis = c.floats(2);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  if (!tiles || !axis) return c.set(0, c.dtype(0), fresh_dims(c, c.rank(0)));
  if (tiles->size() != 1 || axis->size() != 1 || !(tiles->front() >= 0 && tiles->front() < 1e15) ||
      !(std::abs(axis->front()) < 1e6))
    fail("tiles and axis must be one number each, tiles at least 0");
  Dims out = c.dims(0);
  int64_t& d = out[static_cast<size_t>(resolve_axis(static_cast<int64_t>(axis->front()), out.size()))];
  d = c.sym.mul(d, static_cast<int64_t>(tiles->front()));
  limit_elements(out);
  c.set(0, c.dtype(0), std::move(out));
}

void infer(InferContext& c) {
  const auto repeats = c.ints(1);
  if (!c.has_rank(0)) {
    const auto rank = repeats ? repeats->size() : int_count(c, 1);
    return rank ? c.set(0, c.dtype(0), fresh_dims(c, *rank)) : c.set_unranked(0, c.dtype(0));
  }
  if (!repeats) return c.set(0, c.dtype(0), fresh_dims(c, c.rank(0)));
  Dims out = c.dims(0);
  if (repeats->size() != out.size()) fail("{} repeats for an input of rank {}", repeats->size(), out.size());
  for (size_t k = 0; k < out.size(); ++k) {
    const int64_t r = (*repeats)[k];
    if (!is_symbol(r) && r < 0) fail("repeats[{}] is {}, expected at least 0", k, r);
    if (!is_symbol(r) && !is_symbol(out[k]) && out[k] > 0 && r > kMaxElements / out[k])
      fail_limit("tensor_elements", "dim {} of size {} repeated {} times", k, out[k], r);
    out[k] = c.sym.mul(out[k], r);
  }
  limit_elements(out);
  if (out.size() == 1 && !is_symbol(out[0]) && out[0] <= 4096 && contains(kIntSet, c.dtype(0)))
    if (const auto v = c.data_ints(0); v && !v->empty()) {
      std::vector<int64_t> all;
      while (all.size() < static_cast<size_t>(out[0])) all.insert(all.end(), v->begin(), v->end());
      c.set_ints(0, std::move(all));
    }
  c.set(0, c.dtype(0), std::move(out));
}

struct Tile final : Kernel {
  explicit Tile(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const TensorRef in = addressable(c, c.input(0)), out = addressable_output(c, y);
    StridedCopy copy;
    for (size_t k = 0; k < out.rank; ++k) {
      const int64_t stride = extent(out.dims(), k + 1, out.rank);
      copy.loop(out.dim[k] / in.dim[k], 0, in.dim[k] * stride);
      copy.loop(in.dim[k], extent(in.dims(), k + 1, in.rank), stride);
    }
    copy.run(c.par, in.dtype, in.data, out.data);
    finish(out, y);
  }
};

struct OldPorts {
  static constexpr Port kIn[] = {{"input", kOldFloatSet}, {"tiles", kOldFloatSet}, {"axis", kOldFloatSet}};
  static constexpr Port kOut[] = {{"output", kOldFloatSet}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T}, {"repeats", kInt64Set, "T1"}}, kOut[] = {{"output", T}};
};
constexpr OpDef kOldRow = {.name = "Tile", .infer = infer_old, .make = make<Tile>};
constexpr OpDef kRow = {.name = "Tile", .infer = infer, .make = make<Tile>};
constexpr OpDef kOps[] = {row_of<OldPorts>(kOldRow, 1, 5), row_of<Ports<kIr3Set>>(kRow, 6, 12),
                          row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tile
