// FlexAttention: Y = mod_p(softmax(mod_s(scale Q K'))) V per head, where bodies may change scores and probabilities.
#include <cmath>

#include "graph/copy_nodes.h"
#include "ops/attention.h"
#include "ops/expand.h"
#include "ops/infer.h"
#include "ops/rows.h"

namespace tenon::ops::flex_attention {
namespace {

using attention::Heads;
using graph::ValueId;
enum In : size_t { kQ, kK, kV };

/// The type of scores and probabilities.
DType precision(const graph::Attrs& attrs, DType t) {
  return dtype_attr(attrs, "softmax_precision", kFloatSet, t == DType::kDouble ? t : DType::kFloat);
}

void infer(InferContext& c) {
  const DType inside = precision(c.attrs(), c.dtype(kQ));
  for (size_t i : {kQ, kK, kV}) expect_rank(c, i, 4);
  const auto dims = [&](size_t i) {
    return c.has_rank(i) ? c.dims(i) : Dims{c.fresh(), c.fresh(), c.fresh(), c.fresh()};
  };
  const Dims q = dims(kQ), k = dims(kK), v = dims(kV);
  expect_equal(c, q[0], k[0], "batch of Q and K");
  expect_equal(c, k[0], v[0], "batch of K and V");
  expect_equal(c, k[1], v[1], "heads of K and V");
  expect_equal(c, k[2], v[2], "length of K and V");
  expect_equal(c, q[3], k[3], "head size of Q and K");
  if (!is_symbol(q[1]) && !is_symbol(k[1]) && (k[1] == 0 || q[1] % k[1] != 0))
    fail("{} query heads, expected a multiple of the {} key heads", q[1], k[1]);
  const ValueType scores = ValueType::tensor(inside, {q[0], q[1], q[2], k[2]});
  for (size_t r = 0; r < c.node().regions.size(); ++r) {
    std::vector<ValueType> result;
    if (!c.infer_region(r, std::span(&scores, 1), &result)) continue;
    const std::string& name = c.node().region_names[r];
    if (result.size() != 1) fail(ErrorCode::kInvalidGraph, "{} has {} outputs, expected 1", name, result.size());
    const ValueType& t = result[0];
    bool same = t.is_tensor() && t.elem == inside && (!t.has_rank || t.dims.size() == 4);
    for (size_t i = 0; same && t.has_rank && i < 4; ++i) same = !differ(t.dims[i], scores.dims[i]);
    if (!same) fail(ErrorCode::kInvalidGraph, "{} gives {}, expected {}", name, to_string(t), to_string(scores));
  }
  c.set(0, c.dtype(kQ), {q[0], q[1], q[2], v[3]});
}

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info), scale_(info.attrs.get_float("scale", 0)), has_scale_(info.attrs.has("scale")) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef &q = c.input(kQ), &y = c.output(0);
    attention::Call<T> a{};
    a.batch = q.dim[0];
    a.q = Heads<T>::of(q, load_as<T>(c, q, table_), 0);
    a.k = Heads<T>::of(c.input(kK), load_as<T>(c, kK, table_), 0);
    a.v = Heads<T>::of(c.input(kV), load_as<T>(c, kV, table_), 0);
    a.scale = has_scale_ ? static_cast<T>(scale_) : T{1} / std::sqrt(static_cast<T>(a.q.width));
    a.out_row = a.v.width;
    a.out_head = a.q.length * a.v.width;
    a.out_batch = a.q.heads * a.out_head;
    const ResultAs<T> out(c, y, table_);
    if constexpr (std::is_same_v<T, float>)
      attention::run_fused(c.par, a, {}, out.data(), table_);
    else
      attention::run_plain(c, a, {}, out.data(), table_);
    out.store(c);
  }

 private:
  float scale_;
  bool has_scale_;
};

