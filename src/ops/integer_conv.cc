// Patches of X become the columns of a matrix, one group of one image at a time; the filters are its left factor.
#include "ops/integer_conv.h"

#include <algorithm>
#include <cstring>

#include "kernels/gemm_int8.h"
#include "ops/integer_product.h"
#include "ops/window.h"

namespace tenon::ops {
namespace {

struct Patches {
  std::span<const int64_t> in, out;
  const Window& window;
  Dims pad;
  int64_t in_size, out_size, kernel_size;

  /// Row of channel data `x` for kernel position k: one value per output position.
  void row(const uint8_t* x, int64_t k, uint8_t zero, uint8_t* to) const {
    const size_t rank = in.size(), last = rank - 1;
    int64_t shift[16], at[16] = {};
    for (size_t i = rank; i-- > 0;) {
      shift[i] = k % window.kernel[i] * window.dilation[i] - pad[i];
      k /= window.kernel[i];
    }
    const int64_t width = out[last], stride = window.stride[last];
    for (int64_t done = 0; done < out_size; done += width, to += width) {
      int64_t offset = 0;
      bool inside = true;
      for (size_t i = 0; i < last; ++i) {
        const int64_t p = at[i] * window.stride[i] + shift[i];
        inside = inside && p >= 0 && p < in[i];
        offset = offset * in[i] + p;
      }
      if (!inside) {
        std::memset(to, zero, static_cast<size_t>(width));
      } else {
        const uint8_t* from = x + offset * in[last];
        for (int64_t o = 0; o < width; ++o) {
          const int64_t p = o * stride + shift[last];
          to[o] = p >= 0 && p < in[last] ? from[p] : zero;
        }
      }
      for (size_t i = last; i-- > 0;) {
        if (++at[i] < out[i]) break;
        at[i] = 0;
      }
    }
  }
};

// One output channel per group: too thin for a matrix product.
void depthwise(const uint8_t* columns, bool x_signed, int32_t x_zero, const uint8_t* w, bool w_signed, int32_t w_zero,
               int64_t k, int64_t n, int32_t* acc) {
  std::fill_n(acc, n, 0);
  for (int64_t i = 0; i < k; ++i, columns += n) {
    const int32_t f = (w_signed ? static_cast<int8_t>(w[i]) : static_cast<int32_t>(w[i])) - w_zero;
    if (x_signed)
      for (int64_t j = 0; j < n; ++j) acc[j] += f * (static_cast<int8_t>(columns[j]) - x_zero);
    else
      for (int64_t j = 0; j < n; ++j) acc[j] += f * (static_cast<int32_t>(columns[j]) - x_zero);
  }
}

}  // namespace

IntegerConv::IntegerConv(const NodeInfo& info, Operands operands)
    : at_(operands),
      attrs_(info.attrs),
      groups_(info.attrs.get_int("group", 1)),
      table_(kernels::kernels_for(info.isa)) {}

void IntegerConv::run(KernelContext& c, FunctionRef<void(int32_t*, int64_t, int64_t, int64_t, int64_t)> fn) const {
  const TensorRef &x = c.input(at_.x), &w = c.input(at_.w), &y = c.output(0);
  if (y.count == 0) return;
  const size_t rank = x.rank - 2;
  const Window window(attrs_, rank, w.dims().subspan(2));
  Patches p{x.dims().subspan(2), y.dims().subspan(2), window, {}, 0, 0, 0};
  for (size_t i = 0; i < rank; ++i) p.pad.push_back(window.pad_begin(i, p.in[i], p.out[i]));
  p.in_size = extent(p.in, 0, rank);
  p.out_size = extent(p.out, 0, rank);
  p.kernel_size = extent(window.kernel, 0, rank);
  const int64_t channels = w.dim[1], filters = w.dim[0] / groups_, k = channels * p.kernel_size;
  const bool x_signed = x.dtype == DType::kInt8, w_signed = w.dtype == DType::kInt8;
  const int32_t x_zero = c.has_input(at_.x_zero) ? byte_at(c.input(at_.x_zero), 0) : 0;
  int32_t* w_zero = c.scratch<int32_t>(w.dim[0]);
  for (int64_t m = 0; m < w.dim[0]; ++m)
    w_zero[m] = !c.has_input(at_.w_zero) ? 0 : byte_at(c.input(at_.w_zero), c.input(at_.w_zero).count == 1 ? 0 : m);

  bool direct = p.kernel_size == 1 && p.in_size == p.out_size;  // a 1x1 kernel: X is the matrix
  for (size_t i = 0; i < rank; ++i) direct = direct && p.pad[i] == 0 && window.stride[i] == 1;
  uint8_t* columns = direct ? nullptr : c.scratch<uint8_t>(k * p.out_size);
  int32_t* acc = y.dtype == DType::kInt32 ? nullptr : c.scratch<int32_t>(filters * p.out_size);
  for (int64_t n = 0; n < x.dim[0]; ++n)
    for (int64_t g = 0; g < groups_; ++g) {
      const uint8_t* image = x.as<uint8_t>() + (n * groups_ + g) * channels * p.in_size;
      if (!direct)
        c.par.loop(k, 1.0 * static_cast<double>(p.out_size), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            p.row(image + i / p.kernel_size * p.in_size, i % p.kernel_size, static_cast<uint8_t>(x_zero),
                  columns + i * p.out_size);
        });
      int32_t* to = acc ? acc : y.out<int32_t>() + (n * groups_ + g) * filters * p.out_size;
      const uint8_t *left = w.as<uint8_t>() + g * filters * k, *right = direct ? image : columns;
      if (filters == 1) {
        depthwise(right, x_signed, x_zero, left, w_signed, w_zero[g], k, p.out_size, to);
      } else {
        kernels::GemmInt8Args a;
        a.m = filters, a.n = p.out_size, a.k = k;
        a.a = left, a.a_signed = w_signed, a.a_row = k, a.a_zero_rows = w_zero + g * filters;
        a.b = right, a.b_signed = x_signed, a.b_row = p.out_size, a.b_zero = x_zero;
        a.c = to, a.ldc = p.out_size;
        kernels::gemm_int8(a, c.par, table_);
      }
      fn(to, n, g * filters, filters, p.out_size);
    }
}

