// RNN: H = f(X W' + H R' + bias).
#include "ops/move.h"
#include "ops/recurrent.h"

namespace tenon::ops::rnn {
namespace {

struct Cell {
  static constexpr int64_t kGates = 1, kActs = 1;
  static constexpr const char* kDefaults[] = {"Tanh"};

  explicit Cell(const NodeInfo&) {}
  static constexpr recurrent::Group kGroups[] = {{0, 1}};
  static std::span<const recurrent::Group> groups() { return kGroups; }
  static int64_t recurrent_bias_apart() { return 1; }

  template <class T>
  void step(recurrent::Step<T>& s) const {
    const int64_t n = s.hidden;
    s.product(0, s.h, s.gates, n);
    s.par.loop(s.batch, 4.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        if (!s.input[b]) continue;
        T* h = s.h + b * n;
        for (int64_t j = 0; j < n; ++j) h[j] = s.gates[b * n + j] + s.input[b][j];
        s.activate(0, h, n);
      }
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
  static constexpr Port kOut[] = {{"Y", kSet, "T", kOpt}, {"Y_h", kSet, "T", kOpt}};
};
using Old = Ports<kOldFloatSet>;
using New = Ports<kFloatSet>;
// The default of `activations` is [Tanh, Tanh].
constexpr AttrDef kAttrs1[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "forward"),
                               optional_attr("hidden_size", AttrKind::kInt),
                               int_attr("output_sequence", 0)};
constexpr AttrDef kAttrs7[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "forward"),
                               optional_attr("hidden_size", AttrKind::kInt)};
constexpr AttrDef kAttrs14[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                                optional_attr("activation_beta", AttrKind::kFloats),
                                optional_attr("activations", AttrKind::kStrings),
                                optional_attr("clip", AttrKind::kFloat),
                                string_attr("direction", "forward"),
                                optional_attr("hidden_size", AttrKind::kInt),
                                int_attr("layout", 0)};
constexpr OpDef kOps[] = {
    {"RNN", "", 1, 6, Old::kIn, Old::kOut, kAttrs1, infer, make<recurrent::LayerKernel<Cell>>},
    {"RNN", "", 7, 13, Old::kIn, Old::kOut, kAttrs7, infer, make<recurrent::LayerKernel<Cell>>},
    {"RNN", "", 14, 21, Old::kIn, Old::kOut, kAttrs14, infer, make<recurrent::LayerKernel<Cell>>},
    {"RNN", "", 22, 0, New::kIn, New::kOut, kAttrs14, infer, make<recurrent::LayerKernel<Cell>>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::rnn