/// K or V with a head for every head of Q.
ValueId repeated(Expansion& e, ValueId q, ValueId kv) {
  const ValueType &tq = e.g.type(q), &tk = e.g.type(kv);
  if (tq.has_rank && tk.has_rank && tq.dims[1] == tk.dims[1]) return kv;
  const auto dim = [&](ValueId v, int64_t axis) { return e.op("Shape", {v}, {{"start", axis}, {"end", axis + 1}}); };
  const ValueId batch = dim(kv, 0), heads = dim(kv, 1), length = dim(kv, 2), width = dim(kv, 3), all = dim(q, 1);
  const graph::Attrs front{{"axis", int64_t{0}}};
  const ValueId wide = e.op("Concat", {batch, heads, e.op("Div", {all, heads}), length, width}, front);
  const ValueId copies = e.op("Expand", {e.op("Unsqueeze", {kv, e.ints({2})}), wide});
  return e.op("Reshape", {copies, e.op("Concat", {batch, all, length, width}, front)});
}

/// The square root of the scale, as a value of Q's type.
ValueId root_of_scale(Expansion& e, const graph::Node& n) {
  const ValueType& q = e.g.type(n.inputs[kQ]);
  if (n.attrs.has("scale")) return e.number(q.elem, std::sqrt(static_cast<double>(n.attrs.get_float("scale", 0))));
  if (q.has_rank && !is_symbol(q.dims[3])) return e.number(q.elem, std::pow(static_cast<double>(q.dims[3]), -0.25));
  const ValueId width = e.op("Squeeze", {e.op("Shape", {n.inputs[kQ]}, {{"start", int64_t{3}}, {"end", int64_t{4}}})});
  const ValueId root = e.op("Sqrt", {e.op("Sqrt", {e.cast(width, DType::kFloat)})});
  return e.cast(e.op("Reciprocal", {root}), q.elem);
}

ValueId modified(Expansion& e, const graph::Node& n, graph::NodeId id, const char* name, ValueId v) {
  for (size_t r = 0; r < n.regions.size(); ++r) {
    if (n.region_names[r] != name) continue;
    const graph::Region body = e.g.region(n.regions[r]);
    graph::ValueMap map{{body.args[0], v}};
    for (uint32_t i = 0; i < n.captures; ++i) map[body.args[1 + i]] = n.captured()[i];
    for (graph::NodeId made : graph::copy_nodes(e.g, n.regions[r], n.region, id, map)) e.settle(made);
    const auto copy = map.find(body.results[0]);
    return copy == map.end() ? body.results[0] : copy->second;
  }
  return v;
}

std::vector<ValueId> expand(graph::Graph& g, graph::NodeId id) {
  const graph::Node n = g.node(id);
  Expansion e(g, id);
  const DType t = g.type(n.inputs[kQ]).elem, inside = precision(n.attrs, t);
  const ValueId root = root_of_scale(e, n);
  const ValueId key = e.op("Mul", {repeated(e, n.inputs[kQ], n.inputs[kK]), root});
  const graph::Attrs swap{{"perm", std::vector<int64_t>{0, 1, 3, 2}}}, last{{"axis", int64_t{3}}};
  const ValueId product = e.op("MatMul", {e.op("Mul", {n.inputs[kQ], root}), e.op("Transpose", {key}, swap)});
  const ValueId scores = modified(e, n, id, "score_mod", e.cast(product, inside));
  const ValueId shares = modified(e, n, id, "prob_mod", e.op("Softmax", {scores}, last));
  const ValueId value = e.cast(repeated(e, n.inputs[kQ], n.inputs[kV]), inside);
  return {e.cast(e.op("MatMul", {shares, value}), t)};
}

constexpr Port kIn[] = {{"Q", kFloatSet, "T1"}, {"K", kFloatSet, "T1"}, {"V", kFloatSet, "T1"}};
constexpr Port kOut[] = {{"Y", kFloatSet, "T1"}};
constexpr AttrDef kAttrs[] = {optional_attr("prob_mod", AttrKind::kGraph), optional_attr("scale", AttrKind::kFloat),
                              optional_attr("score_mod", AttrKind::kGraph),
                              optional_attr("softmax_precision", AttrKind::kInt)};
constexpr OpDef kOps[] = {{.name = "FlexAttention",
                           .domain = "ai.onnx.preview",
                           .since = 1,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>,
                           .expand = expand}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::flex_attention
