// RotaryEmbedding: pairs of each head's first dims are turned by the angle whose cosine and sine the caches hold.
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/rotary.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::rotary_embedding {
namespace {

void infer(InferContext& c) {
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims& x = c.dims(0);
  if (x.size() != 3 && x.size() != 4) fail("X has rank {}, expected 3 or 4", x.size());
  const int64_t heads = c.attrs().get_int("num_heads", 0), dim = c.attrs().get_int("rotary_embedding_dim", 0);
  if (x.size() == 3 && heads < 1) fail("attribute num_heads: {} found, expected at least 1 with a 3-D X", heads);
  if (x.size() == 3 && !is_symbol(x[2]) && x[2] % heads != 0)
    fail("X has a last dim of {}, expected a multiple of num_heads = {}", x[2], heads);
  const int64_t size = x.size() == 4 ? x[3] : c.sym.floor_div(x[2], heads);
  const int64_t turned = dim > 0 ? dim : size;
  if (dim < 0 || (!is_symbol(size) && (turned > size || turned % 2 != 0)))
    fail("{} dims to turn, expected an even number up to the head size {}", turned, size);
  const size_t rank = c.has_input(3) ? 2 : 3;
  const int64_t positions[] = {x[0], x.size() == 4 ? x[2] : x[1]};
  for (size_t i : {size_t{1}, size_t{2}}) {
    expect_rank(c, i, rank);
    if (!c.has_rank(i)) continue;
    expect_equal(c, c.dims(i)[rank - 1], c.sym.floor_div(turned, 2),
                 "last dim of a cache and half of the dims to turn");
    for (size_t k = 0; rank == 3 && k < 2; ++k)
      if (c.dims(i)[k] != 1) expect_equal(c, c.dims(i)[k], positions[k], "batch and length of a cache and X");
  }
  if (c.has_rank(1) && c.has_rank(2) && rank == 2)
    expect_equal(c, c.dims(1)[0], c.dims(2)[0], "positions of cos_cache and sin_cache");
  expect_rank(c, 3, 2);
  for (size_t k = 0; c.has_rank(3) && k < 2; ++k)
    if (c.dims(3)[k] != 1) expect_equal(c, c.dims(3)[k], positions[k], "batch and length of position_ids and X");
  c.set(0, c.dtype(0), x);
}

/// Row (b, s) of a [batch, length, ...] operand whose first two dims may be 1.
int64_t row_of(std::span<const int64_t> dims, int64_t b, int64_t s) {
  return (dims[0] == 1 ? 0 : b) * dims[1] + (dims[1] == 1 ? 0 : s);
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : interleaved_(info.attrs.get_int("interleaved", 0) != 0),
        heads_(info.attrs.get_int("num_heads", 0)),
        dim_(info.attrs.get_int("rotary_embedding_dim", 0)),
        table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &cache = c.input(1);
    const rotary::Layout at = rotary::Layout::of(x, heads_);
    const int64_t half = (dim_ > 0 ? dim_ : at.size) / 2;
    const int64_t* ids = c.has_input(3) ? c.input(3).as<int64_t>() : nullptr;
    if (ids)
      for (int64_t i = 0; i < c.input(3).count; ++i)
        if (ids[i] < 0 || ids[i] >= cache.dim[0])
          fail("position_ids[{}] is {}, expected a value in [0, {}]", i, ids[i], cache.dim[0] - 1);
    const F32Result out(c, c.output(0), table_);
    const float *in = load_f32(c, x, table_), *cos = load_f32(c, 1, table_), *sin = load_f32(c, 2, table_);
    const auto angles = [&](int64_t b, int64_t i) -> rotary::Angles {
      const int64_t row = ids ? ids[row_of(c.input(3).dims(), b, i)] : row_of(cache.dims(), b, i);
      return {cos + row * half, sin + (ids ? row : row_of(c.input(2).dims(), b, i)) * half};
    };
    rotary::turn_all(c.par, at, in, out.data(), half, interleaved_, angles, table_);
    out.store(c);
  }

 private:
  bool interleaved_;
  int64_t heads_, dim_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {
    {"X", kSet}, {"cos_cache", kSet}, {"sin_cache", kSet}, {"position_ids", kInt64Set, "M", PortUse::kOptional}};
constexpr Port kOut[] = {{"Y", kSet}};
constexpr AttrDef kAttrs[] = {int_attr("interleaved", 0), optional_attr("num_heads", AttrKind::kInt),
                              int_attr("rotary_embedding_dim", 0)};
constexpr OpDef kOps[] = {{"RotaryEmbedding", "", 23, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::rotary_embedding
