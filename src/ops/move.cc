// Strided copies by element size, packed types, and shape rules shared by the ops that move elements.
#include "ops/move.h"

#include <algorithm>

namespace tenon::ops {
namespace {

constexpr double kNsPerByte = 0.1;

/// Odometer over the outer loops of a nest: element offsets of a flat outer index, then of its successors.
struct Odometer {
  int rank;
  const int64_t *n, *in, *out;
  int64_t at[32];
  int64_t in_offset = 0, out_offset = 0;

  Odometer(int r, const int64_t* dims, const int64_t* in_strides, const int64_t* out_strides, int64_t flat)
      : rank(r), n(dims), in(in_strides), out(out_strides) {
    for (int k = rank - 1; k >= 0; --k) {
      at[k] = flat % n[k];
      flat /= n[k];
      in_offset += at[k] * in[k];
      out_offset += at[k] * out[k];
    }
  }
  void next() {
    for (int k = rank - 1; k >= 0; --k) {
      in_offset += in[k];
      out_offset += out[k];
      if (++at[k] < n[k]) return;
      in_offset -= n[k] * in[k];
      out_offset -= n[k] * out[k];
      at[k] = 0;
    }
  }
};

/// Copies rows of N bytes at fixed distances: the compiler turns memcpy of a constant size into moves.
template <size_t N>
void copy_rows(const char* in, char* out, int64_t n, int64_t in_step, int64_t out_step) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(out + i * out_step, in + i * in_step, N);
}
void copy_rows_any(size_t bytes, const char* in, char* out, int64_t n, int64_t in_step, int64_t out_step) {
  switch (bytes) {
    case 2:
      return copy_rows<2>(in, out, n, in_step, out_step);
    case 4:
      return copy_rows<4>(in, out, n, in_step, out_step);
    case 8:
      return copy_rows<8>(in, out, n, in_step, out_step);
    case 16:
      return copy_rows<16>(in, out, n, in_step, out_step);
    case 32:
      return copy_rows<32>(in, out, n, in_step, out_step);
    case 64:
      return copy_rows<64>(in, out, n, in_step, out_step);
    default:
      for (int64_t i = 0; i < n; ++i) std::memcpy(out + i * out_step, in + i * in_step, bytes);
  }
}

/// One strided row of n elements.
template <class T>
void copy_row(const T* in, T* out, int64_t n, int64_t in_stride, int64_t out_stride) {
  if (out_stride == 1 && in_stride == 1) {
    std::copy(in, in + n, out);
  } else if (out_stride == 1 && in_stride == 0) {
    std::fill(out, out + n, *in);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

/// Tile of a transposition: in has stride 1 along a, out along b.
template <class T>
void transpose_tile(const T* in, T* out, int64_t a_count, int64_t b_count, int64_t in_b, int64_t out_a) {
  for (int64_t a = 0; a < a_count; ++a)
    for (int64_t b = 0; b < b_count; ++b) out[a * out_a + b] = in[a + b * in_b];
}

}  // namespace

void StridedCopy::loop(int64_t n, int64_t in_stride, int64_t out_stride) {
  if (n == 0) empty_ = true;
  if (n == 1 || empty_) return;
  if (rank_ > 0 && in_[rank_ - 1] == n * in_stride && out_[rank_ - 1] == n * out_stride) {
    n_[rank_ - 1] *= n;
    in_[rank_ - 1] = in_stride;
    out_[rank_ - 1] = out_stride;
    return;
  }
  if (rank_ == kMaxRank) fail(ErrorCode::kNotImplemented, "copy of a tensor with over {} strided dims", kMaxRank);
  n_[rank_] = n;
  in_[rank_] = in_stride;
  out_[rank_] = out_stride;
  ++rank_;
}

void StridedCopy::run(const Parallel& par, DType t, const void* in, void* out) const {
  if (empty_) return;
  if (rank_ == 0) return copy_elements(par, t, in, out, 1);
  const int last = rank_ - 1;
  const int64_t inner = n_[last];
  const bool rows = in_[last] == 1 && out_[last] == 1 && t != DType::kString;
  if (rows && rank_ == 1) return copy_elements(par, t, in, out, inner);

  if (rows) {  // blocks of memory; the innermost two loops run without the odometer
    const auto size = static_cast<int64_t>(dtype_size(t));
    const size_t bytes = static_cast<size_t>(inner * size);
    const int64_t mid = n_[last - 1], in_step = in_[last - 1] * size, out_step = out_[last - 1] * size;
    const int64_t outer = extent({n_, 32}, 0, static_cast<size_t>(last - 1));
    // Items are rows; a range of rows is cut where the middle loop ends.
    par.loop(outer * mid, static_cast<double>(bytes) * kNsPerByte + 1, [&](int64_t begin, int64_t end) {
      Odometer at(last - 1, n_, in_, out_, begin / mid);
      for (int64_t row = begin; row < end;) {
        const int64_t first = row % mid, count = std::min(mid - first, end - row);
        copy_rows_any(bytes, static_cast<const char*>(in) + at.in_offset * size + first * in_step,
                      static_cast<char*>(out) + at.out_offset * size + first * out_step, count, in_step, out_step);
        row += count;
        at.next();
      }
    });
    return;
  }

  int a = -1;  // the loop along which the input is contiguous while the last one jumps
  if (out_[last] == 1 && in_[last] != 0)
    for (int k = 0; k < last; ++k)
      if (in_[k] == 1 && n_[k] > 1) a = k;
  if (a >= 0) {
    constexpr int64_t kTile = 32;
    int64_t dims[kMaxRank], ins[kMaxRank], outs[kMaxRank];
    int rank = 0;
    for (int k = 0; k < last; ++k) {
      if (k == a) continue;
      dims[rank] = n_[k];
      ins[rank] = in_[k];
      outs[rank++] = out_[k];
    }
    const int64_t a_tiles = (n_[a] + kTile - 1) / kTile, b_tiles = (inner + kTile - 1) / kTile;
    const int64_t tiles = a_tiles * b_tiles;
    const int64_t in_b = in_[last], out_a = out_[a], a_size = n_[a];
    const double cost = static_cast<double>(std::min(kTile, a_size) * std::min(kTile, inner)) * 0.6 + 2;
    const int64_t items = extent({dims, 32}, 0, static_cast<size_t>(rank)) * tiles;
    visit_size(t, [&]<class T>() {
      par.loop(items, cost, [&](int64_t begin, int64_t end) {
        Odometer at(rank, dims, ins, outs, begin / tiles);
        int64_t tile = begin % tiles;
        for (int64_t item = begin; item < end; ++item) {
          const int64_t a0 = tile / b_tiles * kTile, b0 = tile % b_tiles * kTile;
          transpose_tile(static_cast<const T*>(in) + at.in_offset + a0 + b0 * in_b,
                         static_cast<T*>(out) + at.out_offset + a0 * out_a + b0, std::min(kTile, a_size - a0),
                         std::min(kTile, inner - b0), in_b, out_a);
          if (++tile == tiles) {
            tile = 0;
            at.next();
          }
        }
      });
    });
    return;
  }

  constexpr int64_t kChunk = 4096;  // so that one long row still runs in parallel
  const int64_t chunks = (inner + kChunk - 1) / kChunk;
  const int64_t items = extent({n_, 32}, 0, static_cast<size_t>(last)) * chunks;
  visit_size(t, [&]<class T>() {
    par.loop(items, static_cast<double>(std::min(inner, kChunk)) * 0.8 + 2, [&](int64_t begin, int64_t end) {
      Odometer at(last, n_, in_, out_, begin / chunks);
      int64_t chunk = begin % chunks;
      for (int64_t item = begin; item < end; ++item) {
        const int64_t first = chunk * kChunk;
        copy_row(static_cast<const T*>(in) + at.in_offset + first * in_[last],
                 static_cast<T*>(out) + at.out_offset + first * out_[last], std::min(kChunk, inner - first), in_[last],
                 out_[last]);
        if (++chunk == chunks) {
          chunk = 0;
          at.next();
        }
      }
    });
  });
}

void copy_elements(const Parallel& par, DType t, const void* in, void* out, int64_t n) {
  if (t == DType::kString) {
    std::copy_n(static_cast<const std::string*>(in), n, static_cast<std::string*>(out));
    return;
  }
  const auto size = static_cast<int64_t>(dtype_size(t));
  par.loop(n, static_cast<double>(size) * kNsPerByte, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(out) + begin * size, static_cast<const char*>(in) + begin * size,
                static_cast<size_t>((end - begin) * size));
  });
}

