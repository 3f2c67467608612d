// The GEMM driver: chooses a path by shape, cuts the product into tasks, packs what needs packing.
#include "kernels/gemm.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/gemm_tasks.h"
#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kMc = 96;         // rows of a block whose B is ready: 96 x kGemmKc floats of A stay in L2
constexpr int64_t kMcPackB = 384;   // rows that share one packing of a B panel
constexpr int64_t kMcPackA = 192;   // rows of A packed on the stack
constexpr double kTaskFlops = 4e6;  // about 40 us
constexpr int64_t kDotRows = 4;     // up to this many rows, a transposed B is read as it lies
constexpr int64_t kGemvColumns = 2048;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

bool is_clamp(Activation f) { return f == Activation::kRelu || f == Activation::kClip; }

}  // namespace

GemmTasks::GemmTasks(const GemmArgs& g, bool has_packer, const KernelTable& table)
    : table_(table), tiles_(*table.gemm) {
  const int64_t nr = tiles_.nr, mr = tiles_.mr;
  const int64_t k = std::max<int64_t>(g.k, 1);  // tuning: for estimates
  if (has_packer) {
    path_ = Path::kPacker;
  } else if (g.packed_b) {
    path_ = g.m == 1 ? Path::kGemvPacked : Path::kTiled;  // tuning: choice of path
  } else if (g.b_col == 1) {
    path_ = g.m == 1                                     ? Path::kGemvRows
            : g.m <= 2 * mr || g.b_row <= 2 * kGemmMaxNr ? Path::kDirect
                                                         : Path::kPackRows;  // tuning: choice of path
  } else if (g.b_row == 1) {
    path_ = g.m <= kDotRows && g.a_col == 1 ? Path::kDot : Path::kPackColumns;  // tuning: choice of path
  } else {
    path_ = Path::kPackAny;
  }
  if (g.m <= 0 || g.n <= 0) return;
  switch (path_) {
    case Path::kGemvPacked:
      mc_ = 1, nc_ = tiles_.streams * nr;  // tuning
      break;
    case Path::kGemvRows:
      mc_ = 1, nc_ = kGemvColumns;  // tuning
      break;
    case Path::kDot:
      mc_ = g.m,
      nc_ = std::clamp<int64_t>(static_cast<int64_t>(kTaskFlops / 2) / (g.m * k), 4, 1024) / 4 * 4;  // tuning
      break;
    default: {
      const bool packs_b = path_ != Path::kTiled && path_ != Path::kDirect;  // tuning: choice of path
      pack_a_ = g.a_col != 1 && g.m > 1;                                     // tuning: choice of path
      const int64_t limit = pack_a_ ? kMcPackA : packs_b ? kMcPackB : kMc;
      mc_ = round_up(ceil_div(g.m, ceil_div(g.m, limit)), mr);
      const double panel_flops = 2.0 * static_cast<double>(std::min(mc_, g.m)) * static_cast<double>(nr * k);
      nc_ = nr * std::clamp<int64_t>(static_cast<int64_t>(kTaskFlops / panel_flops), 1, 512 / nr);  // tuning
    }
  }
  m_blocks_ = ceil_div(g.m, mc_);
  n_blocks_ = ceil_div(g.n, nc_);
  cost_ = 0.02 * static_cast<double>(std::min(mc_, g.m)) * static_cast<double>(std::min(nc_, g.n)) *
          static_cast<double>(k) * (table.isa == Isa::kPortable ? 4 : 1);
}

void GemmTasks::run(const GemmArgs& g, int64_t t, const PanelPacker* packer) const {
  const int64_t m0 = t / n_blocks_ * mc_, m1 = std::min(g.m, m0 + mc_);
  const int64_t n0 = t % n_blocks_ * nc_, n1 = std::min(g.n, n0 + nc_);
  if (path_ == Path::kGemvPacked || path_ == Path::kGemvRows || path_ == Path::kDot)
    run_rows(g, m0, m1, n0, n1);
  else
    run_tiled(g, m0, m1, n0, n1, packer);
  const Epilogue& e = g.epilogue;
  if (e.activation == Activation::kNone || is_clamp(e.activation)) return;
  const ActivationRow row = activation_row(e.activation, table_);
  for (int64_t i = m0; i < m1; ++i) {
    float* c = g.c + i * g.ldc + n0;
    row(c, c, n1 - n0, e.p0, e.p1);
  }
}

const float* GemmTasks::pack(const GemmArgs& g, int64_t k0, int64_t kc, int64_t n0, int64_t n,
                             const PanelPacker* packer, float* dst) const {
  switch (path_) {
    case Path::kPacker:
      (*packer)(k0, kc, n0, n, dst);
      break;
    case Path::kPackColumns:
      tiles_.pack_columns(g.b + k0 + n0 * g.b_col, g.b_col, kc, n, dst);
      break;
    case Path::kPackAny: {
      const int64_t width = round_up(n, tiles_.width);
      for (int64_t p = 0; p < kc; ++p)
        for (int64_t j = 0; j < width; ++j)
          dst[p * width + j] = j < n ? g.b[(k0 + p) * g.b_row + (n0 + j) * g.b_col] : 0.f;
      break;
    }
    default:
      tiles_.pack_rows(g.b + k0 * g.b_row + n0, g.b_row, kc, n, dst);
  }
  return dst;
}