void infer_integer_conv(InferContext& c, IntegerConv::Operands at, DType out) {
  const int64_t groups = c.attrs().get_int("group", 1);
  if (groups < 1) fail("attribute group: {} found, expected at least 1", groups);
  if (!c.has_rank(at.x) || !c.has_rank(at.w)) return c.set_unranked(0, out);
  const Dims &x = c.dims(at.x), &w = c.dims(at.w);
  if (x.size() < 3 || x.size() > 18) fail("X has rank {}, expected 3 to 18", x.size());
  expect_rank(c, at.w, x.size());
  expect_equal(c, x[1], c.sym.mul(w[1], groups), "channels of X and W dim 1 times group");
  if (!is_symbol(w[0]) && w[0] % groups != 0)
    fail("W has {} output channels, expected a multiple of group = {}", w[0], groups);
  const auto check_zero = [&](size_t i, int64_t channels, const char* what) {
    if (!c.has_rank(i)) return;
    const int64_t n = c.sym.product(c.dims(i));
    if (differ(n, 1) && differ(n, channels)) fail("{} has {} elements", what, c.sym.to_string(n));
  };
  check_zero(at.x_zero, 1, "zero point of X");
  check_zero(at.w_zero, w[0], "zero point of W");
  Dims dims{x[0], w[0]};
  const Window window(c.attrs(), x.size() - 2, std::span(w).subspan(2));
  for (size_t i = 0; i + 2 < x.size(); ++i) dims.push_back(window.out(c, i, x[i + 2]));
  c.set(0, out, std::move(dims));
}

}  // namespace tenon::ops