void fill_elements(const Parallel& par, DType t, const void* value, void* out, int64_t n) {
  visit_size(t, [&]<class T>() {
    const T v = *static_cast<const T*>(value);
    par.loop(n, 0.3, [&](int64_t begin, int64_t end) {
      std::fill(static_cast<T*>(out) + begin, static_cast<T*>(out) + end, v);
    });
  });
}

void copy_tensor(const Parallel& par, const TensorRef& in, const TensorRef& out) {
  if (in.data == out.data || in.count == 0) return;
  if (is_packed(in.dtype)) {
    std::memcpy(out.data, in.data, in.bytes());
  } else {
    copy_elements(par, in.dtype, in.data, out.data, in.count);
  }
}

Value copy_of(const Parallel& par, const TensorRef& t) {
  Value v = Value::tensor(t.dtype, t.dims());
  copy_tensor(par, t, ref_of(v));
  return v;
}

TensorRef addressable_output(KernelContext& c, const TensorRef& t) {
  if (!is_packed(t.dtype)) return t;
  TensorRef r = t;
  r.dtype = DType::kUint8;
  r.data = c.scratch<uint8_t>(t.count);
  return r;
}

TensorRef addressable(KernelContext& c, const TensorRef& t) {
  TensorRef r = addressable_output(c, t);
  if (!is_packed(t.dtype)) return r;
  const int bits = dtype_bits(t.dtype), per_byte = 8 / bits, mask = (1 << bits) - 1;
  const auto* in = t.as<uint8_t>();
  auto* out = r.out<uint8_t>();
  for (int64_t i = 0; i < t.count; ++i) out[i] = static_cast<uint8_t>(in[i / per_byte] >> (i % per_byte * bits) & mask);
  return r;
}

