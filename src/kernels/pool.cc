// Pooling: a window is first folded over its rows, column by column, then along the folded row.
#include "kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int64_t kRow = 8192;  // floats of a folded row; longer rows are cut into pieces of outputs
constexpr int64_t kMaxTaps = 256;

// Three dims, the missing leading ones are 1 (pads 0).
struct Window {
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  int64_t in_plane, out_plane;

  explicit Window(const PoolArgs& a) {
    for (int d = 0; d < 3; ++d) {
      const int e = d - (3 - a.rank);
      in[d] = e < 0 ? 1 : a.in[e];
      out[d] = e < 0 ? 1 : a.out[e];
      kernel[d] = e < 0 ? 1 : a.kernel[e];
      stride[d] = e < 0 ? 1 : a.stride[e];
      dilation[d] = e < 0 ? 1 : a.dilation[e];
      pad[d] = e < 0 ? 0 : a.pad[e];
      pad_end[d] = e < 0 ? 0 : a.pad_end[e];
    }
    in_plane = in[0] * in[1] * in[2];
    out_plane = out[0] * out[1] * out[2];
  }
  // Taps [first, last) of output position o of dim d that lie inside the input.
  void inside(int d, int64_t o, int64_t& first, int64_t& last) const {
    const int64_t x = o * stride[d] - pad[d];
    first = std::clamp<int64_t>((dilation[d] - 1 - x) / dilation[d], 0, kernel[d]);
    last = std::clamp((in[d] - x + dilation[d] - 1) / dilation[d], first, kernel[d]);
  }
  int64_t at(int d, int64_t o, int64_t tap) const { return o * stride[d] - pad[d] + tap * dilation[d]; }
  // How many taps count in an average.
  int64_t divisor(int d, int64_t o, bool include_pad) const {
    int64_t first, last;
    inside(d, o, first, last);
    if (!include_pad) return last - first;
    const int64_t x = o * stride[d] - pad[d], end = in[d] + pad_end[d];
    return std::clamp<int64_t>((end - x + dilation[d] - 1) / dilation[d], 0, kernel[d]);
  }
};

// Rows of output by folding rows, then windows along the folded row, which is padded and split by stride phases.
class Folder {
 public:
  Folder(const Window& w, bool max, const KernelTable& t) : w_(w), max_(max), t_(t) {
    piece_ = std::max<int64_t>(
        1, std::min(w.out[2], (kRow - reach(1)) / std::max<int64_t>(w.stride[2], 1)));  // tuning: any length that fits
  }
  static bool fits(const Window& w) {
    return w.kernel[2] <= kMaxTaps &&
           (w.kernel[2] - 1) * w.dilation[2] + 2 * w.stride[2] + 2 <= kRow / 2;  // tuning: choice of path
  }

  // Output row (z, y) of the plane x.
  void row(const float* x, int64_t z, int64_t y, float* out) {
    for (int64_t c = 0; c < w_.out[2]; c += piece_) piece(x, z, y, c, std::min(piece_, w_.out[2] - c), out + c);
  }

 private:
  int64_t reach(int64_t n) const { return (n - 1) * w_.stride[2] + (w_.kernel[2] - 1) * w_.dilation[2] + 1; }

  void piece(const float* x, int64_t z, int64_t y, int64_t c, int64_t n, float* out) {
    const int64_t s = w_.stride[2], length = reach(n), start = w_.at(2, c, 0), phase = (length + s - 1) / s;
    const int64_t lo = std::clamp<int64_t>(-start, 0, length), hi = std::clamp<int64_t>(w_.in[2] - start, lo, length);
    float* line = s == 1 ? split_ : line_;
    const float neutral = max_ ? -kInf : 0.f;
    std::fill(line, line + lo, neutral);
    std::fill(line + hi, line + length, neutral);
    fold_rows(x + start + lo, z, y, hi - lo, line + lo);
    if (s == 2) {
      if (length % 2) line[length] = neutral;  // tuning: a spare value, never read
      t_.conv->split_even_odd(line_, split_, split_ + phase, phase);
    } else if (s != 1) {
      for (int64_t i = 0; i < length; ++i) split_[i % s * phase + i / s] = line_[i];
    }
    int64_t offset[kMaxTaps];
    for (int64_t t = 0; t < w_.kernel[2]; ++t) offset[t] = t * w_.dilation[2] % s * phase + t * w_.dilation[2] / s;
    (max_ ? t_.pool->window_max : t_.pool->window_sum)(split_, offset, w_.kernel[2], n, out);
  }

  void fold_rows(const float* x, int64_t z, int64_t y, int64_t n, float* out) const {
    const Fold f = max_ ? Fold::kMax : Fold::kSum;
    int64_t z0, z1, y0, y1;
    w_.inside(0, z, z0, z1);
    w_.inside(1, y, y0, y1);
    bool add = false;
    for (int64_t a = z0; a < z1 && y0 < y1; ++a, add = true) {  // tuning: no rows: neutral either way
      const float* p = x + (w_.at(0, z, a) * w_.in[1] + w_.at(1, y, y0)) * w_.in[2];
      t_.reduce->fold_rows[static_cast<int>(f)](p, y1 - y0, w_.dilation[1] * w_.in[2], n, out, add);
    }
    if (!add) std::fill(out, out + n, max_ ? -kInf : 0.f);
  }

  const Window& w_;
  bool max_;
  const KernelTable& t_;
  int64_t piece_;
  alignas(64) float line_[kRow + 64];
  alignas(64) float split_[kRow + 64];
};

