// Reshape: output = data with other dims; 0 keeps a dim of the input, -1 takes what is left.
#include <algorithm>

#include "ops/move.h"

namespace tenon::ops::reshape {
namespace {

/// in / out as dims, equal factors cancelled first so that symbols disappear.
int64_t quotient(InferContext& c, const Dims& in, const Dims& out) {
  std::vector<int64_t> a(in.begin(), in.end()), b;
  for (int64_t d : out) {
    const auto same = std::find(a.begin(), a.end(), d);
    if (same != a.end() && d != 0) {
      a.erase(same);
    } else {
      b.push_back(d);
    }
  }
  const int64_t n = c.sym.product(a), m = c.sym.product(b);
  if (m == 0) fail("-1 in the shape cannot be resolved: the other dims have product 0");
  if (!is_symbol(n) && !is_symbol(m) && n % m != 0)
    fail("shape {} cannot be reshaped: {} does not divide the remaining {} elements", to_string(in), m, n);
  return c.sym.floor_div(n, m);
}

/// Same element count, as far as integers tell.
void check_count(InferContext& c, const Dims& in, const Dims& out) {
  const int64_t n = c.sym.product(in), m = c.sym.product(out);
  if (differ(n, m)) fail("shape {} ({} elements) cannot be reshaped to {} ({})", to_string(in), n, to_string(out), m);
}

void infer(InferContext& c) {
  pass_ints(c);
  const IntsArg target = ints_arg(c, 1, "shape");
  if (!target.present && c.since() >= 5) c.type(1);  // raises the error of a missing operand
  if (!target.values) {
    const auto rank = int_count(c, 1);
    return rank ? c.set(0, c.dtype(0), fresh_dims(c, *rank)) : c.set_unranked(0, c.dtype(0));
  }
  const bool allow_zero = c.attrs().get_int("allowzero", 0) != 0, known = c.has_rank(0);
  Dims out, others;
  std::optional<size_t> rest;
  for (size_t i = 0; i < target.values->size(); ++i) {
    int64_t d = (*target.values)[i];
    if (d == -1) {
      if (rest) fail("shape has more than one -1: {}", to_string(*target.values));
      rest = i;
      out.push_back(d);
      continue;
    }
    if (d == 0 && !allow_zero) {
      if (known && i >= c.rank(0)) fail("shape[{}] is 0 (copy), but the input has rank {}", i, c.rank(0));
      d = known ? c.dims(0)[i] : c.fresh();
    } else if (is_symbol(d) && c.sym.is_unknown(d) && c.sym.lower_bound(d) < 0) {
      d = c.fresh();  // may turn out to be -1 or 0
    } else if (!is_symbol(d) && d < 0) {
      fail("shape[{}] is {}, expected at least -1", i, d);
    }
    out.push_back(d);
    others.push_back(d);
  }
  if (rest) {
    out[*rest] = known ? quotient(c, c.dims(0), others) : c.fresh();
  } else if (known) {
    check_count(c, c.dims(0), out);
  } else {
    limit_elements(out);
  }
  c.set(0, c.dtype(0), std::move(out));
}

constexpr AttrDef kAttrs1[] = {optional_attr("shape", AttrKind::kInts),
                               optional_attr("consumed_inputs", AttrKind::kInts)};
constexpr AttrDef kAttrs14[] = {int_attr("allowzero", 0)};
struct OldPorts {
  static constexpr Port kIn[] = {{"data", kOldFloatSet}}, kOut[] = {{"reshaped", kOldFloatSet}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"shape", kInt64Set, ""}}, kOut[] = {{"reshaped", T}};
};
constexpr OpDef kRow = {
    .name = "Reshape", .attrs = kAttrs14, .infer = infer, .make = make_copy, .lowering = Lowering::kView, .inplace = 1};
constexpr auto kOps = joined(std::array{row_of<OldPorts>(kRow, 1, 4, kAttrs1), row_of<Ports<kIr3Set>>(kRow, 5, 12, {}),
                                        row_of<Ports<kIr4Set>>(kRow, 13, 13, {}), row_of<Ports<kIr4Set>>(kRow, 14, 18)},
                             rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::reshape