void finish(const TensorRef& written, const TensorRef& output) {
  if (!is_packed(output.dtype)) return;
  const int bits = dtype_bits(output.dtype), per_byte = 8 / bits;
  const auto* in = written.as<uint8_t>();
  auto* out = output.out<uint8_t>();
  for (int64_t i = 0; i < output.count; i += per_byte) {
    unsigned packed = 0;  // unused high bits of the last byte are zero
    for (int64_t j = i; j < std::min(i + per_byte, output.count); ++j)
      packed |= static_cast<unsigned>(in[j]) << (j - i) * bits;
    out[i / per_byte] = static_cast<uint8_t>(packed);
  }
}

double number_at(const TensorRef& t, int64_t i) {
  if (t.dtype == DType::kFloat16) return to_float(t.as<Half>()[i]);
  if (t.dtype == DType::kBFloat16) return to_float(t.as<BFloat16>()[i]);
  return visit<NumericTypes>(t.dtype, [&]<class T>() { return static_cast<double>(t.as<T>()[i]); });
}

namespace {
struct Copy final : Kernel {
  explicit Copy(const NodeInfo& info) : tensor(!info.has_input(0) || info.inputs[0]->is_tensor()) {}
  void run(KernelContext& c) const override {
    if (tensor) {
      copy_tensor(c.par, c.input(0), c.output(0));
    } else {
      c.set_output(0, c.input_value(0));
    }
  }
  bool tensor;
};
}  // namespace

std::unique_ptr<const Kernel> make_copy(const NodeInfo& info) { return make<Copy>(info); }

void limit_elements(std::span<const int64_t> dims) {
  int64_t n = 1;
  bool over = false;
  for (int64_t d : dims) {
    if (d == 0) return;
    if (is_symbol(d)) continue;
    over = over || d > kMaxElements / n;
    if (!over) n *= d;
  }
  if (!over) return;
  for (int64_t d : dims)
    if (is_symbol(d)) return;  // may still be zero
  fail_limit("tensor_elements", "output shape {} has over {} elements", to_string(dims), kMaxElements);
}

void pass_ints(InferContext& c) {
  if (!contains(kIntSet | kBoolSet, c.dtype(0))) return;
  if (auto v = c.data_ints(0)) c.set_ints(0, std::move(*v));
}

Dims fresh_dims(InferContext& c, size_t n) {
  Dims d(n, 0);
  for (auto& x : d) x = c.fresh();
  return d;
}

IntsArg ints_arg(InferContext& c, size_t i, std::string_view name) {
  if (c.has_input(i)) return {true, c.ints(i)};
  if (!c.attrs().has(name)) return {};
  const auto v = c.attrs().get_ints(name);
  return {true, std::vector<int64_t>(v.begin(), v.end())};
}

std::optional<size_t> int_count(InferContext& c, size_t i) {
  if (c.has_rank(i) && c.rank(i) == 1 && !is_symbol(c.dims(i)[0])) return static_cast<size_t>(c.dims(i)[0]);
  return std::nullopt;
}

}  // namespace tenon::ops
