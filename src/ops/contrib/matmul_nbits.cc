// com.microsoft MatMulNBits: Y = A B' (+ bias), B [N, K] in codes of 2, 4 or 8 bits with a scale per block along K.
// accuracy_level only allows less precision: all levels compute in fp32.
#include "ops/nbits.h"
#include "ops/rows.h"

namespace tenon::ops::matmul_nbits {
namespace {

enum In : size_t { kA, kB, kScales, kZeros, kGroups, kBias };

kernels::NBitsShape shape_of(const graph::Attrs& attrs) {
  kernels::NBitsShape s;
  s.k = positive_attr(attrs, "K"), s.n = positive_attr(attrs, "N"), s.block = positive_attr(attrs, "block_size");
  const int64_t bits = attrs.get_int("bits", 4);
  if (bits != 2 && bits != 4 && bits != 8) fail("attribute bits is {}, expected 2, 4 or 8", bits);
  if (s.block < 16 || (s.block & (s.block - 1)) != 0)
    fail("attribute block_size is {}, expected a power of two of at least 16", s.block);
  if (const int64_t form = attrs.get_int("weight_prepacked", 0); form != 0)
    fail(ErrorCode::kNotImplemented, "attribute weight_prepacked is {}, expected 0", form);
  s.bits = static_cast<int>(bits);
  return s;
}
int64_t zero_bytes(const kernels::NBitsShape& s) { return (s.blocks() * s.bits + 7) / 8; }

void infer(InferContext& c) {
  const kernels::NBitsShape s = shape_of(c.attrs());
  infer_nbits_product(c, s.k, s.n);
  expect_count(c, kB, s.n * s.blocks() * s.block_bytes(),
               "elements of B, and N ceil(K / block_size) block_size bits / 8");
  expect_count(c, kScales, s.n * s.blocks(), "elements of scales, and N ceil(K / block_size)");
  if (c.has_input(kZeros))
    expect_count(c, kZeros, s.n * (c.dtype(kZeros) == DType::kUint8 ? zero_bytes(s) : s.blocks()),
                 "elements of zero_points, and N times the blocks (packed: bytes) of a row");
  if (c.has_rank(kGroups)) {
    const int64_t n = c.sym.product(c.dims(kGroups));
    if (differ(n, s.k) && differ(n, s.blocks() * s.block))
      fail("g_idx has {} elements, expected K = {}", c.sym.to_string(n), s.k);
  }
  expect_count(c, kBias, s.n, "elements of bias, and N");
}

NBitsWeights read(kernels::NBitsShape s, std::span<const TensorRef* const> in, Memory memory) {
  NBitsWeights w{s, {in[kB]->as<uint8_t>(), in[kScales]->as<float>(), nullptr}};
  if (const TensorRef* z = in[kZeros]) {
    const int64_t blocks = s.blocks(), mid = int64_t{1} << (s.bits - 1);
    auto* zeros = static_cast<float*>(memory(s.n * blocks * 4));
    for (int64_t i = 0; i < s.n * blocks; ++i) {
      const int64_t bit = i % blocks * s.bits;
      zeros[i] =
          z->dtype == DType::kUint8
              ? static_cast<float>((z->as<uint8_t>()[i / blocks * zero_bytes(s) + bit / 8] >> bit % 8) & (2 * mid - 1))
              : z->as<float>()[i];
      zeros[i] -= static_cast<float>(mid);
    }
    w.source.zeros = zeros;
    w.shape.has_zeros = true;
  }
  const int32_t* groups = in[kGroups] ? in[kGroups]->as<int32_t>() : nullptr;
  bool in_order = true;
  for (int64_t p = 0; groups && p < s.k; ++p) {
    if (groups[p] < 0 || groups[p] >= s.blocks()) fail("g_idx[{}] is {}, expected [0, {})", p, groups[p], s.blocks());
    in_order = in_order && groups[p] == p / s.block;
  }
  if (in_order) return w;
  return ungrouped(w, memory, [&](int64_t j, int64_t p) { return j * s.blocks() + groups[p]; });
}

class MatMulNBits final : public Kernel {
 public:
  explicit MatMulNBits(const NodeInfo& info)
      : shape_(shape_of(info.attrs)),
        product_(info, kGroups, nullptr, [this](auto in, Memory memory) { return read(shape_, in, memory); }) {}
  void run(KernelContext& c) const override {
    product_.run(c, kBias, [this](auto in, Memory memory) { return read(shape_, in, memory); });
  }

 private:
  kernels::NBitsShape shape_;
  NBitsProduct product_;
};

constexpr DTypeSet kFloats = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"A", kFloats, "T1"},
                        {"B", dtype_bit(DType::kUint8), "T2"},
                        {"scales", kFloats, "T1"},
                        {"zero_points", kFloats | dtype_bit(DType::kUint8), "T3", kOpt},
                        {"g_idx", dtype_bit(DType::kInt32), "T4", kOpt},
                        {"bias", kFloats, "T1", kOpt}};
constexpr Port kOut[] = {{"Y", kFloats, "T1"}};
constexpr AttrDef kAttrs[] = {required_attr("K", AttrKind::kInt),
                              required_attr("N", AttrKind::kInt),
                              int_attr("accuracy_level", 0),
                              int_attr("bits", 4),
                              required_attr("block_size", AttrKind::kInt),
                              int_attr("weight_prepacked", 0)};
constexpr OpDef kOps[] = {{"MatMulNBits", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<MatMulNBits>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul_nbits
