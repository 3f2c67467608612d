// Speed of the kernels alone, one thread: tenon_bench --benchmark_filter=Gemm. GF/s and GB/s are counters.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/table.h"

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

}  // namespace
}  // namespace tenon::bench::kernels_bench
