// com.microsoft MatMulBnb4: Y = A B', B [N, K] in 4-bit codes of the types FP4 or NF4 of bitsandbytes, the first of a
// byte in its high half, with one scale for each block_size elements of the flattened B.
#include "ops/nbits.h"
#include "ops/rows.h"

namespace tenon::ops::matmul_bnb4 {
namespace {

constexpr float kFp4[16] = {0,    0.0052083333f,  0.6666667f,  1,  0.33333333f,  0.5f,  0.16666667f,  0.25f,
                            -0.f, -0.0052083333f, -0.6666667f, -1, -0.33333333f, -0.5f, -0.16666667f, -0.25f};
constexpr float kNf4[16] = {-1,
                            -0.6961928009986877f,
                            -0.5250730514526367f,
                            -0.39491748809814453f,
                            -0.28444138169288635f,
                            -0.18477343022823334f,
                            -0.09105003625154495f,
                            0,
                            0.07958029955625534f,
                            0.16093020141124725f,
                            0.24611230194568634f,
                            0.33791524171829224f,
                            0.44070982933044434f,
                            0.5626170039176941f,
                            0.7229568362236023f,
                            1};

struct Form {
  int64_t k, n, block;
  const float* codebook;

  explicit Form(const graph::Attrs& attrs)
      : k(positive_attr(attrs, "K")), n(positive_attr(attrs, "N")), block(positive_attr(attrs, "block_size")) {
    const int64_t type = attrs.get_int("quant_type", 0);
    if (type != 0 && type != 1) fail("attribute quant_type is {}, expected 0 (FP4) or 1 (NF4)", type);
    codebook = type == 0 ? kFp4 : kNf4;
    if (attrs.get_int("transB", 1) != 1) fail(ErrorCode::kNotImplemented, "attribute transB: only 1 is known");
    if (attrs.get_int("training_mode", 0) != 0) fail(ErrorCode::kNotImplemented, "attribute training_mode is set");
  }

  NBitsWeights read(std::span<const TensorRef* const> in, Memory memory) const {
    const auto* from = in[1]->as<uint8_t>();
    const float* scales = in[2]->as<float>();
    NBitsWeights w;
    w.shape.n = n, w.shape.k = k, w.shape.block = k % block == 0 && block % 2 == 0 ? block : 1;
    const int64_t total = n * k;
    if (w.shape.block == block) {
      auto* codes = static_cast<uint8_t*>(memory(total / 2));
      for (int64_t i = 0; i < total / 2; ++i) codes[i] = static_cast<uint8_t>(from[i] << 4 | from[i] >> 4);
      w.source = {codes, scales, nullptr};
      return w;
    }
    auto* codes = static_cast<uint8_t*>(memory(total));  // blocks go over the ends of rows
    auto* each = static_cast<float*>(memory(total * 4));
    for (int64_t i = 0; i < total; ++i) {
      codes[i] = static_cast<uint8_t>(from[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15);
      each[i] = scales[i / block];
    }
    w.source = {codes, each, nullptr};
    return w;
  }
};

void infer(InferContext& c) {
  const Form f(c.attrs());
  infer_nbits_product(c, f.k, f.n);
  const int64_t total = checked_mul(f.k, f.n);
  expect_count(c, 1, (total + 1) / 2, "bytes of B, and half of N K");
  expect_count(c, 2, (total + f.block - 1) / f.block, "elements of absmax, and N K / block_size");
}

class MatMulBnb4 final : public Kernel {
 public:
  explicit MatMulBnb4(const NodeInfo& info)
      : form_(info.attrs),
        product_(info, 2, form_.codebook, [this](auto in, Memory memory) { return form_.read(in, memory); }) {}
  void run(KernelContext& c) const override {
    product_.run(c, SIZE_MAX, [this](auto in, Memory memory) { return form_.read(in, memory); });
  }

 private:
  Form form_;
  NBitsProduct product_;
};

constexpr DTypeSet kFloats = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"A", kFloats, "T1"}, {"B", dtype_bit(DType::kUint8), "T2"}, {"absmax", kFloats, "T1"}};
constexpr Port kOut[] = {{"Y", kFloats, "T1"}};
constexpr AttrDef kAttrs[] = {required_attr("K", AttrKind::kInt),
                              required_attr("N", AttrKind::kInt),
                              required_attr("block_size", AttrKind::kInt),
                              required_attr("quant_type", AttrKind::kInt),
                              int_attr("training_mode", 0),
                              int_attr("transB", 1)};
constexpr OpDef kOps[] = {{"MatMulBnb4", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<MatMulBnb4>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::matmul_bnb4
