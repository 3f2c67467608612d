// Packing at load or in a run, and the product.
#include "ops/nbits.h"

#include <algorithm>

#include "kernels/table.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops {

NBitsWeights ungrouped(const NBitsWeights& w, Memory memory, FunctionRef<int64_t(int64_t, int64_t)> group) {
  NBitsWeights out = w;
  const int64_t n = w.shape.n, k = w.shape.k, total = checked_mul(n, k);
  out.shape.block = 1;
  auto* codes = static_cast<uint8_t*>(memory(total));
  auto* scales = static_cast<float*>(memory(checked_mul(total, 4)));
  auto* zeros = w.shape.has_zeros ? static_cast<float*>(memory(total * 4)) : nullptr;
  const int64_t row = w.shape.blocks() * w.shape.block_bytes(), per = 8 / w.shape.bits;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t p = 0; p < k; ++p) {
      const int64_t b = p / w.shape.block, i = p % w.shape.block, at = j * k + p, g = group(j, p);
      const uint8_t byte = w.source.codes[j * row + b * w.shape.block_bytes() + i / per];
      codes[at] = static_cast<uint8_t>(byte >> (i % per * w.shape.bits));
      scales[at] = w.source.scales[g];
      if (zeros) zeros[at] = w.source.zeros[g];
    }
  out.source = {codes, scales, zeros};
  return out;
}

NBitsProduct::NBitsProduct(const NodeInfo& info, size_t weights, const float* codebook, Read read)
    : weights_(weights), codebook_(codebook), table_(kernels::kernels_for(info.isa)) {
  std::vector<Value> constants;
  std::vector<TensorRef> refs(weights + 1);
  std::vector<const TensorRef*> in(weights + 1);
  uint64_t contents = 0;
  constants.reserve(weights);
  for (size_t i = 1; i <= weights; ++i) {
    if (!info.has_input(i)) continue;
    Value v = info.constant(i);
    if (!v) return;
    if (i > 1) contents = contents * 31 + graph::hash_contents(v);
    if (is_half(v.dtype())) v = f32_constant(v, table_);
    constants.push_back(v);
    refs[i] = ref_of(constants.back());
    in[i] = &refs[i];
  }
  std::vector<std::vector<char>> held;
  const NBitsWeights w =
      read(in, [&](int64_t bytes) -> void* { return held.emplace_back(static_cast<size_t>(bytes) + 64).data(); });
  shape_ = w.shape;
  packed_ =
      info.pack(info.constant(1),
                fmt::format("nbits {} {} {}x{} b{} z{} {:x}", info.op, w.shape.bits, w.shape.k, w.shape.n,
                            w.shape.block, w.shape.has_zeros, contents),
                kernels::packed_nbits_bytes(w.shape), [&](void* dst) { kernels::pack_nbits(w.shape, w.source, dst); });
}

void NBitsProduct::run(KernelContext& c, size_t bias, Read read) const {
  const TensorRef &a = c.input(0), &y = c.output(0);
  if (y.count == 0) return;
  kernels::NBitsGemmArgs g;
  g.shape = shape_;
  g.packed = packed_.get();
  g.codebook = codebook_;
  if (!packed_) {
    TensorRef* refs = c.scratch<TensorRef>(static_cast<int64_t>(weights_) + 1);
    const TensorRef** in = c.scratch<const TensorRef*>(static_cast<int64_t>(weights_) + 1);
    std::fill_n(in, weights_ + 1, nullptr);
    for (size_t i = 1; i <= weights_; ++i) {
      if (!c.has_input(i)) continue;
      refs[i] = c.input(i);
      if (is_half(refs[i].dtype)) {
        refs[i].data = const_cast<float*>(load_f32(c, i, table_));
        refs[i].dtype = DType::kFloat;
      }
      in[i] = &refs[i];
    }
    const NBitsWeights w = read({in, weights_ + 1}, [&](int64_t bytes) -> void* { return c.scratch(bytes); });
    char* packed = c.scratch(static_cast<int64_t>(kernels::packed_nbits_bytes(w.shape)));
    kernels::pack_nbits(w.shape, w.source, packed);
    g.shape = w.shape;
    g.packed = packed;
  }
  const F32Result out(c, y, table_);
  g.m = y.count / g.shape.n;
  g.a = load_f32(c, a, table_);
  if (bias != SIZE_MAX) g.bias = load_f32(c, bias, table_);
  g.c = out.data();
  kernels::gemm_nbits(g, c.scratch<float>(kernels::nbits_scratch(g.shape, g.m)), c.par, table_);
  out.store(c);
}

void infer_nbits_product(InferContext& c, int64_t k, int64_t n) {
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  if (d.empty()) fail("A is a scalar, expected rank 1 or more");
  expect_equal(c, d.back(), k, "last dim of A and attribute K");
  d.back() = n;
  c.set(0, c.dtype(0), std::move(d));
}

int64_t positive_attr(const graph::Attrs& attrs, const char* name) {
  const int64_t v = attrs.get_int(name, 0);
  if (v < 1 || v >= int64_t{1} << 31) fail("attribute {} is {}, expected a positive number below 2^31", name, v);
  return v;
}

void expect_count(InferContext& c, size_t i, int64_t count, const char* what) {
  if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), count, what);
}

}  // namespace tenon::ops
