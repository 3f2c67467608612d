// Scan: iterates the body over slices of its last num_scan_inputs inputs; states, then stacked outputs.
#include "ops/carried.h"
#include "ops/move.h"

namespace tenon::ops::scan {
namespace {

int64_t entry(std::span<const int64_t> list, size_t i) { return i < list.size() ? list[i] : 0; }

/// Number of scan inputs, checked against the `available` inputs.
size_t scan_count(InferContext& c, size_t available) {
  const int64_t n = c.attrs().get_int("num_scan_inputs", 0);
  if (n < 1 || n > static_cast<int64_t>(available))
    fail("num_scan_inputs is {}, but the node has {} states and scan inputs", n, available);
  return static_cast<size_t>(n);
}
void check_list(InferContext& c, const char* name, size_t n) {
  if (c.attrs().has(name) && c.attrs().get_ints(name).size() != n)
    fail("{} has {} entries, expected {}", name, c.attrs().get_ints(name).size(), n);
}
/// The one of two dims that says more; an error when they are different integers.
int64_t agreed(InferContext& c, std::optional<int64_t> a, int64_t b, const char* what) {
  if (!a) return b;
  expect_equal(c, *a, b, what);
  return is_symbol(*a) ? b : *a;
}
void require_tensor(const ValueType& t) {
  if (!t.is_tensor()) fail(ErrorCode::kInvalidGraph, "Scan takes tensors only");
}

/// States keep their shape from step to step: dims that differ before and after are the one that says more.
void settle(std::span<const ValueType> initial, std::span<const ValueType> results, std::vector<ValueType>& carried) {
  for (size_t k = 0; k < carried.size(); ++k) {
    Dims& d = carried[k].dims;
    if (initial[k].dims.size() != d.size() || results[k].dims.size() != d.size()) continue;
    for (size_t i = 0; i < d.size(); ++i) {
      const int64_t a = initial[k].dims[i], b = results[k].dims[i];
      if (is_symbol(a) || is_symbol(b)) d[i] = is_symbol(b) ? a : b;
    }
  }
}

void infer(InferContext& c) {
  const size_t scans = scan_count(c, c.num_inputs()), n = c.num_inputs() - scans;
  check_list(c, "scan_input_axes", scans);
  check_list(c, "scan_input_directions", scans);
  std::vector<ValueType> carried, slices, results;
  for (size_t k = 0; k < n; ++k) carried.push_back(c.type(k));
  std::optional<int64_t> length;
  for (size_t k = 0; k < scans; ++k) {
    ValueType t = c.type(n + k);
    require_tensor(t);
    if (t.has_rank) {
      const auto axis =
          static_cast<size_t>(resolve_axis(entry(c.attrs().get_ints("scan_input_axes"), k), t.dims.size()));
      length = agreed(c, length, t.dims[axis], "lengths of scan inputs");
      t.dims.erase(axis);
    }
    slices.push_back(std::move(t));
  }
  const std::vector<ValueType> initial = carried;
  if (!infer_carried(c, {}, carried, slices, 0, &results)) return set_known_outputs(c);
  settle(initial, results, carried);
  if (c.num_outputs() > results.size())
    fail(ErrorCode::kInvalidGraph, "the node has {} outputs, its body {}", c.num_outputs(), results.size());
  check_list(c, "scan_output_axes", results.size() - n);
  check_list(c, "scan_output_directions", results.size() - n);
  for (size_t k = 0; k < n; ++k) c.set_type(k, carried[k]);
  if (!length) length = c.fresh();
  for (size_t j = n; j < results.size(); ++j) {
    ValueType t = results[j];
    require_tensor(t);
    if (t.has_rank) {
      const int64_t axis = resolve_axis(entry(c.attrs().get_ints("scan_output_axes"), j - n), t.dims.size() + 1);
      t.dims.insert(static_cast<size_t>(axis), *length);
    }
    c.set_type(j, std::move(t));
  }
}

/// Opset 8: every operand has a batch dim in front, the scanned axis is 1, operand 0 holds optional lengths.
void infer_batched(InferContext& c) {
  const size_t scans = scan_count(c, c.num_inputs() - 1), n = c.num_inputs() - 1 - scans;
  check_list(c, "directions", scans);
  std::vector<ValueType> carried, slices, results;
  std::optional<int64_t> batch, length;
  for (size_t k = 0; k < n + scans; ++k) {
    ValueType t = c.type(1 + k);
    require_tensor(t);
    const size_t cut = k < n ? 1 : 2;
    if (t.has_rank) {
      if (t.dims.size() < cut) fail("input {} has rank {}, expected at least {}", 1 + k, t.dims.size(), cut);
      batch = agreed(c, batch, t.dims[0], "batch dims");
      if (cut == 2) length = agreed(c, length, t.dims[1], "lengths of scan inputs");
      t.dims = Dims(std::span<const int64_t>(t.dims).subspan(cut));
    }
    (k < n ? carried : slices).push_back(std::move(t));
  }
  const std::vector<ValueType> initial = carried;
  if (!infer_carried(c, {}, carried, slices, 0, &results)) return set_known_outputs(c);
  settle(initial, results, carried);
  if (!batch) batch = c.fresh();
  if (!length) length = c.fresh();
  for (size_t j = 0; j < results.size(); ++j) {
    ValueType t = j < n ? carried[j] : results[j];
    require_tensor(t);
    if (t.has_rank && j >= n) t.dims.insert(0, *length);
    if (t.has_rank) t.dims.insert(0, *batch);
    c.set_type(j, std::move(t));
  }
}

constexpr AttrDef kAttrs8[] = {required_attr("body", AttrKind::kGraph),
                               required_attr("num_scan_inputs", AttrKind::kInt),
                               optional_attr("directions", AttrKind::kInts)};
constexpr AttrDef kAttrs9[] = {required_attr("body", AttrKind::kGraph),
                               required_attr("num_scan_inputs", AttrKind::kInt),
                               optional_attr("scan_input_axes", AttrKind::kInts),
                               optional_attr("scan_input_directions", AttrKind::kInts),
                               optional_attr("scan_output_axes", AttrKind::kInts),
                               optional_attr("scan_output_directions", AttrKind::kInts)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"initial_state_and_scan_inputs", T, "V", PortUse::kVariadic, kTensors, true}};
  static constexpr Port kOut[] = {{"final_state_and_scan_outputs", T, "V", PortUse::kVariadic, kTensors, true}};
};
constexpr Port kIn8[] = {{"sequence_lens", kInt64Set, "I", PortUse::kOptional}, Ports<kIr3Set>::kIn[0]};
constexpr OpDef kRow8 = {.name = "Scan",
                         .since = 8,
                         .until = 8,
                         .inputs = kIn8,
                         .outputs = Ports<kIr3Set>::kOut,
                         .attrs = kAttrs8,
                         .infer = infer_batched,
                         .lowering = Lowering::kScan};
constexpr OpDef kRow = {.name = "Scan", .attrs = kAttrs9, .infer = infer, .lowering = Lowering::kScan};
constexpr auto kOps = joined(std::array{kRow8, row_of<Ports<kIr3Set>>(kRow, 9, 10),
                                        row_of<Ports<kIr3Set>>(kRow, 11, 15), row_of<Ports<kIr4Set>>(kRow, 16, 18)},
                             rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::scan
