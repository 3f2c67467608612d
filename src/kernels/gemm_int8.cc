// The 8-bit GEMM driver: operands are brought to u8 x s8, and zero points are taken out of the sums afterwards.
#include "kernels/gemm_int8.h"

#include <algorithm>
#include <cstring>

#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kMc = 96, kKc = 512, kMaxNr = 64, kMaxColumns = 256;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t quads_of(int64_t k) { return ceil_div(k, 4); }

// Packed B: column sums of all panels, then the panels, each quads x nr x 4 bytes.
size_t sums_bytes(int64_t n, const Int8Kernels& t) {
  return static_cast<size_t>(ceil_div(ceil_div(n, t.nr) * t.nr * 4, 64) * 64);  // tuning: spare bytes
}
size_t panel_bytes(int64_t k, const Int8Kernels& t) {
  return static_cast<size_t>(quads_of(k) * t.nr * 4);  // tuning: spare bytes
}

struct Blocks {
  int64_t mc, nc, m_blocks, n_blocks;
  double cost;
  Blocks(const GemmInt8Args& g, const Int8Kernels& t) {
    mc = std::max<int64_t>(1, std::min(kMc, g.m));  // tuning
    const double panel =
        static_cast<double>(mc * t.nr) * static_cast<double>(std::max<int64_t>(g.k, 1)) * 0.005;  // tuning
    nc = t.nr * std::clamp<int64_t>(static_cast<int64_t>(20000 / panel), 1, kMaxColumns / t.nr);  // tuning
    m_blocks = ceil_div(g.m, mc);
    n_blocks = ceil_div(g.n, nc);
    cost = panel * static_cast<double>(nc / t.nr);
  }
};

class Task {
 public:
  Task(const GemmInt8Args& g, const Int8Kernels& t) : g_(g), t_(t) {}

  void run(int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    alignas(64) char a_block[kMc * kKc * 2];
    alignas(64) int8_t b_panel[kKc * kMaxNr];
    const int64_t m = m1 - m0, a_row = kKc * t_.a_bytes;
    std::fill(row_sums_, row_sums_ + m, 0);
    std::fill(column_sums_, column_sums_ + (n1 - n0), 0);
    const uint8_t a_flip = g_.a_signed ? 0x80 : 0, b_flip = g_.b_signed ? 0 : 0x80;
    const auto* a = static_cast<const uint8_t*>(g_.a);
    const auto* b = static_cast<const uint8_t*>(g_.b);
    for (int64_t k0 = 0; k0 == 0 || k0 < g_.k; k0 += kKc) {
      const int64_t kc = std::min(kKc, g_.k - k0);
      t_.pack_a(a + m0 * g_.a_row + k0 * g_.a_col, g_.a_row, g_.a_col, m, kc, a_flip, a_block, a_row, row_sums_);
      for (int64_t j = n0; j < n1; j += t_.nr) {
        Int8Panel p;
        p.a = a_block;
        p.a_row = a_row;
        p.m = m;
        p.n = std::min<int64_t>(t_.nr, n1 - j);
        p.quads = quads_of(kc);
        p.c = g_.c + m0 * g_.ldc + j;
        p.ldc = g_.ldc;
        p.add = k0 > 0;
        if (g_.packed_b) {
          const char* panels = static_cast<const char*>(g_.packed_b) + sums_bytes(g_.n, t_);
          p.b = reinterpret_cast<const int8_t*>(panels + static_cast<size_t>(j / t_.nr) * panel_bytes(g_.k, t_)) +
                k0 * t_.nr;
        } else {
          t_.pack_b(b + k0 * g_.b_row + j * g_.b_col, g_.b_row, g_.b_col, kc, p.n, b_flip, b_panel,
                    column_sums_ + (j - n0));
          p.b = b_panel;
        }
        t_.panel(p);
      }
    }
    const int32_t* sums = g_.packed_b ? static_cast<const int32_t*>(g_.packed_b) + n0 : column_sums_;
    for (int64_t i = 0; i < m; ++i) take_out_zero_points(m0 + i, n0, n1, row_sums_[i], sums);
  }

 private:
  // sum (a - za)(b - zb) = sum ab - za sum b - zb sum a + k za zb, modulo 2^32.
  void take_out_zero_points(int64_t i, int64_t n0, int64_t n1, int32_t row_sum, const int32_t* column_sums) {
    const uint32_t za =
        static_cast<uint32_t>((g_.a_zero_rows ? g_.a_zero_rows[i] : g_.a_zero) + (g_.a_signed ? 128 : 0));
    const uint32_t shift = g_.b_signed ? 0 : 128;
    const uint32_t k_za = static_cast<uint32_t>(g_.k) * za, rs = static_cast<uint32_t>(row_sum);
    int32_t* c = g_.c + i * g_.ldc + n0;
    for (int64_t j = 0; j < n1 - n0; ++j) {
      const uint32_t zb = static_cast<uint32_t>(g_.b_zero_columns ? g_.b_zero_columns[n0 + j] : g_.b_zero) - shift;
      const uint32_t v = static_cast<uint32_t>(c[j]) - za * static_cast<uint32_t>(column_sums[j]) + zb * (k_za - rs);
      c[j] = static_cast<int32_t>(v);
    }
  }

  const GemmInt8Args& g_;
  const Int8Kernels& t_;
  int32_t row_sums_[kMc], column_sums_[kMaxColumns];
};

}  // namespace

void gemm_int8(const GemmInt8Args& args, const Parallel& par, const KernelTable& table) {
  const Int8Kernels& t = *table.int8;
  const Blocks b(args, t);
  par.loop(b.m_blocks * b.n_blocks, b.cost, [&](int64_t t0, int64_t t1) {
    Task task(args, t);
    for (int64_t i = t0; i < t1; ++i) {
      const int64_t m0 = i / b.n_blocks * b.mc, n0 = i % b.n_blocks * b.nc;
      task.run(m0, std::min(m0 + b.mc, args.m), n0, std::min(n0 + b.nc, args.n));
    }
  });
}

size_t packed_b_int8_bytes(int64_t k, int64_t n, const KernelTable& table) {
  const Int8Kernels& t = *table.int8;
  return sums_bytes(n, t) + static_cast<size_t>(ceil_div(n, t.nr)) * panel_bytes(k, t);
}

void pack_b_int8(const void* b, bool b_signed, int64_t b_row, int64_t b_col, int64_t k, int64_t n, void* dst,
                 const KernelTable& table) {
  const Int8Kernels& t = *table.int8;
  const size_t head = sums_bytes(n, t);
  std::memset(dst, 0, head);
  int32_t* sums = static_cast<int32_t*>(dst);
  for (int64_t j = 0; j < n; j += t.nr) {
    char* panel = static_cast<char*>(dst) + head + static_cast<size_t>(j / t.nr) * panel_bytes(k, t);
    t.pack_b(static_cast<const uint8_t*>(b) + j * b_col, b_row, b_col, k, std::min<int64_t>(t.nr, n - j),
             b_signed ? 0 : 0x80, reinterpret_cast<int8_t*>(panel), sums + j);
  }
}

}  // namespace tenon::kernels
