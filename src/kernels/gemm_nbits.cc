// Packing and driving the product with weights of a few bits.
#include "kernels/gemm_nbits.h"

#include <algorithm>
#include <cstring>

#include "kernels/gemm.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kColumns = kNBitsColumns, kFewRows = 12, kUnpackedFloats = int64_t{1} << 19;

int64_t panel_block_bytes(const NBitsShape& s) { return kColumns * ((s.has_zeros ? 8 : 4) + s.block_bytes()); }
int64_t panel_bytes(const NBitsShape& s) { return panel_block_bytes(s) * s.blocks(); }
int64_t panels_of(const NBitsShape& s) { return (s.n + kColumns - 1) / kColumns; }
/// Columns that are unpacked at a time for many rows.
int64_t chunk_of(const NBitsShape& s) {
  return std::max<int64_t>(kUnpackedFloats / std::max<int64_t>(s.k, 1) / kColumns, 4) * kColumns;
}

NBitsPanel panel_of(const NBitsGemmArgs& g, int64_t panel, const float* codebook) {
  NBitsPanel p;
  p.bits = g.shape.bits, p.k = g.shape.k, p.block = g.shape.block, p.has_zeros = g.shape.has_zeros;
  p.codebook = codebook;
  p.b = static_cast<const uint8_t*>(g.packed) + panel * panel_bytes(g.shape);
  p.n = std::min(kColumns, g.shape.n - panel * kColumns);
  return p;
}

void many_rows(const NBitsGemmArgs& g, const float* codebook, float* scratch, const Parallel& par,
               const KernelTable& table) {
  const int64_t chunk = std::min(chunk_of(g.shape), panels_of(g.shape) * kColumns);
  for (int64_t j = 0; j < g.shape.n; j += chunk) {
    const int64_t n = std::min(chunk, g.shape.n - j), panels = (n + kColumns - 1) / kColumns;
    par.loop(panels, static_cast<double>(g.shape.k * kColumns) * 0.2, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        NBitsPanel p = panel_of(g, j / kColumns + i, codebook);
        p.c = scratch + i * kColumns, p.ldc = chunk;
        table.nbits->unpack(p);
      }
    });
    GemmArgs f;
    f.m = g.m, f.n = n, f.k = g.shape.k;
    f.a = g.a, f.a_row = g.shape.k, f.b = scratch, f.b_row = chunk, f.c = g.c + j, f.ldc = g.shape.n;
    if (g.bias) f.epilogue.bias = g.bias + j, f.epilogue.bias_kind = BiasKind::kPerColumn;
    gemm(f, par, table);
  }
}

void few_rows(const NBitsGemmArgs& g, const float* codebook, float* sums, const Parallel& par,
              const KernelTable& table) {
  const int64_t k = g.shape.k, block = g.shape.block, blocks = g.shape.blocks();
  if (g.shape.has_zeros)
    for (int64_t i = 0; i < g.m * blocks; ++i) {
      const float* a = g.a + i / blocks * k;
      float sum = 0;
      for (int64_t p = i % blocks * block; p < std::min(k, (i % blocks + 1) * block); ++p) sum += a[p];
      sums[i] = sum;
    }
  const double cost = static_cast<double>(panel_bytes(g.shape)) * (0.05 + 0.05 * static_cast<double>(g.m));
  par.loop(panels_of(g.shape), cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      NBitsPanel p = panel_of(g, i, codebook);
      p.a = g.a, p.m = g.m, p.a_row = k, p.sums = sums;
      p.bias = g.bias ? g.bias + i * kColumns : nullptr;
      p.c = g.c + i * kColumns, p.ldc = g.shape.n;
      table.nbits->panel(p);
    }
  });
}

}  // namespace

size_t packed_nbits_bytes(const NBitsShape& s) { return static_cast<size_t>(panels_of(s) * panel_bytes(s)); }

void pack_nbits(const NBitsShape& s, const NBitsSource& source, void* dst) {
  const int64_t blocks = s.blocks(), bytes = s.block_bytes();
  std::memset(dst, 0, packed_nbits_bytes(s));
  for (int64_t j = 0; j < s.n; ++j)
    for (int64_t b = 0; b < blocks; ++b) {
      char* to = static_cast<char*>(dst) + j / kColumns * panel_bytes(s) + b * panel_block_bytes(s);
      const int64_t lane = j % kColumns, from = j * blocks + b;
      std::memcpy(to + lane * 4, source.scales + from, 4);
      to += kColumns * 4;
      if (s.has_zeros) {
        std::memcpy(to + lane * 4, source.zeros + from, 4);
        to += kColumns * 4;
      }
      for (int64_t i = 0; i < bytes; ++i) to[i * kColumns + lane] = static_cast<char>(source.codes[from * bytes + i]);
    }
}

int64_t nbits_scratch(const NBitsShape& s, int64_t m) {
  if (m > kFewRows) return s.k * std::min(chunk_of(s), panels_of(s) * kColumns);
  return s.has_zeros ? m * s.blocks() : 0;
}

void gemm_nbits(const NBitsGemmArgs& g, float* scratch, const Parallel& par, const KernelTable& table) {
  float plain[16];
  const int codes = g.shape.bits == 2 ? 4 : 16;
  for (int i = 0; i < 16; ++i) plain[i] = static_cast<float>(i % codes - codes / 2);
  float repeated[16];
  for (int i = 0; i < 16; ++i) repeated[i] = g.codebook ? g.codebook[i % codes] : plain[i];
  if (g.m > kFewRows)
    many_rows(g, repeated, scratch, par, table);
  else if (g.m > 0)
    few_rows(g, repeated, scratch, par, table);
}

}  // namespace tenon::kernels