// Any geometry: f(offset in the plane, z, y, x) for the taps of output (oz, oy, ox) that lie inside.
template <class F>
void each_tap(const Window& w, int64_t oz, int64_t oy, int64_t ox, const F& f) {
  int64_t z0, z1, y0, y1, x0, x1;
  w.inside(0, oz, z0, z1);
  w.inside(1, oy, y0, y1);
  w.inside(2, ox, x0, x1);
  for (int64_t a = z0; a < z1; ++a)
    for (int64_t b = y0; b < y1; ++b)
      for (int64_t c = x0; c < x1; ++c) {
        const int64_t z = w.at(0, oz, a), y = w.at(1, oy, b), x = w.at(2, ox, c);
        f((z * w.in[1] + y) * w.in[2] + x, z, y, x);
      }
}

// f(plane, z, y) for all output rows.
template <class F>
void each_row(const PoolArgs& a, const Window& w, double cost, const Parallel& par, const F& f) {
  const int64_t rows = w.out[0] * w.out[1];
  par.loop(a.planes * rows, cost * static_cast<double>(w.out[2]) + 20,
           [&](int64_t r0, int64_t r1) { f(r0, r1, rows); });
}

template <class Body>
void by_folding(const PoolArgs& a, const Window& w, bool max, const Parallel& par, const KernelTable& table,
                const Body& finish) {
  const double cost = 0.1 * static_cast<double>(w.kernel[0] * w.kernel[1] * w.stride[2] + w.kernel[2]);
  each_row(a, w, cost, par, [&](int64_t r0, int64_t r1, int64_t rows) {
    Folder folder(w, max, table);
    for (int64_t r = r0; r < r1; ++r) {
      const int64_t z = r % rows / w.out[1], y = r % w.out[1];
      float* out = a.y + r * w.out[2];
      folder.row(a.x + r / rows * w.in_plane, z, y, out);
      finish(z, y, out);
    }
  });
}

template <class Body>
void by_taps(const PoolArgs& a, const Window& w, const Parallel& par, const Body& value) {
  const double cost = 2.0 * static_cast<double>(w.kernel[0] * w.kernel[1] * w.kernel[2]);
  each_row(a, w, cost, par, [&](int64_t r0, int64_t r1, int64_t rows) {
    for (int64_t r = r0; r < r1; ++r)
      for (int64_t x = 0; x < w.out[2]; ++x) value(r / rows, r % rows / w.out[1], r % w.out[1], x, r * w.out[2] + x);
  });
}

}  // namespace

void max_pool(const PoolArgs& a, int64_t* indices, bool column_major, const Parallel& par, const KernelTable& table) {
  const Window w(a);
  if (!indices && Folder::fits(w)) return by_folding(a, w, true, par, table, [](int64_t, int64_t, float*) {});
  by_taps(a, w, par, [&](int64_t plane, int64_t z, int64_t y, int64_t x, int64_t i) {
    const float* in = a.x + plane * w.in_plane;
    float best = -kInf;
    int64_t at = -1;
    each_tap(w, z, y, x, [&](int64_t o, int64_t iz, int64_t iy, int64_t ix) {
      const float v = in[o];
      if (at >= 0 && (best != best || !(v > best || v != v))) return;
      best = v;
      at = column_major ? (ix * w.in[1] + iy) * w.in[0] + iz : o;
    });
    a.y[i] = best;
    if (indices) indices[i] = plane * w.in_plane + at;
  });
}

void average_pool(const PoolArgs& a, bool include_pad, const Parallel& par, const KernelTable& table) {
  const Window w(a);
  auto divisor = [&](int64_t z, int64_t y) { return w.divisor(0, z, include_pad) * w.divisor(1, y, include_pad); };
  if (Folder::fits(w))
    return by_folding(a, w, false, par, table, [&](int64_t z, int64_t y, float* out) {
      const int64_t rows = divisor(z, y), n = w.out[2];
      // Columns away from the borders share one divisor.
      int64_t from = 0, to = n;
      while (from < n && w.divisor(2, from, include_pad) != w.kernel[2])
        ++from;  // tuning: where the shared divisor begins
      while (to > from && w.divisor(2, to - 1, include_pad) != w.kernel[2]) --to;
      const float middle = static_cast<float>(rows * w.kernel[2]);
      for (int64_t x = from; x < to; ++x) out[x] /= middle;
      for (int64_t x = 0; x < n; ++x) {
        if (x == from) x = to;
        if (x < n) out[x] /= static_cast<float>(rows * w.divisor(2, x, include_pad));
      }
    });
  by_taps(a, w, par, [&](int64_t plane, int64_t z, int64_t y, int64_t x, int64_t i) {
    double sum = 0;
    each_tap(w, z, y, x, [&](int64_t o, int64_t, int64_t, int64_t) { sum += a.x[plane * w.in_plane + o]; });
    a.y[i] = static_cast<float>(sum / static_cast<double>(divisor(z, y) * w.divisor(2, x, include_pad)));
  });
}

void lp_pool(const PoolArgs& a, int64_t p, const Parallel& par, const KernelTable&) {
  const Window w(a);
  by_taps(a, w, par, [&](int64_t plane, int64_t z, int64_t y, int64_t x, int64_t i) {
    double sum = 0;
    each_tap(w, z, y, x, [&](int64_t o, int64_t, int64_t, int64_t) {
      const double v = std::fabs(a.x[plane * w.in_plane + o]);
      sum += p == 1 ? v : p == 2 ? v * v : std::pow(v, static_cast<double>(p));
    });
    a.y[i] = static_cast<float>(p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, 1.0 / static_cast<double>(p)));
  });
}

}  // namespace tenon::kernels
