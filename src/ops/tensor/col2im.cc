// Col2Im: blocks, each a column of the input, added up at their places in an image.
#include <algorithm>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/map.h"
#include "ops/move.h"
#include "ops/staging.h"
#include "ops/window.h"

namespace tenon::ops::col2im {
namespace {

enum In : size_t { kColumns, kImage, kBlock };

/// Number of image axes, from whatever says it.
std::optional<size_t> image_axes(InferContext& c) {
  for (size_t i : {size_t{kImage}, size_t{kBlock}})
    if (const auto n = int_count(c, i)) return n;
  for (const auto& [name, per_axis] :
       {std::pair("strides", size_t{1}), std::pair("dilations", size_t{1}), std::pair("pads", size_t{2})})
    if (const size_t n = c.attrs().get_ints(name).size()) return n / per_axis;
  return std::nullopt;
}

void infer(InferContext& c) {
  expect_rank(c, kColumns, 3);
  expect_rank(c, kImage, 1);
  expect_rank(c, kBlock, 1);
  const std::optional<size_t> axes = image_axes(c);
  const auto image = c.ints(kImage), block = c.ints(kBlock);
  if (!axes) return c.set_unranked(0, c.dtype(kColumns));
  if (*axes == 0) fail("image_shape is empty, expected at least one dim");
  if (image && image->size() != *axes) fail("image_shape has {} entries, expected {}", image->size(), *axes);
  for (size_t i = 0; image && i < *axes; ++i)
    if (!is_symbol((*image)[i]) && (*image)[i] < 0) fail("image_shape[{}] is {}, expected at least 0", i, (*image)[i]);
  const Dims x = c.has_rank(kColumns) ? c.dims(kColumns) : fresh_dims(c, 3);
  Dims out{x[0], c.fresh()};
  int64_t blocks = 1, taps = 1;
  if (block) {
    const Window w(c.attrs(), *axes, *block);
    for (int64_t b : *block) {
      if (!is_symbol(b) && b < 1) fail("block_shape has an entry {}, expected at least 1", b);
      taps = c.sym.mul(taps, b);
    }
    out[1] = c.sym.floor_div(x[1], taps);
    if (!is_symbol(x[1]) && !is_symbol(taps) && x[1] % taps != 0)
      fail("the input has {} rows, expected a multiple of the {} elements of a block", x[1], taps);
    for (size_t i = 0; image && i < *axes; ++i) blocks = c.sym.mul(blocks, w.out(c, i, (*image)[i]));
    if (image) expect_equal(c, x[2], blocks, "columns of the input and blocks in the image");
  }
  for (size_t i = 0; i < *axes; ++i) out.push_back(image ? (*image)[i] : c.fresh());
  limit_elements(out);
  c.set(0, c.dtype(kColumns), std::move(out));
}

/// Sums of truth values are "or", sums of strings join them.
template <class T>
void add(T& to, const T& v) {
  if constexpr (std::is_same_v<T, bool>)
    to = to || v;
  else if constexpr (std::is_integral_v<T>)
    to = static_cast<T>(static_cast<std::make_unsigned_t<T>>(to) + static_cast<std::make_unsigned_t<T>>(v));
  else
    to += v;
}

struct Col2Im final : Kernel {
  explicit Col2Im(const NodeInfo& info) : attrs(info.attrs), table(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kColumns), &image = c.input(kImage), &shape = c.input(kBlock);
    Dims block;
    for (int64_t i = 0; i < shape.count; ++i) block.push_back(int_at(shape, i));
    const Window w(attrs, block.size(), block);
    const int64_t taps = element_count(block);
    Dims d{x.dim[0], x.dim[1] / taps}, grid;
    for (int64_t i = 0; i < image.count; ++i) {
      const auto k = static_cast<size_t>(i);
      d.push_back(int_at(image, i));
      const int64_t room = d.back() + w.begin[k] + w.end[k] - (block[k] - 1) * w.dilation[k] - 1;
      grid.push_back(room < 0 ? 0 : room / w.stride[k] + 1);
    }
    if (element_count(grid) != x.dim[2])
      fail("the input has {} columns, expected {} as blocks in the image", x.dim[2], element_count(grid));
    const TensorRef& y = c.output(0, x.dtype, d);
    if (y.count == 0) return;
    if (is_half(x.dtype)) {
      const F32Result out(c, y, table);
      planes(c.par, w, grid, d, load_f32(c, x, table), out.data());
      return out.store(c);
    }
    using Types = Join<NumericTypes, TypeList<bool, std::string, std::complex<float>, std::complex<double>>>;
    visit<Types>(x.dtype, [&]<class T>() { planes(c.par, w, grid, d, x.as<T>(), y.out<T>()); });
  }

  template <class T>
  void planes(const Parallel& par, const Window& w, const Dims& grid, const Dims& d, const T* x, T* y) const {
    const size_t rank = grid.size(), last = rank - 1;
    [[maybe_unused]] const auto plus = kernels::binary_rows(kernels::Binary::kAdd, table).vv;
    const int64_t taps = element_count(w.kernel), blocks = element_count(grid), size = extent(d, 2, d.size());
    par.loop(d[0] * d[1], static_cast<double>(taps * blocks + size), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        T* image = y + plane * size;
        std::fill_n(image, size, T{});
        for (int64_t row = 0; blocks > 0 && row < taps * blocks / grid[last]; ++row) {
          // A row: the blocks that differ in their place along the last axis, at one element of the block.
          const int64_t tap = row / (blocks / grid[last]);
          int64_t flat = row % (blocks / grid[last]), element = tap / w.kernel[last], base = 0, step = d[last + 2];
          bool inside = true;
          for (size_t k = last; k-- > 0;) {
            const int64_t p = flat % grid[k] * w.stride[k] + element % w.kernel[k] * w.dilation[k] - w.begin[k];
            inside = inside && p >= 0 && p < d[k + 2];
            base += p * step;
            step *= d[k + 2];
            flat /= grid[k];
            element /= w.kernel[k];
          }
          if (!inside) continue;
          const T* from = x + (plane * taps * blocks) + row * grid[last];
          const int64_t shift = tap % w.kernel[last] * w.dilation[last] - w.begin[last], s = w.stride[last];
          const int64_t room = d[last + 2] - shift, first = shift >= 0 ? 0 : (-shift + s - 1) / s;
          const int64_t count = std::min(grid[last], room <= 0 ? 0 : (room + s - 1) / s) - first;
          if (count <= 0) continue;
          T* const to = image + base + shift + first * s;
          if constexpr (std::is_same_v<T, float>) {
            if (s == 1) {
              plus(to, from + first, to, count);
              continue;
            }
          }
          if (s == 1)
            each_element(count, [=](int64_t j) { add(to[j], from[first + j]); });
          else
            for (int64_t j = 0; j < count; ++j) add(to[j * s], from[first + j]);
        }
      }
    });
  }
  graph::Attrs attrs;
  const kernels::KernelTable& table;
};

constexpr AttrDef kAttrs[] = {optional_attr("dilations", AttrKind::kInts), optional_attr("pads", AttrKind::kInts),
                              optional_attr("strides", AttrKind::kInts)};
constexpr Port kIn[] = {{"input", kIr4Set}, {"image_shape", kInt64Set, ""}, {"block_shape", kInt64Set, ""}};
constexpr Port kOut[] = {{"output", kIr4Set}};
constexpr OpDef kOps[] = {{.name = "Col2Im",
                           .since = 18,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Col2Im>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::col2im
