// MaxUnpool: zeros, with the values of X at the places in I that MaxPool took them from.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "ops/infer.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/window.h"

namespace tenon::ops::max_unpool {
namespace {

/// Dims of what MaxPool read, as far as kernel, strides and pads tell: (d - 1) stride + kernel - pads.
Dims pooled_from(const graph::Attrs& attrs, std::span<const int64_t> x, Symbols* sym) {
  const Window w(attrs, x.size() - 2);
  Dims out(x);
  for (size_t i = 0; i < w.axes(); ++i) {
    const int64_t rest = w.kernel[i] - w.begin[i] - w.end[i];
    int64_t& d = out[i + 2];
    if (sym)
      d = sym->add(sym->mul(sym->add(d, -1), w.stride[i]), rest);
    else
      d = (d > 0 ? checked_mul(d - 1, w.stride[i]) : -w.stride[i]) + rest;
    if (!is_symbol(d) && d < 0) fail("spatial dim {} of the result is {}, expected at least 0", i, d);
  }
  return out;
}

void infer(InferContext& c) {
  const DType t = c.dtype(0);
  if (!c.has_rank(0)) return c.set_unranked(0, t);
  const Dims& x = c.dims(0);
  if (x.size() < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", x.size());
  if (c.has_rank(1)) {
    expect_rank(c, 1, x.size());
    for (size_t i = 0; i < x.size(); ++i) expect_equal(c, x[i], c.dims(1)[i], "dims of X and I");
  }
  const Dims whole = pooled_from(c.attrs(), x, &c.sym);
  if (!c.has_input(2)) {
    limit_elements(whole);
    return c.set(0, t, whole);
  }
  expect_rank(c, 2, 1);
  if (c.has_rank(2))
    expect_equal(c, c.dims(2)[0], static_cast<int64_t>(x.size()), "entries of output_shape and dims of X");
  const auto shape = c.ints(2);
  if (!shape) return c.set(0, t, fresh_dims(c, x.size()));
  const Dims d{std::span<const int64_t>(*shape)};
  for (size_t i = 0; i < d.size(); ++i) {
    if (is_symbol(d[i])) continue;
    if (d[i] < 0) fail("output_shape[{}] is {}, expected at least 0", i, d[i]);
    if (i < 2) expect_equal(c, d[i], x[i], "batch and channels of output_shape and X");
  }
  limit_elements(d);
  c.set(0, t, d);
}

struct MaxUnpool final : Kernel {
  explicit MaxUnpool(const NodeInfo& info) : attrs(info.attrs) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &at = c.input(1);
    // Indices count places of the shape that the attributes tell; output_shape adds room behind it.
    const Dims whole = pooled_from(attrs, x.dims(), nullptr);
    Dims dims = whole;
    for (size_t i = 0; c.has_input(2) && i < dims.size(); ++i) dims[i] = int_at(c.input(2), static_cast<int64_t>(i));
    const TensorRef& y = c.output(0, x.dtype, dims);
    visit_size(x.dtype, [&]<class T>() {
      if constexpr (std::is_integral_v<T>) scatter(c.par, x.as<T>(), at.as<int64_t>(), x, whole, y);
    });
  }

  template <class T>
  static void scatter(const Parallel& par, const T* x, const int64_t* at, const TensorRef& in, const Dims& whole,
                      const TensorRef& y) {
    const int64_t planes = in.dim[0] * in.dim[1], count = element_count(whole);
    if (planes == 0) return;
    const int64_t from = in.count / planes, to = y.count / planes, numbered = count / planes;
    const bool same = std::ranges::equal(whole, y.dims());
    // Place in Y's plane of place i of the shape that indices count in.
    const auto place = [&](int64_t i) {
      if (same) return i;
      int64_t out = 0, step = 1;
      for (size_t k = whole.size(); k-- > 2;) {
        const int64_t p = i % whole[k];
        if (p >= y.dim[k]) fail("an index means {} along spatial dim {}, output_shape ends at {}", p, k - 2, y.dim[k]);
        out += p * step;
        step *= y.dim[k];
        i /= whole[k];
      }
      return out;
    };
    T* out = y.out<T>();
    std::atomic<bool> strays = false;
    const auto put = [&](int64_t begin, int64_t end, bool own) {
      for (int64_t p = begin; p < end; ++p)
        for (int64_t i = p * from; i < (p + 1) * from; ++i) {
          const int64_t a = at[i];
          if (const auto inside = static_cast<uint64_t>(a) - static_cast<uint64_t>(p * numbered);
              inside < static_cast<uint64_t>(numbered)) {
            out[p * to + place(static_cast<int64_t>(inside))] = x[i];
            continue;
          }
          if (a < 0 || a >= count) fail("I[{}] is {}, expected a value in [0, {}]", i, a, count - 1);
          if (own)
            strays = true;
          else
            out[a / numbered * to + place(a % numbered)] = x[i];
        }
    };
    par.loop(planes, static_cast<double>(from) * 3 + static_cast<double>(to) * 0.3, [&](int64_t begin, int64_t end) {
      std::memset(out + begin * to, 0, static_cast<size_t>((end - begin) * to) * sizeof(T));
      put(begin, end, true);
    });
    if (!strays) return;
    std::memset(out, 0, y.bytes());  // some indices leave their plane: in order, so that the last one counts
    put(0, planes, false);
  }
  graph::Attrs attrs;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {
      {"X", T, "T1"}, {"I", kInt64Set, "T2"}, {"output_shape", kInt64Set, "T2", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"output", T, "T1"}};
};
constexpr AttrDef kAttrs[] = {required_attr("kernel_shape", AttrKind::kInts), optional_attr("pads", AttrKind::kInts),
                              optional_attr("strides", AttrKind::kInts)};
constexpr OpDef kRow = {.name = "MaxUnpool", .attrs = kAttrs, .infer = infer, .make = make<MaxUnpool>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 9, 10), row_of<Ports<kOldFloatSet>>(kRow, 11, 21),
                          row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::max_unpool