void GemmTasks::run_tiled(const GemmArgs& g, int64_t m0, int64_t m1, int64_t n0, int64_t n1,
                          const PanelPacker* packer) const {
  alignas(64) float b_panel[kGemmKc * kGemmMaxNr];
  alignas(64) float a_panel[kMcPackA * kGemmKc];
  const int64_t nr = tiles_.nr, mr = tiles_.mr;
  const Epilogue& e = g.epilogue;
  GemmPanel p;
  p.m = m1 - m0;
  p.ldc = g.ldc;
  p.alpha = g.alpha;
  p.residual_ld = e.residual_ld;
  if (is_clamp(e.activation)) {
    p.low = e.activation == Activation::kRelu ? 0.f : e.p0;
    p.high = e.activation == Activation::kRelu ? std::numeric_limits<float>::infinity() : e.p1;
  }
  for (int64_t k0 = 0; k0 == 0 || k0 < g.k; k0 += kGemmKc) {
    const int64_t kc = std::min(kGemmKc, g.k - k0);
    const bool last = k0 + kc >= g.k;
    p.k = kc;
    p.beta = k0 == 0 ? g.beta : 1;
    p.a = g.a + m0 * g.a_row + k0 * g.a_col;
    p.a_row = g.a_row;
    p.a_col = g.a_col;
    p.a_tile = mr * g.a_row;
    if (pack_a_ && kc > 0) {  // tuning: nothing to pack
      for (int64_t i = 0; i < p.m; i += mr)
        for (int64_t q = 0; q < kc; ++q)
          for (int64_t r = 0; r < std::min(mr, p.m - i); ++r)
            a_panel[i * kc + q * mr + r] = p.a[(i + r) * g.a_row + q * g.a_col];
      p.a = a_panel;
      p.a_row = 1;
      p.a_col = mr;
      p.a_tile = mr * kc;
    }
    for (int64_t j = n0; j < n1; j += nr) {
      p.n = std::min(nr, n1 - j);
      if (path_ == Path::kTiled) {
        p.b_row = round_up(p.n, tiles_.width);
        p.b = static_cast<const float*>(g.packed_b) + j * g.k + k0 * p.b_row;
      } else if (path_ == Path::kDirect && p.n % tiles_.width == 0) {
        p.b_row = g.b_row;
        p.b = g.b + k0 * g.b_row + j;
      } else {
        p.b_row = round_up(p.n, tiles_.width);
        p.b = kc > 0 ? pack(g, k0, kc, j, p.n, packer, b_panel) : b_panel;  // tuning: nothing to pack
      }
      p.c = g.c + m0 * g.ldc + j;
      if (last) {
        p.bias_row = e.bias_kind == BiasKind::kPerRow ? e.bias + m0 : nullptr;
        p.bias_column = e.bias_kind == BiasKind::kPerColumn ? e.bias + j : nullptr;
        p.residual = e.residual ? e.residual + m0 * e.residual_ld + j : nullptr;
        p.clamp = is_clamp(e.activation);
      }
      tiles_.panel(p);
    }
  }
}

// The paths without tiles: products land in a buffer, then in C with what the epilogue adds.
void GemmTasks::run_rows(const GemmArgs& g, int64_t m0, int64_t m1, int64_t n0, int64_t n1) const {
  alignas(64) float out[std::max(kGemvColumns, kDotRows * 1024)];  // tuning
  const int64_t n = n1 - n0, ld = n, nr = tiles_.nr;
  const float* a = g.a + m0 * g.a_row;
  if (path_ == Path::kDot) {
    tiles_.dot(a, g.a_row, g.b + n0 * g.b_col, g.b_col, m1 - m0, g.k, n, out, ld);
  } else if (path_ == Path::kGemvRows) {
    tiles_.gemv_rows(a, g.a_col, g.b + n0, g.b_row, g.k, n, out);
  } else if (n == nc_) {
    tiles_.gemv_packed(a, g.a_col, static_cast<const float*>(g.packed_b) + n0 * g.k, nr * g.k, g.k, out);
  } else {
    for (int64_t j = 0; j < n; j += nr) {
      GemmPanel p;
      p.a = a;
      p.a_col = g.a_col;
      p.m = 1;
      p.n = std::min(nr, n - j);
      p.k = g.k;
      p.b_row = round_up(p.n, tiles_.width);
      p.b = static_cast<const float*>(g.packed_b) + (n0 + j) * g.k;
      p.c = out + j;
      tiles_.panel(p);
    }
  }
  const Epilogue& e = g.epilogue;
  const float low = e.activation == Activation::kRelu ? 0.f : e.p0;
  const float high = e.activation == Activation::kRelu ? std::numeric_limits<float>::infinity() : e.p1;
  for (int64_t i = m0; i < m1; ++i) {
    float* v = out + (i - m0) * ld;
    float* c = g.c + i * g.ldc + n0;
    if (g.alpha != 1)
      for (int64_t j = 0; j < n; ++j) v[j] *= g.alpha;
    if (g.beta != 0)
      for (int64_t j = 0; j < n; ++j) v[j] += g.beta * c[j];
    if (e.bias_kind == BiasKind::kPerRow)
      for (int64_t j = 0; j < n; ++j) v[j] += e.bias[i];
    if (e.bias_kind == BiasKind::kPerColumn)
      for (int64_t j = 0; j < n; ++j) v[j] += e.bias[n0 + j];
    if (e.residual)
      for (int64_t j = 0; j < n; ++j) v[j] += e.residual[i * e.residual_ld + n0 + j];
    if (is_clamp(e.activation))
      for (int64_t j = 0; j < n; ++j) v[j] = std::min(std::max(v[j], low), high);  // this order keeps NaN
    std::memcpy(c, v, static_cast<size_t>(n) * sizeof(float));
  }
}

