// com.microsoft EmbedLayerNormalization: layer normalisation of word + position (+ segment) embeddings, and the number
// of ones in each row of the mask.
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::embed_layer_norm {
namespace {

enum In : size_t { kIds, kSegments, kWord, kPosition, kSegment, kGamma, kBeta, kMask, kPositions };
enum Out : size_t { kY, kMaskIndex, kSum };

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n)
      : eps_(n.attrs.get_float("epsilon", 1e-12f)), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &ids = c.input(kIds), &y = c.output(kY);
    const int64_t length = ids.dim[1], width = y.dim[2];
    const F32Result out(c, y, table_);
    std::optional<F32Result> shown;
    if (c.has_output(kSum)) shown.emplace(c, c.output(kSum), table_);
    float* sum = shown ? shown->data() : c.scratch<float>(y.count);
    const float *word = load_f32(c, kWord, table_), *position = load_f32(c, kPosition, table_);
    const bool segments = c.has_input(kSegments) && c.has_input(kSegment);
    const float* segment = segments ? load_f32(c, kSegment, table_) : nullptr;
    const auto row = [&](size_t table, const float* data, size_t index, int64_t k) {
      const int64_t rows = c.input(table).dim[0];
      if (k < 0 || k >= rows) fail("index {} in input {}, expected a value in [0, {})", k, index, rows);
      return data + k * width;
    };
    const auto add = kernels::binary_rows(kernels::Binary::kAdd, table_).vv;
    const int64_t shared = c.has_input(kPositions) && c.input(kPositions).dim[0] == 1 ? length : ids.count;
    c.par.loop(ids.count, static_cast<double>(width), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = c.has_input(kPositions) ? c.input(kPositions).as<int32_t>()[r % shared] : r % length;
        float* to = sum + r * width;
        add(row(kWord, word, kIds, ids.as<int32_t>()[r]), row(kPosition, position, kPositions, at), to, width);
        if (segments) add(to, row(kSegment, segment, kSegments, c.input(kSegments).as<int32_t>()[r]), to, width);
      }
    });
    kernels::NormArgs norm;
    norm.rows = ids.count, norm.n = width, norm.x = sum, norm.eps = eps_, norm.y = out.data();
    norm.scale = load_f32(c, kGamma, table_), norm.bias = load_f32(c, kBeta, table_);
    if (y.count > 0) kernels::layer_norm(norm, c.par, table_);
    out.store(c);
    if (shown) shown->store(c);
    for (int64_t b = 0; c.has_output(kMaskIndex) && b < ids.dim[0]; ++b) {
      const int32_t* mask = c.has_input(kMask) ? c.input(kMask).as<int32_t>() + b * length : nullptr;
      c.output(kMaskIndex).out<int32_t>()[b] = mask ? static_cast<int32_t>(std::count(mask, mask + length, 1)) : 0;
    }
  }

 private:
  float eps_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  const DType t = c.dtype(kWord);
  for (size_t i : {kIds, kSegments, kWord, kPosition, kSegment, kMask, kPositions}) expect_rank(c, i, 2);
  for (size_t i : {kGamma, kBeta}) expect_rank(c, i, 1);
  if (c.has_input(kSegments) != c.has_input(kSegment)) fail("segment_ids and segment_embedding must be given together");
  const Dims ids = c.has_rank(kIds) ? c.dims(kIds) : fresh_dims(c, 2);
  for (size_t i : {kSegments, kMask, kPositions})
    for (size_t k = 0; c.has_rank(i) && k < 2; ++k)
      if (i != kPositions || k == 1 || c.dims(i)[0] != 1)
        expect_equal(c, c.dims(i)[k], ids[k], "dims of input_ids and of its companions");
  const int64_t width = c.has_rank(kWord) ? c.dims(kWord)[1] : c.fresh();
  for (size_t i : {kPosition, kSegment, kGamma, kBeta})
    if (c.has_rank(i)) expect_equal(c, c.dims(i).back(), width, "hidden size of the embeddings");
  c.set(kMaskIndex, DType::kInt32, {ids[0]});
  c.set(kSum, t, {ids[0], ids[1], width});
  c.set(kY, t, {ids[0], ids[1], width});
}

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32), kSet = dtype_set({DType::kFloat, DType::kFloat16});
constexpr Port kIn[] = {{"input_ids", kInt32Set, "T1"},
                        {"segment_ids", kInt32Set, "T1", kOpt},
                        {"word_embedding", kSet},
                        {"position_embedding", kSet},
                        {"segment_embedding", kSet, "T", kOpt},
                        {"gamma", kSet},
                        {"beta", kSet},
                        {"mask", kInt32Set, "T1", kOpt},
                        {"position_ids", kInt32Set, "T1", kOpt}};
constexpr Port kOut[] = {{"output", kSet}, {"mask_index", kInt32Set, "T1", kOpt}, {"embedding_sum", kSet, "T", kOpt}};
constexpr AttrDef kAttrs[] = {float_attr("epsilon", 1e-12f), optional_attr("mask_index_type", AttrKind::kInt)};
constexpr OpDef kOps[] = {{"EmbedLayerNormalization", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::embed_layer_norm
