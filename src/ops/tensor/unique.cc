// Unique: distinct elements (or subtensors along `axis`), their first positions, the way back, and their counts.
#include <numeric>

#include "ops/move.h"

namespace tenon::ops::unique {
namespace {

using Types =
    Join<NumericTypes, TypeList<bool, Half, BFloat16, std::string, std::complex<float>, std::complex<double>>>;

void infer(InferContext& c) {
  const int64_t n = c.fresh();
  int64_t items;
  if (!c.has_rank(0)) {
    c.attrs().has("axis") ? c.set_unranked(0, c.dtype(0)) : c.set(0, c.dtype(0), {n});
    items = c.fresh();
  } else if (!c.attrs().has("axis")) {
    c.set(0, c.dtype(0), {n});
    items = c.sym.product(c.dims(0));
  } else {
    Dims d = c.dims(0);
    int64_t& dim = d[static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), d.size()))];
    items = dim;
    dim = n;
    c.set(0, c.dtype(0), std::move(d));
  }
  c.set(1, DType::kInt64, {n});
  c.set(2, DType::kInt64, {items});
  c.set(3, DType::kInt64, {n});
}
/// com.microsoft: x is 1-D, the results are y, inverse indices and counts.
void infer_microsoft(InferContext& c) {
  expect_rank(c, 0, 1);
  const int64_t n = c.fresh();
  c.set(0, c.dtype(0), {n});
  c.set(1, DType::kInt64, {c.has_rank(0) ? c.dims(0)[0] : c.fresh()});
  c.set(2, DType::kInt64, {n});
}

/// -1, 0, 1 in a total order: NaN is the largest value and equal to itself.
template <class T>
int compare(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return compare(to_float(a), to_float(b));
  } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    const int real = compare(a.real(), b.real());
    return real ? real : compare(a.imag(), b.imag());
  } else {
    if (a < b) return -1;
    if (b < a) return 1;
    return a == b ? 0 : (a != a) - (b != b);
  }
}

/// Which results the outputs are; SIZE_MAX: none.
struct Outputs {
  size_t first, inverse, counts;
};

struct Unique final : Kernel {
  explicit Unique(const NodeInfo& info, bool in_order = true, Outputs outputs = {1, 2, 3})
      : has_axis(info.attrs.has("axis")),
        axis(info.attrs.get_int("axis", 0)),
        sorted(in_order && info.attrs.get_int("sorted", 1) != 0),
        out(outputs) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const auto a = has_axis ? static_cast<size_t>(resolve_axis(axis, x.rank)) : 0;
    const int64_t n = has_axis ? x.dim[a] : x.count, inner = has_axis ? extent(x.dims(), a + 1, x.rank) : 1;
    const int64_t outer = has_axis ? extent(x.dims(), 0, a) : 1;
    auto* order = c.scratch<int64_t>(n);   // items, equal ones next to each other, first positions ascending
    auto* first = c.scratch<int64_t>(n);   // per group: its first item
    auto* group = c.scratch<int64_t>(n);   // per item: its group
    auto* counts = c.scratch<int64_t>(n);  // per group
    std::iota(order, order + n, 0);
    int64_t groups = 0;
    Poll poll(c.par.cancel);
    visit<Types>(x.dtype, [&]<class T>() {
      const auto compare_items = [&](int64_t i, int64_t j) {
        poll(10 + outer * inner);
        for (int64_t o = 0; o < outer; ++o)
          for (int64_t k = 0; k < inner; ++k)
            if (const int r = compare(x.as<T>()[(o * n + i) * inner + k], x.as<T>()[(o * n + j) * inner + k])) return r;
        return 0;
      };
      std::sort(order, order + n, [&](int64_t i, int64_t j) {
        const int r = compare_items(i, j);
        return r ? r < 0 : i < j;
      });
      for (int64_t i = 0; i < n; ++i) {
        if (i == 0 || compare_items(order[i - 1], order[i]) != 0) {
          first[groups] = order[i];
          counts[groups++] = 0;
        }
        ++counts[groups - 1];
        group[order[i]] = groups - 1;
      }
    });
    auto* place = order;  // per group: its position in the output
    std::iota(place, place + groups, 0);
    auto* by_place = c.scratch<int64_t>(groups);
    std::iota(by_place, by_place + groups, 0);
    if (!sorted)
      std::sort(by_place, by_place + groups, [&](int64_t g, int64_t h) {
        poll(10);
        return first[g] < first[h];
      });
    for (int64_t p = 0; p < groups; ++p) place[by_place[p]] = p;

    if (c.has_output(0)) {
      Dims dims = has_axis ? Dims(x.dims()) : Dims{groups};
      dims[a] = groups;
      const TensorRef& y = c.output(0, x.dtype, dims);
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t p = 0; p < groups; ++p)
          copy_elements({}, x.dtype, element(x.data, x.dtype, (o * n + first[by_place[p]]) * inner),
                        element(y.data, x.dtype, (o * groups + p) * inner), inner);
    }
    const auto write = [&](size_t j, int64_t count, auto value) {
      if (!c.has_output(j)) return;
      auto* to = c.output(j, DType::kInt64, {&count, 1}).template out<int64_t>();
      for (int64_t i = 0; i < count; ++i) to[i] = value(i);
    };
    write(out.first, groups, [&](int64_t p) { return first[by_place[p]]; });
    write(out.inverse, n, [&](int64_t i) { return place[group[i]]; });
    write(out.counts, groups, [&](int64_t p) { return counts[by_place[p]]; });
  }
  bool has_axis;
  int64_t axis;
  bool sorted;
  Outputs out;
};
std::unique_ptr<const Kernel> make_microsoft(const NodeInfo& n) {
  return std::make_unique<const Unique>(n, false, Outputs{SIZE_MAX, 1, 2});
}

constexpr AttrDef kAttrs[] = {optional_attr("axis", AttrKind::kInt), int_attr("sorted", 1)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}}, kOut[] = {{"Y", T},
                                                      {"indices", kInt64Set, "", PortUse::kOptional},
                                                      {"inverse_indices", kInt64Set, "", PortUse::kOptional},
                                                      {"counts", kInt64Set, "", PortUse::kOptional}};
};
struct MicrosoftPorts {
  static constexpr Port kIn[] = {{"x", kIr3Set}};
  static constexpr Port kOut[] = {{"y", kIr3Set}, {"idx", kInt64Set, ""}, {"counts", kInt64Set, ""}};
};
constexpr OpDef kMicrosoft = {
    .name = "Unique", .domain = "com.microsoft", .infer = infer_microsoft, .make = make_microsoft};
constexpr OpDef kRow = {.name = "Unique", .attrs = kAttrs, .infer = infer, .make = make<Unique>};
constexpr OpDef kOps[] = {row_of<MicrosoftPorts>(kMicrosoft, 1, 0), row_of<Ports<kIr3Set>>(kRow, 11, 27),
                          row_of<Ports<kIr4Set>>(kRow, 28, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::unique
