// com.microsoft MRotaryEmbedding: three positions per token (time, height, width), each of which gives the angles of a
// section of the pairs.
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/rotary.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::mrotary_embedding {
namespace {

enum In : size_t { kInput, kIds, kCos, kSin };

struct Settings {
  int64_t heads, dim, half = 0;
  bool interleaved, woven;
  int64_t sections[3];

  explicit Settings(const graph::Attrs& a)
      : heads(a.get_int("num_heads", 0)),
        dim(a.get_int("rotary_embedding_dim", 0)),
        interleaved(a.get_int("interleaved", 0) != 0),
        woven(a.get_int("mrope_layout", 0) == 1) {
    if (a.get_int("is_packed_batching", 0) != 0)
      fail(ErrorCode::kNotImplemented, "attribute is_packed_batching is set");
    const int64_t layout = a.get_int("mrope_layout", 0);
    if (layout != 0 && layout != 1) fail("attribute mrope_layout: {} found, expected 0 or 1", layout);
    const auto s = a.get_ints("mrope_section");
    if (s.size() != 3) fail("attribute mrope_section has {} entries, expected 3", s.size());
    for (size_t i = 0; i < 3; ++i) {
      if (s[i] < 0 || s[i] > INT32_MAX) fail("attribute mrope_section[{}]: {} found, expected at least 0", i, s[i]);
      sections[i] = s[i], half += s[i];
    }
    if (half == 0) fail("attribute mrope_section: all entries are 0");
    if (dim != 0 && dim != 2 * half)
      fail("attribute rotary_embedding_dim: {} found, expected twice the sum of mrope_section, {}", dim, 2 * half);
  }
  /// Which of the three positions pair i takes.
  int64_t stream(int64_t i) const {
    if (woven) return i % 3 != 0 && i < 3 * sections[i % 3] ? i % 3 : 0;
    return i < sections[0] ? 0 : i < sections[0] + sections[1] ? 1 : 2;
  }
};

void infer(InferContext& c) {
  const Settings s(c.attrs());
  for (size_t i : {kCos, kSin}) {
    expect_rank(c, i, 2);
    if (c.has_rank(i)) expect_equal(c, c.dims(i)[1], s.half, "last dim of a cache and the sum of mrope_section");
  }
  if (c.has_rank(kCos) && c.has_rank(kSin))
    expect_equal(c, c.dims(kCos)[0], c.dims(kSin)[0], "positions of cos_cache and sin_cache");
  expect_rank(c, kIds, 3);
  if (c.has_rank(kInput)) {
    const Dims& x = c.dims(kInput);
    if (x.size() != 3 && x.size() != 4) fail("input has rank {}, expected 3 or 4", x.size());
    if (x.size() == 3 && s.dim > 0 && s.heads < 1)
      fail("attribute num_heads: {} found, expected at least 1 with rotary_embedding_dim", s.heads);
    if (!is_symbol(x.back())) {
      const int64_t size = x.size() == 4 ? x[3] : s.dim > 0 ? x[2] / s.heads : 2 * s.half;
      if (size < 2 * s.half || x.back() % size != 0 || (x.size() == 3 && s.dim > 0 && size * s.heads != x[2]))
        fail("input has a last dim of {}, which holds no heads of {} turned values", x.back(), 2 * s.half);
    }
    const int64_t want[] = {3, x[0], x.size() == 4 ? x[2] : x[1]};
    for (size_t d = 0; c.has_rank(kIds) && d < 3; ++d)
      expect_equal(c, c.dims(kIds)[d], want[d], "dims of position_ids and [3, batch, length]");
  }
  c.set_type(0, c.type(kInput));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n) : s_(n.attrs), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kInput), &ids = c.input(kIds);
    if (x.count == 0) return;
    const auto at = rotary::Layout::of(x, s_.dim > 0 ? s_.heads : x.dim[x.rank - 1] / (2 * s_.half));
    const int64_t rows = c.input(kCos).dim[0], tokens = at.batch * at.length, half = s_.half;
    const auto* id = ids.as<int64_t>();
    for (int64_t i = 0; i < ids.count; ++i)
      if (id[i] < 0 || id[i] >= rows) fail("position_ids[{}] is {}, expected a value in [0, {}]", i, id[i], rows - 1);
    const F32Result out(c, c.output(0), table_);
    const float *in = load_f32(c, x, table_), *cos = load_f32(c, kCos, table_), *sin = load_f32(c, kSin, table_);
    float* joined = c.scratch<float>(checked_mul(2 * tokens, half));
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < half; ++i) {
        const int64_t from = id[s_.stream(i) * tokens + t] * half + i;
        joined[2 * t * half + i] = cos[from], joined[(2 * t + 1) * half + i] = sin[from];
      }
    const auto angles = [&](int64_t b, int64_t s) -> rotary::Angles {
      const float* row = joined + 2 * (b * at.length + s) * half;
      return {row, row + half};
    };
    rotary::turn_all(c.par, at, in, out.data(), half, s_.interleaved, angles, table_);
    out.store(c);
  }

 private:
  Settings s_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"input", kSet}, {"position_ids", kInt64Set, "M"}, {"cos_cache", kSet}, {"sin_cache", kSet}};
constexpr Port kOut[] = {{"output", kSet}};
constexpr AttrDef kAttrs[] = {
    optional_attr("interleaved", AttrKind::kInt),  optional_attr("is_packed_batching", AttrKind::kInt),
    optional_attr("mrope_layout", AttrKind::kInt), required_attr("mrope_section", AttrKind::kInts),
    optional_attr("num_heads", AttrKind::kInt),    optional_attr("rotary_embedding_dim", AttrKind::kInt),
    optional_attr("scale", AttrKind::kFloat)};
constexpr OpDef kOps[] = {{"MRotaryEmbedding", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::mrotary_embedding
