// com.microsoft QEmbedLayerNormalization: layer normalisation of word + position (+ segment) embeddings, all 8 bits
// with a scale and zero point of their own, and the number of ones in each row of the mask.
#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/quantization.h"

namespace tenon::ops::qembed_layer_norm {
namespace {

enum In : size_t { kIds, kSegments, kWord, kPosition, kSegment, kGamma, kBeta, kMask, kFirstScale, kFirstZero = 13 };

class QEmbedLayerNorm final : public Kernel {
 public:
  explicit QEmbedLayerNorm(const NodeInfo& n)
      : eps_(n.attrs.get_float("epsilon", 1e-12f)), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &ids = c.input(kIds), &y = c.output(0);
    const int64_t length = ids.dim[1], width = y.dim[2];
    float values[5][256];
    for (size_t i = 0; i < 5; ++i)
      if (c.has_input(kWord + i))
        ByteScale::of(c, kFirstScale + i, kFirstZero + i).values(c.input(kWord + i).dtype == DType::kInt8, values[i]);
    const auto row = [&](size_t i, const TensorRef& index, int64_t at) {
      const TensorRef& e = c.input(kWord + i);
      const int64_t k = index.data ? index.as<int32_t>()[at] : at % length;
      if (k < 0 || k >= e.dim[0])
        fail("index {} of input {}, expected [0, {})", k, index.data ? (i == 0 ? 0 : 1) : 3, e.dim[0]);
      return e.as<uint8_t>() + k * width;
    };
    const bool segments = c.has_input(kSegments) && c.has_input(kSegment);
    float *sum = c.scratch<float>(y.count), *scale = c.scratch<float>(width), *bias = c.scratch<float>(width);
    for (int64_t j = 0; j < width; ++j) {
      scale[j] = values[3][c.input(kGamma).as<uint8_t>()[j]];
      bias[j] = values[4][c.input(kBeta).as<uint8_t>()[j]];
    }
    c.par.loop(ids.count, static_cast<double>(width) * 2, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const uint8_t *word = row(0, ids, r), *position = row(1, TensorRef(), r);
        float* to = sum + r * width;
        for (int64_t j = 0; j < width; ++j) to[j] = values[0][word[j]] + values[1][position[j]];
        if (!segments) continue;
        const uint8_t* segment = row(2, c.input(kSegments), r);
        for (int64_t j = 0; j < width; ++j) to[j] += values[2][segment[j]];
      }
    });
    kernels::NormArgs norm;
    norm.rows = ids.count, norm.n = width, norm.x = sum, norm.scale = scale, norm.bias = bias, norm.eps = eps_;
    norm.y = y.out<float>();
    kernels::layer_norm(norm, c.par, table_);
    if (!c.has_output(1)) return;
    for (int64_t b = 0; b < ids.dim[0]; ++b) {
      int32_t ones = 0;
      for (int64_t i = 0; c.has_input(kMask) && i < length; ++i)
        ones += c.input(kMask).as<int32_t>()[b * length + i] == 1;
      c.output(1).out<int32_t>()[b] = ones;
    }
  }

 private:
  float eps_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  expect_rank(c, kIds, 2);
  for (size_t i = kFirstScale; i < c.num_inputs(); ++i) expect_scalars(c, {i});
  for (size_t i : {kWord, kPosition, kSegment}) expect_rank(c, i, 2);
  for (size_t i : {kGamma, kBeta}) expect_rank(c, i, 1);
  for (size_t i : {kSegments, kMask})
    if (c.has_rank(i) && c.has_rank(kIds)) {
      expect_rank(c, i, 2);
      for (size_t k = 0; k < 2; ++k)
        expect_equal(c, c.dims(i)[k], c.dims(kIds)[k], "dims of input_ids and of its companions");
    }
  if (c.has_input(kSegments) && c.has_input(kSegment) && !(c.has_input(10) && c.has_input(15)))
    fail("segment_embedding has no scale or no zero point");
  c.set(1, DType::kInt32, {c.has_rank(kIds) ? c.dims(kIds)[0] : c.fresh()});
  if (!c.has_rank(kWord)) return c.set_unranked(0, DType::kFloat);
  const int64_t width = c.dims(kWord)[1];
  for (size_t i : {kPosition, kSegment, kGamma, kBeta})
    if (c.has_rank(i)) expect_equal(c, c.dims(i).back(), width, "hidden size of the embeddings");
  const Dims ids = c.has_rank(kIds) ? c.dims(kIds) : fresh_dims(c, 2);
  if (c.has_rank(kPosition) && !is_symbol(ids[1]) && !is_symbol(c.dims(kPosition)[0]) && ids[1] > c.dims(kPosition)[0])
    fail("{} tokens, but only {} position embeddings", ids[1], c.dims(kPosition)[0]);
  c.set(0, DType::kFloat, {ids[0], ids[1], width});
}

constexpr PortUse kOpt = PortUse::kOptional, kOne = PortUse::kSingle;
constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32);
constexpr Port kIn[] = {{"input_ids", kInt32Set, "T1"},
                        {"segment_ids", kInt32Set, "T1", kOpt},
                        {"word_embedding_quant", kByteSet, "T2"},
                        {"position_embedding_quant", kByteSet, "T2"},
                        {"segment_embedding", kByteSet, "T2", kOpt},
                        {"gamma_quant", kByteSet, "T2"},
                        {"beta_quant", kByteSet, "T2"},
                        {"mask", kInt32Set, "T1", kOpt},
                        {"word_embedding_scale", kFloat32Set},
                        {"position_embedding_scale", kFloat32Set},
                        {"segment_embedding_scale", kFloat32Set, "T", kOpt},
                        {"gamma_scale", kFloat32Set},
                        {"beta_scale", kFloat32Set},
                        {"word_embedding_zero_point", kByteSet, "T2"},
                        {"position_embedding_zero_point", kByteSet, "T2"},
                        {"segment_embedding_zero_point", kByteSet, "T2", kOpt},
                        {"gamma_zero_point", kByteSet, "T2"},
                        {"beta_zero_point", kByteSet, "T2"}};
constexpr Port kOut[] = {{"layernorm_out", kFloat32Set}, {"mask_index_out", kInt32Set, "T1", kOne}};
constexpr AttrDef kAttrs[] = {float_attr("epsilon", 1e-12f)};
constexpr OpDef kOps[] = {
    {"QEmbedLayerNormalization", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<QEmbedLayerNorm>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qembed_layer_norm
