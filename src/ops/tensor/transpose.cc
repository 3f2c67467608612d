// Transpose: output axis i is input axis perm[i]; without perm the axes are reversed.
#include "ops/move.h"

namespace tenon::ops::transpose {
namespace {

/// perm checked against the rank, negative entries refused as ONNX does.
Dims checked_perm(std::span<const int64_t> perm, size_t rank) {
  Dims p(rank, 0);
  if (perm.empty()) {
    for (size_t i = 0; i < rank; ++i) p[i] = static_cast<int64_t>(rank - 1 - i);
    return p;
  }
  if (perm.size() != rank) fail("perm {} has {} entries, the input has rank {}", to_string(perm), perm.size(), rank);
  uint64_t seen = 0;
  for (size_t i = 0; i < rank; ++i) {
    if (perm[i] < 0 || perm[i] >= static_cast<int64_t>(rank) || (seen >> perm[i] & 1))
      fail("perm {} is not a permutation of [0, {})", to_string(perm), rank);
    seen |= uint64_t{1} << perm[i];
    p[i] = perm[i];
  }
  return p;
}

void infer(InferContext& c) {
  const auto perm = c.attrs().get_ints("perm");
  if (!c.has_rank(0)) {
    if (!c.attrs().has("perm")) return c.set_unranked(0, c.dtype(0));
    return c.set(0, c.dtype(0), fresh_dims(c, perm.size()));
  }
  if (c.rank(0) > 64) fail(ErrorCode::kNotImplemented, "rank {} found, at most 64 is supported", c.rank(0));
  const Dims p = checked_perm(perm, c.rank(0));
  Dims out(p.size(), 0);
  for (size_t i = 0; i < p.size(); ++i) out[i] = c.dims(0)[static_cast<size_t>(p[i])];
  c.set(0, c.dtype(0), std::move(out));
  if (p.size() <= 1) pass_ints(c);
}

struct Transpose final : Kernel {
  explicit Transpose(const NodeInfo& info) {
    const auto p = info.attrs.get_ints("perm");
    perm.assign(p.begin(), p.end());
  }
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const TensorRef in = addressable(c, x), out = addressable_output(c, y);
    StridedCopy copy;
    for (size_t i = 0; i < out.rank; ++i) {
      const size_t axis = perm.empty() ? out.rank - 1 - i : static_cast<size_t>(perm[i]);
      copy.loop(out.dim[i], extent(in.dims(), axis + 1, in.rank), extent(out.dims(), i + 1, out.rank));
    }
    copy.run(c.par, in.dtype, in.data, out.data);
    finish(out, y);
  }
  std::vector<int64_t> perm;
};

constexpr AttrDef kAttrs[] = {optional_attr("perm", AttrKind::kInts)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}}, kOut[] = {{"transposed", T}};
};
constexpr OpDef kRow = {.name = "Transpose", .attrs = kAttrs, .infer = infer, .make = make<Transpose>};
constexpr auto kOps = joined(std::array{row_of<Ports<kIr3Set>>(kRow, 1, 12), row_of<Ports<kIr4Set>>(kRow, 13, 20)},
                             rows_from_21<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::transpose
