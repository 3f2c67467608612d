// Split: slices of the input along `axis`, of given or equal sizes.
#include "ops/move.h"

namespace tenon::ops::split {
namespace {

/// Sizes when they are not given: num_outputs (opset 18) rounds up, the last one that the dim reaches gets the rest and
/// those behind it nothing; before that the dim must divide.
std::vector<int64_t> even_sizes(Symbols& sym, int64_t dim, size_t n, bool round_up) {
  const auto count = static_cast<int64_t>(n);
  if (!round_up && !is_symbol(dim) && dim % count != 0) fail("dim {} does not split into {} equal parts", dim, n);
  const int64_t part = round_up ? sym.ceil_div(dim, count) : sym.floor_div(dim, count);
  std::vector<int64_t> sizes(n, part);
  for (int64_t j = 1; round_up && j < count; ++j)
    sizes[static_cast<size_t>(j)] =
        count == 2 ? sym.sub(dim, part) : sym.min(part, sym.max(0, sym.sub(dim, sym.mul(part, j))));
  return sizes;
}

std::optional<std::vector<int64_t>> given_sizes(InferContext& c, bool* given) {
  IntsArg split = ints_arg(c, 1, "split");
  *given = split.present;
  if (split.present && !split.values && is_float(c.dtype(1)))  // opset 1
    if (const auto f = c.floats(1)) split.values.emplace(f->begin(), f->end());
  return split.values;
}

void infer(InferContext& c) {
  const size_t n = c.num_outputs();
  const DType t = c.dtype(0);
  const int64_t wanted = c.attrs().get_int("num_outputs", static_cast<int64_t>(n));
  if (wanted != static_cast<int64_t>(n)) fail("num_outputs is {}, but the node has {} outputs", wanted, n);
  bool given = false;
  std::optional<std::vector<int64_t>> sizes = given_sizes(c, &given);
  if (!c.has_rank(0)) {
    for (size_t j = 0; j < n; ++j) c.set_unranked(j, t);
    return;
  }
  const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), c.rank(0)));
  const int64_t dim = c.dims(0)[axis];
  if (sizes) {
    if (sizes->size() != n) fail("split has {} sizes, but the node has {} outputs", sizes->size(), n);
    int64_t sum = 0;
    for (int64_t s : *sizes) {
      if (!is_symbol(s) && s < 0) fail("split size {} is negative", s);
      sum = c.sym.add(sum, s);
    }
    if (differ(sum, dim)) fail("split sizes add up to {}, dim {} is {}", sum, axis, dim);
  } else if (!given) {
    sizes = even_sizes(c.sym, dim, n, c.since() >= 18);
  }
  const auto ints = contains(kIntSet, t) && c.rank(0) == 1 ? c.data_ints(0) : std::nullopt;
  size_t at = 0;
  for (size_t j = 0; j < n; ++j) {
    Dims d = c.dims(0);
    d[axis] = sizes ? (*sizes)[j] : c.fresh();
    if (ints && !is_symbol(d[axis]) && at + static_cast<size_t>(d[axis]) <= ints->size()) {
      const auto first = ints->begin() + static_cast<std::ptrdiff_t>(at);
      c.set_ints(j, {first, first + d[axis]});
      at += static_cast<size_t>(d[axis]);
    } else {
      at = ints ? ints->size() + 1 : 0;  // positions are lost from here on
    }
    c.set(j, t, std::move(d));
  }
}

struct Split final : Kernel {
  explicit Split(const NodeInfo& info)
      : axis(info.attrs.get_int("axis", 0)), round_up(info.since >= 18), sizes(info, 1, "split") {}
  void run(KernelContext& c) const override {
    const TensorRef in = addressable(c, c.input(0));
    const auto k = static_cast<size_t>(resolve_axis(axis, in.rank));
    const int64_t outer = extent(in.dims(), 0, k), inner = extent(in.dims(), k + 1, in.rank), dim = in.dim[k];
    const auto count = static_cast<int64_t>(c.num_outputs());
    const int64_t part = round_up ? (dim + count - 1) / count : dim / count;
    int64_t at = 0;
    for (size_t j = 0; j < c.num_outputs(); ++j) {
      if (!c.has_output(j)) {  // its size is known from the operand or from the even split only
        at += sizes.present() ? number(c, static_cast<int64_t>(j)) : std::min(part, dim - at);
        continue;
      }
      const TensorRef& y = c.output(j);
      const TensorRef out = addressable_output(c, y);
      StridedCopy copy;
      copy.loop(outer, dim * inner, y.dim[k] * inner);
      copy.loop(y.dim[k] * inner, 1, 1);
      copy.run(c.par, in.dtype, element(in.data, in.dtype, at * inner), out.data);
      finish(out, y);
      at += y.dim[k];
    }
  }
  int64_t number(const KernelContext& c, int64_t j) const {
    return c.has_input(1) ? static_cast<int64_t>(number_at(c.input(1), j)) : sizes.at(c, j);
  }
  int64_t axis;
  bool round_up;
  IntsParam sizes;
};

constexpr AttrDef kAttrs1[] = {optional_attr("axis", AttrKind::kInt), optional_attr("split", AttrKind::kInts)};
constexpr AttrDef kAttrs2[] = {int_attr("axis", 0), optional_attr("split", AttrKind::kInts)};
constexpr AttrDef kAttrs13[] = {int_attr("axis", 0)};
constexpr AttrDef kAttrs18[] = {int_attr("axis", 0), optional_attr("num_outputs", AttrKind::kInt)};
struct Ports1 {
  static constexpr Port kIn[] = {{"input", kOldFloatSet}, {"split", kOldFloatSet, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"outputs...", kOldFloatSet, "T", PortUse::kVariadic}};
};
struct Ports2 {
  static constexpr Port kIn[] = {{"input", kIr3Set}}, kOut[] = {{"outputs", kIr3Set, "T", PortUse::kVariadic}};
};
struct Ports13 {
  static constexpr Port kIn[] = {{"input", kIr4Set}, {"split", kInt64Set, "", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"outputs", kIr4Set, "T", PortUse::kVariadic}};
};
constexpr OpDef kRow = {.name = "Split", .attrs = kAttrs2, .infer = infer, .make = make<Split>};
constexpr OpDef kOps[] = {row_of<Ports1>(kRow, 1, 1, kAttrs1), row_of<Ports2>(kRow, 2, 10),
                          row_of<Ports2>(kRow, 11, 12), row_of<Ports13>(kRow, 13, 17, kAttrs13),
                          row_of<Ports13>(kRow, 18, 0, kAttrs18)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::split
