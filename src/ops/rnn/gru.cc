// GRU: H = (1 - z) h~ + z H, with update gate z, reset gate r and hidden gate h~.
#include "ops/move.h"
#include "ops/recurrent.h"

namespace tenon::ops::gru {
namespace {

struct Cell {
  static constexpr int64_t kGates = 3, kActs = 2;
  static constexpr const char* kDefaults[] = {"Sigmoid", "Tanh"};
  bool linear_first;  ///< linear_before_reset

  explicit Cell(const NodeInfo& info) : linear_first(info.attrs.get_int("linear_before_reset", 0) != 0) {}
  static constexpr recurrent::Group kJoint[] = {{0, 3}}, kApart[] = {{0, 2}, {2, 1}};
  std::span<const recurrent::Group> groups() const {
    if (linear_first) return kJoint;
    return kApart;
  }
  /// With linear_before_reset the hidden gate's Rb is scaled by r.
  int64_t recurrent_bias_apart() const { return linear_first ? 2 : 3; }

  template <class T>
  void step(recurrent::Step<T>& s) const {
    const int64_t n = s.hidden;
    const auto each = [&](auto&& f) {
      s.par.loop(s.batch, 12.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b)
          if (s.input[b]) f(s.input[b], s.gates + b * 3 * n, s.h + b * n, s.extra + b * n);
      });
    };
    s.product(0, s.h, s.gates, 3 * n);
    each([&](const T* input, T* gates, T* h, T* extra) {
      for (int64_t j = 0; j < 2 * n; ++j) gates[j] += input[j];
      s.activate(0, gates, 2 * n);  // z, r
      if (!linear_first)
        for (int64_t j = 0; j < n; ++j) extra[j] = gates[n + j] * h[j];
    });
    if (!linear_first) s.product(1, s.extra, s.gates + 2 * n, 3 * n);
    each([&](const T* input, T* gates, T* h, T*) {
      T *z = gates, *r = gates + n, *g = gates + 2 * n;
      const T* bias = s.recurrent_bias ? s.recurrent_bias + 2 * n : nullptr;
      for (int64_t j = 0; j < n; ++j)
        g[j] = linear_first ? input[2 * n + j] + r[j] * (g[j] + (bias ? bias[j] : T{0})) : g[j] + input[2 * n + j];
      s.activate(1, g, n);
      for (int64_t j = 0; j < n; ++j) h[j] = (1 - z[j]) * g[j] + z[j] * h[j];
    });
  }
};

void infer(InferContext& c) { recurrent::infer_layer(c, Cell::kGates, Cell::kDefaults); }

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32);
template <DTypeSet kSet>
struct Ports {
  static constexpr Port kIn[] = {{"X", kSet},
                                 {"W", kSet},
                                 {"R", kSet},
                                 {"B", kSet, "T", kOpt},
                                 {"sequence_lens", kInt32Set, "T1", kOpt},
                                 {"initial_h", kSet, "T", kOpt}};
  static constexpr Port kOut1[] = {{"Y", kSet, "T", kOpt}, {"Y_h", kSet}};
  static constexpr Port kOut[] = {{"Y", kSet, "T", kOpt}, {"Y_h", kSet, "T", kOpt}};
};
using Old = Ports<kOldFloatSet>;
using New = Ports<kFloatSet>;
constexpr AttrDef kAttrs1[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "foward"),  // sic
                               optional_attr("hidden_size", AttrKind::kInt),
                               int_attr("output_sequence", 0)};
constexpr AttrDef kAttrs3[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "forward"),
                               optional_attr("hidden_size", AttrKind::kInt),
                               int_attr("linear_before_reset", 0),
                               int_attr("output_sequence", 0)};
constexpr AttrDef kAttrs7[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "forward"),
                               optional_attr("hidden_size", AttrKind::kInt),
                               int_attr("linear_before_reset", 0)};
constexpr AttrDef kAttrs14[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                                optional_attr("activation_beta", AttrKind::kFloats),
                                optional_attr("activations", AttrKind::kStrings),
                                optional_attr("clip", AttrKind::kFloat),
                                string_attr("direction", "forward"),
                                optional_attr("hidden_size", AttrKind::kInt),
                                int_attr("layout", 0),
                                int_attr("linear_before_reset", 0)};
constexpr OpDef kOps[] = {
    {"GRU", "", 1, 2, Old::kIn, Old::kOut1, kAttrs1, infer, make<recurrent::LayerKernel<Cell>>},
    {"GRU", "", 3, 6, Old::kIn, Old::kOut, kAttrs3, infer, make<recurrent::LayerKernel<Cell>>},
    {"GRU", "", 7, 13, Old::kIn, Old::kOut, kAttrs7, infer, make<recurrent::LayerKernel<Cell>>},
    {"GRU", "", 14, 21, Old::kIn, Old::kOut, kAttrs14, infer, make<recurrent::LayerKernel<Cell>>},
    {"GRU", "", 22, 0, New::kIn, New::kOut, kAttrs14, infer, make<recurrent::LayerKernel<Cell>>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gru