void gemm(const GemmArgs& args, const Parallel& par, const KernelTable& table) {
  const GemmTasks tasks(args, false, table);
  par.loop(tasks.count(), tasks.cost(), [&](int64_t t0, int64_t t1) {
    for (int64_t t = t0; t < t1; ++t) tasks.run(args, t);
  });
}

size_t packed_b_bytes(int64_t k, int64_t n, const KernelTable& table) {
  return static_cast<size_t>(k * round_up(n, table.gemm->width)) * sizeof(float);
}

void pack_b(const float* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, void* dst, const KernelTable& table) {
  const GemmTiles& t = *table.gemm;
  for (int64_t j = 0; j < n; j += t.nr) {
    float* d = static_cast<float*>(dst) + j * k;
    const int64_t w = std::min<int64_t>(t.nr, n - j), width = round_up(w, t.width);
    for (int64_t p = 0; p < k; p += kGemmKc) {  // in blocks, so that a transposed source is read in whole cache lines
      const int64_t kc = std::min(kGemmKc, k - p);
      const float* s = b + p * b_row + j * b_col;
      float* o = d + p * width;
      if (b_col == 1) {
        t.pack_rows(s, b_row, kc, w, o);
      } else if (b_row == 1) {
        t.pack_columns(s, b_col, kc, w, o);
      } else {
        for (int64_t q = 0; q < kc; ++q)
          for (int64_t i = 0; i < width; ++i) o[q * width + i] = i < w ? s[q * b_row + i * b_col] : 0.f;
      }
    }
  }
}

namespace {

// `at(i, g)` moves the pointers of g to product i.
template <class At>
void each_product(const GemmArgs& args, int64_t count, const Parallel& par, const KernelTable& table, const At& at) {
  const GemmTasks tasks(args, false, table);
  const int64_t each = tasks.count();
  if (each == 0) return;
  par.loop(count * each, tasks.cost(), [&](int64_t t0, int64_t t1) {
    for (int64_t t = t0; t < t1;) {
      GemmArgs g = args;
      const int64_t i = t / each, end = std::min(t1, (i + 1) * each);
      const int64_t c = at(i, g);
      g.c += c;
      if (g.epilogue.residual) g.epilogue.residual += c;
      for (; t < end; ++t) tasks.run(g, t - i * each);
    }
  });
}

}  // namespace

void gemm_batched(const GemmArgs& args, const GemmBatch& batch, const Parallel& par, const KernelTable& table) {
  const Epilogue& e = args.epilogue;
  const bool one_b = args.packed_b || batch.b_stride == 0;
  const bool rows_follow = batch.a_stride == args.m * args.a_row && batch.c_stride == args.m * args.ldc;
  if (one_b && rows_follow && e.bias_kind != BiasKind::kPerRow && (!e.residual || e.residual_ld == args.ldc)) {
    GemmArgs g = args;  // one tall product
    g.m = args.m * batch.count;
    return gemm(g, par, table);
  }
  each_product(args, batch.count, par, table, [&](int64_t i, GemmArgs& g) {
    g.a += i * batch.a_stride;
    if (!g.packed_b) g.b += i * batch.b_stride;
    return i * batch.c_stride;
  });
}

void gemm_batched(const GemmArgs& args, const GemmOffsets& offsets, const Parallel& par, const KernelTable& table) {
  each_product(args, offsets.count, par, table, [&](int64_t i, GemmArgs& g) {
    if (offsets.a) g.a += offsets.a[i];
    if (offsets.b && !g.packed_b) g.b += offsets.b[i];
    return offsets.c ? offsets.c[i] : i * args.m * args.ldc;
  });
}

}  // namespace tenon::kernels
