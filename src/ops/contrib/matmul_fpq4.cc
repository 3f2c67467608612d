// com.microsoft MatMulFpQ4: Y = A B, B [K, N] as onnxruntime's 4-bit blobs: for each column and block of K a float
// scale, a zero point (blk_quant_type 1) and codes; runs of 32 keep element i and i + 16 in one byte.
#include <cstring>

#include "ops/nbits.h"
#include "ops/rows.h"

namespace tenon::ops::matmul_fpq4 {
namespace {

struct Format {
  int64_t block;
  bool has_zeros;

  explicit Format(const graph::Attrs& attrs) {
    const int64_t type = attrs.get_int("blk_quant_type", 1);
    if (type < 0 || type == 3 || type > 4)
      fail("attribute blk_quant_type is {}, expected 0 (blocks of 32), 1 (with zero points), 2 (64) or 4 (128)", type);
    block = type == 4 ? 128 : type == 2 ? 64 : 32;
    has_zeros = type == 1;
  }
  int64_t blob() const { return 4 + has_zeros + block / 2; }
  int64_t blocks(int64_t k) const { return (k + block - 1) / block; }

  NBitsWeights read(std::span<const TensorRef* const> in, Memory memory) const {
    NBitsWeights w;
    w.shape.k = in[2]->as<int64_t>()[0], w.shape.n = in[2]->as<int64_t>()[1];
    w.shape.block = block, w.shape.has_zeros = has_zeros;
    const int64_t count = w.shape.n * w.shape.blocks();
    if (count * blob() != in[1]->count) fail("B has {} bytes, expected {}", in[1]->count, count * blob());
    auto* codes = static_cast<uint8_t*>(memory(count * block / 2));
    auto* scales = static_cast<float*>(memory(count * 4));
    auto* zeros = has_zeros ? static_cast<float*>(memory(count * 4)) : nullptr;
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* from = in[1]->as<uint8_t>() + i * blob();
      std::memcpy(scales + i, from, 4);
      from += 4;
      if (has_zeros) zeros[i] = static_cast<float>(*from++ - 8);
      for (int64_t run = 0; run < block / 2; run += 16)
        for (int64_t j = 0; j < 8; ++j) {
          const uint8_t *pair = from + run + 2 * j, a = pair[0], b = pair[1];
          uint8_t* to = codes + i * block / 2 + run + j;
          to[0] = static_cast<uint8_t>((a & 15) | (b & 15) << 4);
          to[8] = static_cast<uint8_t>((a >> 4) | (b & 0xf0));
        }
    }
    w.source = {codes, scales, zeros};
    return w;
  }
};

void infer(InferContext& c) {
  const Format f(c.attrs());
  const auto shape = c.ints(2);
  expect_count(c, 2, 2, "elements of B_shape, and 2");
  if (!shape && c.contents(2)) fail("B_shape holds no two positive numbers");
  if (!shape || shape->size() != 2) {
    if (!c.has_rank(0) || c.rank(0) == 0) return c.set_unranked(0, c.dtype(0));
    Dims d = c.dims(0);
    d.back() = c.fresh();
    return c.set(0, c.dtype(0), std::move(d));
  }
  const int64_t k = (*shape)[0], n = (*shape)[1];
  for (int64_t d : {k, n})
    if (!is_symbol(d) && (d < 1 || d >= int64_t{1} << 31)) fail("B_shape has {}, expected positive numbers", d);
  infer_nbits_product(c, k, n);
  if (!is_symbol(k) && !is_symbol(n))
    expect_count(c, 1, checked_mul(checked_mul(n, f.blocks(k)), f.blob()), "bytes of B, and those of its blocks");
}

class MatMulFpQ4 final : public Kernel {
 public:
  explicit MatMulFpQ4(const NodeInfo& info)
      : format_(info.attrs),
        product_(info, 2, nullptr, [this](auto in, Memory memory) { return format_.read(in, memory); }) {}
  void run(KernelContext& c) const override {
    product_.run(c, SIZE_MAX, [this](auto in, Memory memory) { return format_.read(in, memory); });
  }

 private:
  Format format_;
  NBitsProduct product_;
};

constexpr Port kIn[] = {{"A", kFloat32Set, "T1"}, {"B", dtype_bit(DType::kUint8), "T2"}, {"B_shape", kInt64Set, "T3"}};
constexpr Port kOut[] = {{"Y", kFloat32Set, "T1"}};
constexpr AttrDef kAttrs[] = {int_attr("blk_quant_type", 1)};
constexpr OpDef kOps[] = {{"MatMulFpQ4", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<MatMulFpQ4>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul_fpq4
