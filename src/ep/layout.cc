// The default list, and the conversion as a transposition of [n, channels, pixels].
#include "ep/layout.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "kernels/transpose.h"
#include "ops/infer.h"

namespace tenon::ep {
namespace layout {
namespace {

using graph::kNone;
using graph::Node;
using graph::ValueId;

struct Entry {
  std::string_view op;
  uint64_t operands, results;
};
/// Those that look at neighbouring pixels or at channels. Indices of MaxPool count plain elements and stay plain.
constexpr Entry kSensitive[] = {{"AveragePool", 1, 1},
                                {"BatchNormalization", 1, 1},
                                {"Conv", 1, 1},
                                {"ConvInteger", 1, 1},
                                {"ConvTranspose", 1, 1},
                                {"DepthToSpace", 1, 1},
                                {"FusedConv", 0b1001, 1},  // the addend, too
                                {"GlobalAveragePool", 1, 1},
                                {"GlobalLpPool", 1, 1},
                                {"GlobalMaxPool", 1, 1},
                                {"GridSample", 1, 1},
                                {"InstanceNormalization", 1, 1},
                                {"LRN", 1, 1},
                                {"LpPool", 1, 1},
                                {"MaxPool", 1, 1},
                                {"MaxUnpool", 1, 1},
                                {"QLinearAveragePool", 1, 1},
                                {"QLinearConv", 1, 1},
                                {"QLinearGlobalAveragePool", 1, 1},
                                {"Resize", 1, 1},
                                {"SpaceToDepth", 1, 1},
                                {"Upsample", 1, 1}};
constexpr std::string_view kElementwise[] = {
    "Abs",   "Acos",  "Acosh",     "Add",   "And",         "Asin",       "Asinh",     "Atan",
    "Atanh", "Cast",  "Ceil",      "Celu",  "Clip",        "Cos",        "Cosh",      "Div",
    "Elu",   "Equal", "Erf",       "Exp",   "Floor",       "Gelu",       "Greater",   "GreaterOrEqual",
    "IsNaN", "Less",  "LeakyRelu", "Log",   "HardSigmoid", "Max",        "HardSwish", "LessOrEqual",
    "Mean",  "Min",   "Mish",      "Mod",   "Mul",         "Neg",        "Not",       "Or",
    "PRelu", "Pow",   "Relu",      "Round", "QuickGelu",   "Selu",       "Sigmoid",   "Sign",
    "Sin",   "Sinh",  "Softplus",  "Sqrt",  "Sub",         "Reciprocal", "Sum",       "Softsign",
    "Tan",   "Tanh",  "Where",     "Xor",   "Swish",       "Shrink"};
/// Their attributes and operands name axes of the dims, which a layout does not change.
constexpr std::string_view kEither[] = {"Concat",    "Pad",        "ReduceMax", "ReduceMean",
                                        "ReduceMin", "ReduceProd", "ReduceSum", "Split"};
constexpr size_t kMost = 64;  // bits of a mask

bool has_layouts(const graph::Graph& g, ValueId v) {
  if (v == kNone) return false;
  const ValueType& t = g.type(v);
  return t.is_tensor() && t.has_rank && t.dims.size() >= 3 && t.elem != DType::kUndefined && t.elem != DType::kString &&
         storage_bytes(t.elem, 1) * 2 == storage_bytes(t.elem, 2);
}

/// The bits of those values in `mask` that can have a layout.
uint64_t possible(const graph::Graph& g, std::span<const ValueId> values, uint64_t mask) {
  uint64_t out = 0;
  for (size_t i = 0; i < values.size(); ++i)
    if ((mask >> i & 1) != 0 && has_layouts(g, values[i]) && !g.is_constant(values[i])) out |= uint64_t{1} << i;
  return out;
}

/// Operands of another rank than the result's are broadcast: they stay plain.
uint64_t of_rank(const graph::Graph& g, std::span<const ValueId> values, size_t rank) {
  uint64_t out = 0;
  for (size_t i = 0; i < values.size(); ++i)
    if (has_layouts(g, values[i]) && g.type(values[i]).dims.size() == rank) out |= uint64_t{1} << i;
  return out;
}

struct Convert final : ops::Kernel {
  explicit Convert(const ops::NodeInfo& info) : was(info.inputs[0]->layout), becomes(info.outputs[0]->layout) {}
  void run(ops::KernelContext& c) const override {
    const ops::TensorRef& x = c.input(0);
    convert_layout(x, was, c.output(0, x.dtype, x.dims()), becomes, c.par);
  }
  Layout was, becomes;
};

constexpr graph::Port kPorts[] = {{"value", kAllSet}};

}  // namespace
}  // namespace layout

LayoutFit LayoutChoice::fit(const graph::Graph& g, graph::NodeId n) const { return default_layout_fit(g, n); }

bool is_elementwise(const graph::Node& n) {
  return std::ranges::find(layout::kElementwise, n.op) != std::end(layout::kElementwise);
}

LayoutFit default_layout_fit(const graph::Graph& g, graph::NodeId id) {
  const graph::Node& n = g.node(id);
  const bool known = n.domain.empty() || n.domain == "com.microsoft" || n.domain == "ai.tenon";
  if (!known || !n.regions.empty() || n.inputs.size() > layout::kMost || n.outputs.size() > layout::kMost ||
      n.outputs.empty() || n.attrs.get_int("channels_last", 0) != 0)  // its very dims are channels-last
    return {};
  const auto at = std::ranges::find(layout::kSensitive, n.op, &layout::Entry::op);
  if (at != std::end(layout::kSensitive)) {
    const LayoutFit fit{LayoutFit::kWanted, layout::possible(g, n.inputs, at->operands),
                        layout::possible(g, n.outputs, at->results)};
    return (fit.operands & 1) != 0 && fit.results ? fit : LayoutFit{};
  }
  const bool listed = std::ranges::find(layout::kEither, n.op) != std::end(layout::kEither);
  if ((!listed && !is_elementwise(n)) || !layout::has_layouts(g, n.outputs[0])) return {};
  const size_t rank = g.type(n.outputs[0]).dims.size();
  const LayoutFit fit{
      LayoutFit::kEither,
      layout::possible(g, n.inputs, listed && n.op != "Concat" ? 1 : layout::of_rank(g, n.inputs, rank)),
      layout::possible(g, n.outputs, layout::of_rank(g, n.outputs, rank))};
  const bool keeps_rank = n.inputs[0] != graph::kNone && g.type(n.inputs[0]).dims.size() == rank;
  return fit.operands && (!listed || keeps_rank) ? fit : LayoutFit{};
}

void convert_layout(const ops::TensorRef& from, Layout was, const ops::TensorRef& to, Layout becomes,
                    const Parallel& par) {
  const auto known = [](Layout l) { return l == Layout::kPlain || l == Layout::kNhwc; };
  if (!known(was) || !known(becomes) || from.rank < 2)
    fail(ErrorCode::kEngineError, "a value of rank {} cannot change between layouts {} and {}", from.rank,
         static_cast<int>(was), static_cast<int>(becomes));
  if (!from.count) return;
  const int64_t n = from.dim[0], channels = from.dim[1], pixels = from.count / (n * channels);
  std::array<int64_t, 3> dims = {n, channels, pixels}, perm = {0, 2, 1};
  if (was == Layout::kNhwc) std::swap(dims[1], dims[2]);
  if (was == becomes) perm = {0, 1, 2};
  kernels::transpose(from.data, to.data, storage_bytes(from.dtype, 1), dims, perm, par);
}

const graph::OpDef kConvertLayout = {.name = "ConvertLayout",
                                     .domain = "ai.tenon",
                                     .inputs = layout::kPorts,
                                     .outputs = layout::kPorts,
                                     .infer = ops::infer_same,
                                     .make = ops::make<layout::Convert>};

}  // namespace tenon::ep
