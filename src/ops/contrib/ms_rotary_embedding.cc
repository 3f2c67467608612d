// com.microsoft RotaryEmbedding: positions are an offset or one per token; the caches have a row per position.
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/rotary.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::ms_rotary_embedding {
namespace {

enum In : size_t { kInput, kIds, kCos, kSin };

void infer(InferContext& c) {
  if (c.attrs().get_int("is_packed_batching", 0) != 0)
    fail(ErrorCode::kNotImplemented, "attribute is_packed_batching is set");
  const int64_t heads = c.attrs().get_int("num_heads", 0), dim = c.attrs().get_int("rotary_embedding_dim", 0);
  if (dim < 0 || dim % 2 != 0) fail("attribute rotary_embedding_dim: {} found, expected an even number", dim);
  for (size_t i : {kCos, kSin}) expect_rank(c, i, 2);
  if (c.has_rank(kCos) && c.has_rank(kSin))
    for (size_t k = 0; k < 2; ++k) expect_equal(c, c.dims(kCos)[k], c.dims(kSin)[k], "dims of cos_cache and sin_cache");
  if (c.has_rank(kInput)) {
    const Dims& x = c.dims(kInput);
    if (x.size() != 3 && x.size() != 4) fail("input has rank {}, expected 3 or 4", x.size());
    if (x.size() == 3 && dim > 0 && heads < 1)
      fail("attribute num_heads: {} found, expected at least 1 with rotary_embedding_dim", heads);
    if (c.has_rank(kCos) && !is_symbol(c.dims(kCos)[1]) && !is_symbol(x.back())) {
      const int64_t turned = 2 * c.dims(kCos)[1];
      if (dim > 0) expect_equal(c, turned, dim, "twice the last dim of cos_cache and rotary_embedding_dim");
      const int64_t size = x.size() == 4 ? x[3] : dim > 0 ? x[2] / heads : turned;
      if (turned == 0 || size < turned || x.back() % size != 0 || (x.size() == 3 && dim > 0 && size * heads != x[2]))
        fail("input has a last dim of {}, which holds no heads of {} turned values", x.back(), turned);
    }
    if (c.has_rank(kIds)) {
      const Dims& ids = c.dims(kIds);
      if (ids.size() != 1 && ids.size() != 2) fail("position_ids has rank {}, expected 1 or 2", ids.size());
      const int64_t want[] = {ids.size() == 1 ? 1 : x[0], x.size() == 4 ? x[2] : x[1]};
      for (size_t k = 0; k < ids.size(); ++k)
        expect_equal(c, ids[k], want[k], "dims of position_ids and [1] or [batch, length]");
    }
  }
  c.set_type(0, c.type(kInput));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n)
      : interleaved_(n.attrs.get_int("interleaved", 0) != 0),
        heads_(n.attrs.get_int("num_heads", 0)),
        dim_(n.attrs.get_int("rotary_embedding_dim", 0)),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kInput), &ids = c.input(kIds);
    if (x.count == 0) return;
    const int64_t rows = c.input(kCos).dim[0], half = c.input(kCos).dim[1];
    const auto at = rotary::Layout::of(x, dim_ > 0 ? heads_ : x.dim[x.rank - 1] / (2 * half));
    const auto* id = ids.as<int64_t>();
    const int64_t reach = ids.rank == 1 ? at.length : 1;
    for (int64_t i = 0; i < ids.count; ++i)
      if (id[i] < 0 || id[i] > rows - reach)
        fail("position_ids[{}] is {}, expected a value in [0, {}]", i, id[i], rows - reach);
    const F32Result out(c, c.output(0), table_);
    const float *in = load_f32(c, x, table_), *cos = load_f32(c, kCos, table_), *sin = load_f32(c, kSin, table_);
    const auto angles = [&](int64_t b, int64_t s) -> rotary::Angles {
      const int64_t row = ids.rank == 1 ? id[0] + s : id[b * at.length + s];
      return {cos + row * half, sin + row * half};
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
constexpr Port kIn[] = {{"input", kSet}, {"position_ids", kInt64Set, "M"}, {"cos_cache", kSet}, {"sin_cache", kSet}};
constexpr Port kOut[] = {{"output", kSet}};
constexpr AttrDef kAttrs[] = {
    optional_attr("interleaved", AttrKind::kInt), optional_attr("is_packed_batching", AttrKind::kInt),
    optional_attr("num_heads", AttrKind::kInt), optional_attr("rotary_embedding_dim", AttrKind::kInt),
    optional_attr("scale", AttrKind::kFloat)};
constexpr OpDef kOps[] = {{"RotaryEmbedding", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::ms_rotary_embedding
