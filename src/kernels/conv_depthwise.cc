// Depthwise convolution, 1-D and 2-D: input rows are padded (and split by stride phase) once, then every tap reads a
// contiguous run.
#include <algorithm>
#include <limits>

#include "kernels/conv_pixels.h"
#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kBufferFloats = 16 * 1024;
constexpr int64_t kMaxRows = 128, kMaxTaps = 64;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Plan {
  int64_t in_h, in_w, out_h, out_w, kh, kw, sh, sw, dh, dw, ph, pw, og;
  int64_t rows, columns;                      // output block
  int64_t phase = 0, length = 0;              // tuning: set when possible; floats of one phase of a row, of a row
  int64_t row_blocks = 0, column_blocks = 0;  // tuning: set when possible
  bool possible;

  explicit Plan(const ConvShape& s) {
    const int w = s.rank - 1, h = s.rank - 2;
    in_h = h < 0 ? 1 : s.in[h], out_h = h < 0 ? 1 : s.out[h], kh = h < 0 ? 1 : s.kernel[h];
    ph = h < 0 ? 0 : s.pad[h];
    sh = h < 0 ? 1 : s.stride[h], dh = h < 0 ? 1 : s.dilation[h];  // tuning: one row has no strides
    in_w = s.in[w], out_w = s.out[w], kw = s.kernel[w], sw = s.stride[w], dw = s.dilation[w], pw = s.pad[w];
    og = s.out_channels / s.groups;
    columns = std::max<int64_t>(out_w, 1);                               // tuning
    rows = std::max<int64_t>(out_h, 1);                                  // tuning
    possible = s.rank <= 2 && kw <= kMaxTaps;                            // tuning: choice of path
    for (; possible; columns = ceil_div(columns, 2)) {                   // tuning
      phase = ceil_div((columns - 1) * sw + (kw - 1) * dw + 1, sw) + 1;  // tuning: one spare value
      length = phase * sw;
      if (buffered_rows(1) * length <= kBufferFloats && buffered_rows(1) <= kMaxRows) break;  // tuning
      possible = columns > 1;                                                                 // tuning
    }
    if (!possible) return;
    while (rows > 1 && (buffered_rows(rows) * length > kBufferFloats || buffered_rows(rows) > kMaxRows))  // tuning
      rows = ceil_div(rows, 2);                                                                           // tuning
    row_blocks = ceil_div(out_h, rows);
    column_blocks = ceil_div(out_w, columns);
  }
  int64_t buffered_rows(int64_t n) const { return (n - 1) * sh + (kh - 1) * dh + 1; }
};

class Block {
 public:
  Block(const Plan& p, const ConvArgs& a, const KernelTable& t) : p_(p), a_(a), t_(t) {
    for (int64_t i = 0; i < p.kw; ++i) offset_[i] = i * p.dw % p.sw * p.phase + i * p.dw / p.sw;
  }

  // Output rows [y0, y1), columns [x0, x1) of the og output planes of input plane `plane`.
  void run(int64_t plane, int64_t y0, int64_t y1, int64_t x0, int64_t x1) {
    const int64_t first = y0 * p_.sh - p_.ph, count = p_.buffered_rows(y1 - y0);
    for (int64_t r = 0; r < count; ++r) fill_row(plane, first + r, x0, buffer_ + r * p_.length);
    const Epilogue& e = a_.epilogue;
    const bool clamp = e.activation == Activation::kRelu || e.activation == Activation::kClip;
    const ActivationRow act = e.activation == Activation::kNone || clamp ? nullptr : activation_row(e.activation, t_);
    const int64_t channels = a_.shape.in_channels;
    for (int64_t o = 0; o < p_.og; ++o) {
      const int64_t channel = plane % channels * p_.og + o;
      DepthwiseRow d;
      d.kernel_rows = p_.kh;
      d.taps = p_.kw;
      d.offset = offset_;
      d.w = a_.w + channel * p_.kh * p_.kw;
      d.n = x1 - x0;
      d.bias = e.bias ? e.bias[channel] : 0.f;
      d.clamp = clamp;
      d.low = e.activation == Activation::kRelu ? 0.f : e.p0;
      d.high = e.activation == Activation::kRelu ? std::numeric_limits<float>::infinity() : e.p1;
      for (int64_t y = y0; y < y1; ++y) {
        const int64_t at = ((plane * p_.og + o) * p_.out_h + y) * p_.out_w + x0;
        const float* rows[kMaxRows];
        d.y = a_.y + at;
        d.residual = e.residual ? e.residual + at : nullptr;
        for (int64_t r = 0; r < p_.kh; ++r) {
          const int64_t in = (y - y0) * p_.sh + r * p_.dh;
          const bool inside = first + in >= 0 && first + in < p_.in_h;
          rows[r] = inside ? buffer_ + in * p_.length : nullptr;
        }
        d.rows = rows;
        t_.conv->depthwise_row(d);
        if (act) act(d.y, d.y, d.n, e.p0, e.p1);
      }
    }
  }

