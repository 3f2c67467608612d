// TopK: the k largest (or smallest) elements along `axis` and their indices; equal elements by ascending index.
#include <algorithm>

#include "ops/move.h"

namespace tenon::ops::top_k {
namespace {

void infer(InferContext& c) {
  std::optional<int64_t> k;
  if (c.since() < 10) {
    k = c.attrs().get_int("k", 0);
  } else {
    if (c.has_rank(1)) expect_equal(c, c.sym.product(c.dims(1)), 1, "number of elements of K");
    k = c.scalar_int(1);
  }
  if (k && !is_symbol(*k) && *k < 0) fail("k is {}, expected at least 0", *k);
  if (!c.has_rank(0)) {
    c.set_unranked(0, c.dtype(0));
    return c.set_unranked(1, DType::kInt64);
  }
  Dims d = c.dims(0);
  int64_t& n = d[static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", -1), d.size()))];
  if (k && !is_symbol(*k) && !is_symbol(n) && *k > n) fail("k is {}, but the axis has {} elements", *k, n);
  n = k ? *k : c.fresh();
  c.set(0, c.dtype(0), d);
  c.set(1, DType::kInt64, std::move(d));
}

/// What is compared: NaN counts as the largest value, so the order is total.
template <class T>
bool less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
  return a < b;
}
template <class T>
auto key(T x) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return to_float(x);
  } else {
    return x;
  }
}

/// Indices of the k first elements of a strided row of n, in order.
template <class T>
void select(const T* row, int64_t n, int64_t stride, int64_t k, bool largest, int64_t* best, Poll& poll) {
  const auto before = [&](int64_t a, int64_t b) {
    const auto x = key(row[a * stride]), y = key(row[b * stride]);
    if (largest ? less(y, x) : less(x, y)) return true;
    if (largest ? less(x, y) : less(y, x)) return false;
    return a < b;
  };
  const auto in_heap = [&](int64_t a, int64_t b) {
    poll(10);
    return before(a, b);
  };
  constexpr int64_t kPart = 1 << 18;
  for (int64_t i = 0; i < k; ++i) best[i] = i;
  std::make_heap(best, best + k, in_heap);  // the worst of the best is on top
  for (int64_t part = k; part < n; part += kPart) {
    for (int64_t i = part; i < std::min(n, part + kPart); ++i) {
      if (!before(i, best[0])) continue;
      std::pop_heap(best, best + k, in_heap);
      best[k - 1] = i;
      std::push_heap(best, best + k, in_heap);
    }
    poll(2 * kPart);
  }
  std::sort_heap(best, best + k, in_heap);
}

struct TopK final : Kernel {
  explicit TopK(const NodeInfo& info)
      : axis(info.attrs.get_int("axis", -1)), largest(info.attrs.get_int("largest", 1) != 0) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const auto a = static_cast<size_t>(resolve_axis(axis, x.rank));
    const bool values = c.has_output(0), indices = c.has_output(1);
    if (!values && !indices) return;
    const int64_t k = c.output(values ? 0 : 1).dim[a], n = x.dim[a];
    const int64_t inner = extent(x.dims(), a + 1, x.rank), rows = extent(x.dims(), 0, a) * inner;
    if (k == 0 || rows == 0) return;
    auto* all = c.scratch<int64_t>(rows * k);
    visit<Join<NumericTypes, TypeList<Half, BFloat16>>>(x.dtype, [&]<class T>() {
      c.par.loop(rows, static_cast<double>(n) * 2 + static_cast<double>(k) * 20, [&](int64_t begin, int64_t end) {
        Poll poll(c.par.cancel);
        for (int64_t r = begin; r < end; ++r) {
          const T* row = x.as<T>() + r / inner * n * inner + r % inner;
          int64_t* best = all + r * k;
          select(row, n, inner, k, largest, best, poll);
          const int64_t to = r / inner * k * inner + r % inner;
          for (int64_t i = 0; i < k; ++i) {
            if (values) c.output(0).out<T>()[to + i * inner] = row[best[i] * inner];
            if (indices) c.output(1).out<int64_t>()[to + i * inner] = best[i];
          }
        }
      });
    });
  }
  int64_t axis;
  bool largest;
};

constexpr AttrDef kAttrs1[] = {int_attr("axis", -1), required_attr("k", AttrKind::kInt)};
constexpr AttrDef kAttrs10[] = {int_attr("axis", -1)};
constexpr AttrDef kAttrs11[] = {int_attr("axis", -1), int_attr("largest", 1), int_attr("sorted", 1)};
struct OldPorts {
  static constexpr Port kIn[] = {{"X", kOldFloatSet}}, kOut[] = {{"Values", kOldFloatSet}, {"Indices", kInt64Set, "I"}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}, {"K", kInt64Set, ""}}, kOut[] = {{"Values", T}, {"Indices", kInt64Set, "I"}};
};
constexpr OpDef kRow = {.name = "TopK", .attrs = kAttrs11, .infer = infer, .make = make<TopK>};
constexpr OpDef kOps[] = {row_of<OldPorts>(kRow, 1, 9, kAttrs1), row_of<Ports<kOldFloatSet>>(kRow, 10, 10, kAttrs10),
                          row_of<Ports<kOldNumericSet>>(kRow, 11, 23), row_of<Ports<kNumericSet>>(kRow, 24, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::top_k
