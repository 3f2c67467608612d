// Strided copies and permutations: dims are merged, then moved as rows, or as tiles where the contiguous dims differ.
#include "kernels/transpose.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr size_t kMaxRank = 16;
constexpr int64_t kTile = 64;

struct Dim {
  int64_t size, in, out;  // strides in elements
};

struct Bytes16 {
  uint64_t v[2];
};

// Dims of size 1 dropped, neighbours merged; dims[0] is the innermost.
struct Layout {
  Dim dims[kMaxRank];
  size_t rank = 0;
  bool empty = false;

  void add(Dim d) {  // from the innermost outwards
    if (d.size == 0) empty = true;
    if (d.size == 1) return;
    if (rank > 0) {
      Dim& last = dims[rank - 1];
      if (d.in == last.in * last.size && d.out == last.out * last.size) {
        last.size *= d.size;
        return;
      }
    }
    if (rank == kMaxRank) fail(ErrorCode::kNotImplemented, "a strided copy of rank above {}", kMaxRank);
    dims[rank++] = d;
  }
};

// Walks combinations of dims [from, rank) in order, keeping both offsets.
class Odometer {
 public:
  Odometer(const Layout& l, size_t from, int64_t start) : l_(l), from_(from) {
    for (size_t d = from; d < l.rank; ++d) {
      at_[d] = start % l.dims[d].size;
      start /= l.dims[d].size;
      in += at_[d] * l.dims[d].in;
      out += at_[d] * l.dims[d].out;
    }
  }
  void next() {
    for (size_t d = from_; d < l_.rank; ++d) {
      const Dim& dim = l_.dims[d];
      in += dim.in;
      out += dim.out;
      if (++at_[d] < dim.size) return;
      at_[d] = 0;
      in -= dim.in * dim.size;
      out -= dim.out * dim.size;
    }
  }
  int64_t in = 0, out = 0;

 private:
  const Layout& l_;
  size_t from_;
  int64_t at_[kMaxRank];
};