 private:
  void fill_row(int64_t plane, int64_t y, int64_t x0, float* out) {
    if (y < 0 || y >= p_.in_h) return;
    const int64_t start = x0 * p_.sw - p_.pw, before = std::clamp<int64_t>(-start, 0, p_.length);
    const int64_t from = std::max<int64_t>(start, 0);
    const int64_t count = std::clamp<int64_t>(p_.in_w - from, 0, p_.length - before);
    const float* in = a_.x + (plane * p_.in_h + y) * p_.in_w + std::min(from, p_.in_w);
    float* padded = p_.sw == 1 ? out : line_;
    t_.conv->pad_row(in, count, before, padded, p_.length);
    if (p_.sw == 2) {
      t_.conv->split_even_odd(line_, out, out + p_.phase, p_.phase);
    } else if (p_.sw != 1) {
      for (int64_t i = 0; i < p_.length; ++i) out[i % p_.sw * p_.phase + i / p_.sw] = line_[i];
    }
  }

  const Plan& p_;
  const ConvArgs& a_;
  const KernelTable& t_;
  int64_t offset_[kMaxTaps];
  alignas(64) float line_[kBufferFloats];
  alignas(64) float buffer_[kBufferFloats];
};

// The common small kernels, rows [y0, y1) of a plane at a time.
bool by_planes(const Plan& p) {
  return p.kh == p.kw && (p.kh == 3 || p.kh == 5) && p.sh == p.sw && p.sh <= 2 && p.dh == 1 &&
         p.dw == 1;  // tuning: choice of path
}

void run_plane(const Plan& p, const ConvArgs& a, const KernelTable& table, int64_t out_plane, int64_t y0, int64_t y1) {
  const Epilogue& e = a.epilogue;
  const int64_t channel = out_plane % a.shape.out_channels, at = out_plane * p.out_h * p.out_w;
  DepthwisePlane d;
  d.x = a.x + out_plane / p.og * p.in_h * p.in_w;
  d.in_h = p.in_h, d.in_w = p.in_w, d.pad_h = p.ph, d.pad_w = p.pw;
  d.w = a.w + channel * p.kh * p.kw;
  d.y = a.y + at;
  d.out_w = p.out_w, d.y0 = y0, d.y1 = y1;
  d.bias = e.bias ? e.bias[channel] : 0.f;
  d.residual = e.residual ? e.residual + at : nullptr;
  d.clamp = e.activation == Activation::kRelu || e.activation == Activation::kClip;
  d.low = e.activation == Activation::kRelu ? 0.f : e.p0;
  d.high = e.activation == Activation::kRelu ? std::numeric_limits<float>::infinity() : e.p1;
  table.conv->depthwise_plane[p.kh == 5][p.sh == 2](d);
  if (e.activation == Activation::kNone || d.clamp) return;
  float* y = d.y + y0 * p.out_w;
  activation_row(e.activation, table)(y, y, (y1 - y0) * p.out_w, e.p0, e.p1);
}

}  // namespace

bool depthwise_fits(const ConvShape& s) { return s.in_channels == s.groups && Plan(s).possible; }

void conv_depthwise(const ConvArgs& args, const Parallel& par, const KernelTable& table) {
  const ConvShape& s = args.shape;
  const Plan p(s);
  const int64_t each = p.row_blocks * p.column_blocks;
  const double cost = static_cast<double>(p.rows * p.columns * p.og) * (1 + 0.1 * static_cast<double>(p.kh * p.kw));
  if (by_planes(p)) {
    const int64_t rows =
        std::clamp<int64_t>(32768 / std::max<int64_t>(p.out_w, 1), 1, std::max<int64_t>(p.out_h, 1));  // tuning
    const int64_t parts = ceil_div(p.out_h, rows);
    return par.loop(s.batch * s.out_channels * parts, static_cast<double>(rows * p.out_w) * 0.2,
                    [&](int64_t t0, int64_t t1) {
                      for (int64_t t = t0; t < t1; ++t) {
                        const int64_t y = t % parts * rows;
                        run_plane(p, args, table, t / parts, y, std::min(y + rows, p.out_h));
                      }
                    });
  }
  par.loop(s.batch * s.in_channels * each, cost, [&](int64_t t0, int64_t t1) {
    Block block(p, args, table);
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t b = t % each, y = b / p.column_blocks * p.rows, x = b % p.column_blocks * p.columns;
      block.run(t / each, y, std::min(y + p.rows, p.out_h), x, std::min(x + p.columns, p.out_w));
    }
  });
}

}  // namespace tenon::kernels
