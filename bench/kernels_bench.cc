// Speed of the kernels alone, one thread: tenon_bench --benchmark_filter=Gemm. GF/s and GB/s are counters.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "kernels/attention.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/gemm_half.h"
#include "kernels/gemm_int8.h"
#include "kernels/gemm_nbits.h"
#include "kernels/pool.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "kernels/transpose.h"

namespace tenon::bench::kernels_bench {
namespace {

using namespace tenon::kernels;

std::shared_ptr<float[]> random_floats(int64_t n, uint32_t seed = 1) {
  std::shared_ptr<float[]> p(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(n * 4 + 127) / 64 * 64)),
                             [](float* q) { std::free(q); });
  uint32_t x = seed * 7919 + 1;
  for (int64_t i = 0; i < n; ++i) {
    x = x * 1664525u + 1013904223u;
    p[i] = static_cast<float>(static_cast<int32_t>(x >> 8)) / 16777216.f - 0.5f;
  }
  return p;
}

void flops(benchmark::State& state, double per_iteration) {
  state.counters["GF/s"] = benchmark::Counter(per_iteration * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// m, k, n, packed, transposed
void gemm_bench(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const bool packed = state.range(3) != 0, transposed = state.range(4) != 0;
  auto a = random_floats(m * k), b = random_floats(k * n, 2), c = random_floats(m * n);
  GemmArgs g;
  g.m = m, g.n = n, g.k = k;
  g.a = a.get(), g.a_row = k;
  g.b = b.get(), g.b_row = transposed ? 1 : n, g.b_col = transposed ? k : 1;
  g.c = c.get(), g.ldc = n;
  auto store = random_floats(static_cast<int64_t>(packed_b_bytes(k, n) / 4));
  if (packed) {
    pack_b(g.b, g.b_row, g.b_col, k, n, store.get());
    g.packed_b = store.get();
  }
  for (auto _ : state) gemm(g, {});
  flops(state, 2.0 * static_cast<double>(m * n * k));
}
BENCHMARK(gemm_bench)
    ->Name("Gemm")
    ->ArgNames({"m", "k", "n", "packed", "bt"})
    ->Args({256, 256, 256, 1, 0})
    ->Args({512, 512, 512, 1, 0})
    ->Args({512, 512, 512, 0, 0})
    ->Args({512, 512, 512, 0, 1})
    ->Args({1024, 1024, 1024, 1, 0})
    ->Args({1024, 1024, 1024, 0, 0})
    ->Args({128, 768, 768, 1, 0})
    ->Args({128, 768, 3072, 1, 0})
    ->Args({128, 3072, 768, 1, 0})
    ->Args({16, 768, 768, 1, 0})
    ->Args({1, 768, 768, 1, 0})
    ->Args({1, 4096, 4096, 1, 0})
    ->Args({1, 4096, 4096, 0, 0})
    ->Args({1, 4096, 4096, 0, 1})
    ->Args({4, 4096, 4096, 1, 0})
    ->Args({32, 32, 32, 0, 0})
    ->Args({128, 64, 128, 0, 1})
    ->Args({128, 128, 64, 0, 0})
    ->Args({64, 64, 3136, 0, 0})
    ->Args({2048, 512, 49, 0, 0})
    ->Unit(benchmark::kMicrosecond);

// channels in, channels out, extent in, kernel, stride, groups; NCHW, batch 1, ReLU
void conv_bench(benchmark::State& state) {
  ConvArgs a;
  ConvShape& s = a.shape;
  s.in_channels = state.range(0), s.out_channels = state.range(1), s.groups = state.range(5);
  for (int d = 0; d < 2; ++d) {
    s.in[d] = state.range(2), s.kernel[d] = state.range(3), s.stride[d] = state.range(4), s.pad[d] = state.range(3) / 2;
    s.out[d] = (s.in[d] + 2 * s.pad[d] - s.kernel[d]) / s.stride[d] + 1;
  }
  const int64_t k = s.in_channels / s.groups * s.kernel[0] * s.kernel[1], out = s.out[0] * s.out[1];
  auto x = random_floats(s.in_channels * s.in[0] * s.in[1]), w = random_floats(s.out_channels * k, 2);
  auto y = random_floats(s.out_channels * out),
       packed = random_floats(static_cast<int64_t>(conv_packed_bytes(s) / 4 + 1));
  conv_pack(s, w.get(), packed.get());
  a.x = x.get(), a.w = w.get(), a.packed_w = packed.get(), a.y = y.get();
  a.epilogue.activation = Activation::kRelu;
  for (auto _ : state) conv(a, {});
  flops(state, 2.0 * static_cast<double>(k * s.out_channels * out));
}
BENCHMARK(conv_bench)
    ->Name("Conv")
    ->ArgNames({"cin", "cout", "size", "kernel", "stride", "groups"})
    ->Args({3, 64, 224, 7, 2, 1})
    ->Args({64, 64, 56, 3, 1, 1})
    ->Args({128, 128, 28, 3, 1, 1})
    ->Args({256, 256, 14, 3, 1, 1})
    ->Args({512, 512, 7, 3, 1, 1})
    ->Args({64, 256, 56, 1, 1, 1})
    ->Args({256, 64, 56, 1, 1, 1})
    ->Args({512, 128, 28, 1, 1, 1})
    ->Args({1024, 256, 14, 1, 1, 1})
    ->Args({256, 1024, 14, 1, 1, 1})
    ->Args({2048, 512, 7, 1, 1, 1})
    ->Args({512, 1024, 28, 1, 2, 1})
    ->Args({32, 16, 112, 1, 1, 1})
    ->Args({24, 144, 56, 1, 1, 1})
    ->Args({144, 144, 56, 3, 1, 144})
    ->Args({96, 96, 112, 3, 2, 96})
    ->Unit(benchmark::kMicrosecond);

void bytes(benchmark::State& state, double per_iteration) {
  state.counters["GB/s"] = benchmark::Counter(per_iteration * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void unary_bench(benchmark::State& state, Unary f) {
  const int64_t n = 128 * 3072;
  auto x = random_floats(n), y = random_floats(n);
  const UnaryRow row = unary_row(f);
  for (auto _ : state) row(x.get(), y.get(), n);
  bytes(state, 8.0 * static_cast<double>(n));
}
BENCHMARK_CAPTURE(unary_bench, exp, Unary::kExp)->Name("Row/exp")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(unary_bench, log, Unary::kLog)->Name("Row/log")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(unary_bench, erf, Unary::kErf)->Name("Row/erf")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(unary_bench, tanh, Unary::kTanh)->Name("Row/tanh")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(unary_bench, sin, Unary::kSin)->Name("Row/sin")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(unary_bench, sqrt, Unary::kSqrt)->Name("Row/sqrt")->Unit(benchmark::kMicrosecond);

void activation_bench(benchmark::State& state, Activation f) {
  const int64_t n = 128 * 3072;
  auto x = random_floats(n), y = random_floats(n);
  const ActivationRow row = activation_row(f);
  for (auto _ : state) row(x.get(), y.get(), n, 0, 1);
  bytes(state, 8.0 * static_cast<double>(n));
}
BENCHMARK_CAPTURE(activation_bench, sigmoid, Activation::kSigmoid)->Name("Row/sigmoid")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(activation_bench, gelu, Activation::kGeluErf)->Name("Row/gelu_erf")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(activation_bench, silu, Activation::kSilu)->Name("Row/silu")->Unit(benchmark::kMicrosecond);

void add_bench(benchmark::State& state) {
  const int64_t n = state.range(0);
  auto a = random_floats(n), b = random_floats(n), c = random_floats(n);
  const BinaryRow row = binary_rows(Binary::kAdd).vv;
  for (auto _ : state) row(a.get(), b.get(), c.get(), n);
  bytes(state, 12.0 * static_cast<double>(n));
}
BENCHMARK(add_bench)->Name("Row/add")->Arg(1 << 12)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);

void softmax_bench(benchmark::State& state) {
  const int64_t rows = state.range(0), n = state.range(1), inner = state.range(2), count = rows * n * inner;
  auto x = random_floats(count), y = random_floats(count);
  for (auto _ : state) softmax(x.get(), y.get(), rows, n, inner, false, {});
  bytes(state, 8.0 * static_cast<double>(count));
}
BENCHMARK(softmax_bench)->Name("Softmax")->Args({1536, 128, 1})->Args({12, 128, 128})->Unit(benchmark::kMicrosecond);

void layer_norm_bench(benchmark::State& state) {
  NormArgs a;
  a.rows = 128, a.n = 768;
  auto x = random_floats(a.rows * a.n), s = random_floats(a.rows * a.n), y = random_floats(a.rows * a.n);
  auto scale = random_floats(a.n), bias = random_floats(a.n);
  a.x = x.get(), a.y = y.get(), a.scale = scale.get(), a.bias = bias.get();
  if (state.range(0)) a.skip = s.get(), a.skip_bias = bias.get();
  for (auto _ : state) layer_norm(a, {});
  bytes(state, 8.0 * static_cast<double>(a.rows * a.n));
}
BENCHMARK(layer_norm_bench)->Name("LayerNorm/128x768")->ArgName("skip")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void reduce_bench(benchmark::State& state) {
  const int64_t dims[] = {state.range(0), state.range(1)};
  const bool reduced[] = {state.range(2) == 0, state.range(2) == 1};
  auto x = random_floats(dims[0] * dims[1]), y = random_floats(dims[0] + dims[1]);
  for (auto _ : state) reduce(Reduce::kMean, x.get(), dims, reduced, y.get(), {});
  bytes(state, 4.0 * static_cast<double>(dims[0] * dims[1]));
}
BENCHMARK(reduce_bench)
    ->Name("ReduceMean")
    ->ArgNames({"d0", "d1", "axis"})
    ->Args({256, 4096, 1})
    ->Args({256, 4096, 0})
    ->Args({2048, 49, 1})
    ->Unit(benchmark::kMicrosecond);

void transpose_bench(benchmark::State& state, const std::vector<int64_t>& dims, const std::vector<int64_t>& perm) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  auto x = random_floats(n), y = random_floats(n);
  for (auto _ : state) transpose(x.get(), y.get(), 4, dims, perm, {});
  bytes(state, 8.0 * static_cast<double>(n));
}
BENCHMARK_CAPTURE(transpose_bench, square, {1024, 1024}, {1, 0})
    ->Name("Transpose/1024x1024")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transpose_bench, heads, {1, 128, 12, 64}, {0, 2, 1, 3})
    ->Name("Transpose/128x12x64_heads")
    ->Unit(benchmark::kMicrosecond);

void pool_bench(benchmark::State& state, bool max) {
  PoolArgs a;
  a.planes = 64;
  for (int d = 0; d < 2; ++d)
    a.in[d] = 112, a.kernel[d] = 3, a.stride[d] = 2, a.pad[d] = a.pad_end[d] = 1, a.out[d] = 56;
  auto x = random_floats(64 * 112 * 112), y = random_floats(64 * 56 * 56);
  a.x = x.get(), a.y = y.get();
  for (auto _ : state) max ? max_pool(a, nullptr, false, {}) : average_pool(a, false, {});
  bytes(state, 4.0 * 64 * (112 * 112 + 56 * 56));
}
BENCHMARK_CAPTURE(pool_bench, max, true)->Name("MaxPool/64x112x112_3x3s2")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(pool_bench, average, false)->Name("AveragePool/64x112x112_3x3s2")->Unit(benchmark::kMicrosecond);

void attention_bench(benchmark::State& state) {
  AttentionArgs a;
  a.heads = a.kv_heads = 12, a.q_len = state.range(0), a.kv_len = state.range(1), a.head_dim = a.v_dim = 64;
  const int64_t n = 12 * a.kv_len * 64;
  auto q = random_floats(n), k = random_floats(n), v = random_floats(n), o = random_floats(n);
  a.q = q.get(), a.k = k.get(), a.v = v.get(), a.out = o.get();
  a.q_row = a.k_row = a.v_row = a.out_row = 64;
  a.q_head = a.out_head = a.q_len * 64, a.k_head = a.v_head = a.kv_len * 64;
  a.scale = 0.125f;
  for (auto _ : state) attention(a, {});
  flops(state, 4.0 * 12 * static_cast<double>(a.q_len * a.kv_len * 64));
}
BENCHMARK(attention_bench)
    ->Name("Attention/12x64")
    ->ArgNames({"q", "kv"})
    ->Args({128, 128})
    ->Args({512, 512})
    ->Args({1, 1024})
    ->Unit(benchmark::kMicrosecond);

void int8_bench(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  auto a = random_floats(m * k / 4), b = random_floats(k * n / 4), c = random_floats(m * n);
  auto packed = random_floats(static_cast<int64_t>(packed_b_int8_bytes(k, n) / 4 + 1));
  pack_b_int8(b.get(), true, n, 1, k, n, packed.get());
  GemmInt8Args g;
  g.m = m, g.n = n, g.k = k, g.a = a.get(), g.a_row = k, g.b = b.get(), g.b_row = n, g.b_signed = true, g.a_zero = 3;
  if (state.range(3)) g.packed_b = packed.get();
  g.c = reinterpret_cast<int32_t*>(c.get()), g.ldc = n;
  for (auto _ : state) gemm_int8(g, {});
  flops(state, 2.0 * static_cast<double>(m * n * k));
}
BENCHMARK(int8_bench)
    ->Name("GemmInt8")
    ->ArgNames({"m", "k", "n", "packed"})
    ->Args({512, 512, 512, 1})
    ->Args({1024, 1024, 1024, 1})
    ->Args({1024, 1024, 1024, 0})
    ->Args({1, 4096, 4096, 1})
    ->Unit(benchmark::kMicrosecond);

void nbits_bench(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  NBitsShape shape;
  shape.n = n, shape.k = k, shape.bits = static_cast<int>(state.range(3)), shape.block = state.range(4);
  auto a = random_floats(m * k), c = random_floats(m * n), scratch = random_floats(nbits_scratch(shape, m) + 1);
  auto codes = random_floats(n * shape.blocks() * shape.block_bytes() / 4), scales = random_floats(n * shape.blocks());
  auto packed = random_floats(static_cast<int64_t>(packed_nbits_bytes(shape) / 4));
  pack_nbits(shape, {reinterpret_cast<const uint8_t*>(codes.get()), scales.get(), nullptr}, packed.get());
  NBitsGemmArgs g;
  g.shape = shape, g.packed = packed.get(), g.m = m, g.a = a.get(), g.c = c.get();
  for (auto _ : state) gemm_nbits(g, scratch.get(), {});
  bytes(state, static_cast<double>(packed_nbits_bytes(shape)));
}
BENCHMARK(nbits_bench)
    ->Name("GemmNBits")
    ->ArgNames({"m", "k", "n", "bits", "block"})
    ->ArgsProduct({{1, 4, 64}, {4096}, {4096}, {2, 4, 8}, {32}})
    ->Unit(benchmark::kMicrosecond);

void half_bench(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  auto a = random_floats(m * k / 2), b = random_floats(k * n / 2), c = random_floats(m * n / 2 + 1);
  GemmHalfArgs g;
  g.m = m, g.n = n, g.k = k, g.a = a.get(), g.a_row = k, g.b = b.get(), g.b_row = n, g.c = c.get(), g.ldc = n;
  for (auto _ : state) gemm_half(g, {});
  flops(state, 2.0 * static_cast<double>(m * n * k));
}
BENCHMARK(half_bench)->Name("GemmHalf")->Args({512, 512, 512})->Args({1, 4096, 4096})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tenon::bench::kernels_bench