template <class T>
void copy_run(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t n) {
  if (in_stride == 1 && out_stride == 1) {            // tuning: choice of path
    if (n * static_cast<int64_t>(sizeof(T)) >= 64) {  // tuning: choice of path
      std::memcpy(out, in, static_cast<size_t>(n) * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = in[i];
    }
  } else if (out_stride == 1 && in_stride == 0) {  // tuning: choice of path
    std::fill(out, out + n, *in);
  } else if (out_stride == 1) {  // tuning: choice of path
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * in_stride];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

template <class T>
void copy_rows(const T* in, T* out, Layout l, const Parallel& par) {
  if (l.rank == 1 && l.dims[0].size > 65536) {  // tuning: one long run: cut it
    const Dim d = l.dims[0];
    constexpr int64_t kRun = 32768;
    const int64_t runs = (d.size + kRun - 1) / kRun;
    return par.loop(runs, static_cast<double>(kRun * sizeof(T)) * 0.05, [&](int64_t r0, int64_t r1) {
      const int64_t i = r0 * kRun, n = std::min(r1 * kRun, d.size) - i;
      copy_run(in + i * d.in, d.in, out + i * d.out, d.out, n);
    });
  }
  while (l.rank < 2) l.dims[l.rank++] = {1, 0, 0};
  const Dim row = l.dims[0], rows = l.dims[1];
  int64_t count = 1;
  for (size_t d = 2; d < l.rank; ++d) count *= l.dims[d].size;
  // The second dim is cut too, so that a matrix with few outer combinations still spreads over threads.
  const int64_t step = std::max<int64_t>(1, 16384 / row.size);  // tuning
  const int64_t parts = (rows.size + step - 1) / step;
  par.loop(count * parts, static_cast<double>(std::min(step, rows.size) * row.size) * 0.3 + 5,
           [&](int64_t t0, int64_t t1) {
             for (int64_t t = t0; t < t1;) {
               Odometer at(l, 2, t / parts);
               for (; t < t1; ++t) {
                 const int64_t r0 = t % parts * step, r1 = std::min(r0 + step, rows.size);
                 const T* a = in + at.in + r0 * rows.in;
                 T* b = out + at.out + r0 * rows.out;
                 for (int64_t r = r0; r < r1; ++r, a += rows.in, b += rows.out)
                   copy_run(a, row.in, b, row.out, row.size);
                 if (t % parts == parts - 1) at.next();
               }
             }
           });
}

template <class T>
void transpose_tile(const T* in, int64_t ld_in, T* out, int64_t ld_out, int64_t rows, int64_t columns,
                    const KernelTable& table) {
  if constexpr (sizeof(T) == 4) {  // tuning: choice of path
    table.transpose_floats(reinterpret_cast<const float*>(in), ld_in, reinterpret_cast<float*>(out), ld_out, rows,
                           columns);
  } else {
    constexpr int64_t kBlock = sizeof(T) == 1 ? 32 : 16;
    for (int64_t i0 = 0; i0 < rows; i0 += kBlock)
      for (int64_t j0 = 0; j0 < columns; j0 += kBlock) {
        const int64_t i1 = std::min(i0 + kBlock, rows), j1 = std::min(j0 + kBlock, columns);
        for (int64_t j = j0; j < j1; ++j)
          for (int64_t i = i0; i < i1; ++i) out[j * ld_out + i] = in[i * ld_in + j];
      }
  }
}

// dims[0] is contiguous in out, dims[1] in in: matrices transposed in tiles.
template <class T>
void copy_tiles(const T* in, T* out, const Layout& l, const Parallel& par, const KernelTable& table) {
  const Dim across = l.dims[0], down = l.dims[1];  // rows of the input matrix are `across`
  int64_t count = 1;
  for (size_t d = 2; d < l.rank; ++d) count *= l.dims[d].size;
  const int64_t a = (across.size + kTile - 1) / kTile, each = a * ((down.size + kTile - 1) / kTile);
  const double cost = static_cast<double>(std::min(kTile, across.size) * std::min(kTile, down.size)) * 0.5;
  par.loop(count * each, cost, [&](int64_t t0, int64_t t1) {
    for (int64_t t = t0; t < t1;) {
      const Odometer at(l, 2, t / each);
      const int64_t end = std::min(t1, (t / each + 1) * each);
      for (; t < end; ++t) {
        const int64_t i = t % each % a * kTile, j = t % each / a * kTile;
        transpose_tile(in + at.in + i * across.in + j, across.in, out + at.out + j * down.out + i, down.out,
                       std::min(kTile, across.size - i), std::min(kTile, down.size - j), table);
      }
    }
  });
}

template <class T>
void copy(const void* in, void* out, Layout l, const Parallel& par, const KernelTable& table) {
  const T* a = static_cast<const T*>(in);
  T* b = static_cast<T*>(out);
  if (l.rank == 0) {
    *b = *a;
    return;
  }
  if (l.dims[0].out == 1 && l.dims[0].in != 1 && l.dims[0].in != 0)  // tuning: choice of path
    for (size_t d = 1; d < l.rank; ++d)
      if (l.dims[d].in == 1) {
        std::rotate(l.dims + 1, l.dims + d, l.dims + d + 1);
        return copy_tiles(a, b, l, par, table);
      }
  copy_rows(a, b, l, par);
}

}  // namespace

void copy_strided(const void* in, std::span<const int64_t> in_strides, void* out, std::span<const int64_t> out_strides,
                  std::span<const int64_t> dims, size_t elem, const Parallel& par, const KernelTable& table) {
  const bool typed = elem == 1 || elem == 2 || elem == 4 || elem == 8 || elem == 16;  // tuning: choice of path
  const int64_t scale = typed ? 1 : static_cast<int64_t>(elem);
  Layout l;
  if (!typed) l.add({scale, 1, 1});
  for (size_t d = dims.size(); d-- > 0;) l.add({dims[d], in_strides[d] * scale, out_strides[d] * scale});
  if (l.empty) return;
  switch (typed ? elem : 1) {
    case 1:
      return copy<uint8_t>(in, out, l, par, table);
    case 2:
      return copy<uint16_t>(in, out, l, par, table);
    case 4:
      return copy<uint32_t>(in, out, l, par, table);
    case 8:
      return copy<uint64_t>(in, out, l, par, table);
    default:
      return copy<Bytes16>(in, out, l, par, table);
  }
}

void transpose(const void* in, void* out, size_t elem, std::span<const int64_t> dims, std::span<const int64_t> perm,
               const Parallel& par, const KernelTable& table) {
  if (dims.size() > kMaxRank)
    fail(ErrorCode::kNotImplemented, "a transposition of rank {}: expected at most {}", dims.size(), kMaxRank);
  int64_t stride[kMaxRank], in_strides[kMaxRank], out_strides[kMaxRank], out_dims[kMaxRank];
  const size_t rank = dims.size();
  int64_t s = 1;
  for (size_t d = rank; d-- > 0; s *= dims[d]) stride[d] = s;
  s = 1;
  for (size_t d = rank; d-- > 0; s *= out_dims[d]) {
    out_dims[d] = dims[static_cast<size_t>(perm[d])];
    in_strides[d] = stride[static_cast<size_t>(perm[d])];
    out_strides[d] = s;
  }
  copy_strided(in, {in_strides, rank}, out, {out_strides, rank}, {out_dims, rank}, elem, par, table);
}

}  // namespace tenon::kernels
