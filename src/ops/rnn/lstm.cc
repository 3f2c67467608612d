// LSTM: C = f C + i g(...), H = o h(C), with gates i, o, f and cell input c.
#include "ops/move.h"
#include "ops/recurrent.h"

namespace tenon::ops::lstm {
namespace {

struct Cell {
  static constexpr int64_t kGates = 4, kActs = 3;
  static constexpr const char* kDefaults[] = {"Sigmoid", "Tanh", "Tanh"};
  bool input_forget;

  explicit Cell(const NodeInfo& info) : input_forget(info.attrs.get_int("input_forget", 0) != 0) {}
  static constexpr recurrent::Group kGroups[] = {{0, 4}};
  static std::span<const recurrent::Group> groups() { return kGroups; }
  static int64_t recurrent_bias_apart() { return 4; }

  template <class T>
  void step(recurrent::Step<T>& s) const {
    const int64_t n = s.hidden;
    s.product(0, s.h, s.gates, 4 * n);
    s.par.loop(s.batch, 20.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        if (s.input[b]) one(s, s.input[b], s.gates + b * 4 * n, s.h + b * n, s.cell + b * n);
    });
  }

 private:
  template <class T>
  void one(const recurrent::Step<T>& s, const T* input, T* gates, T* h, T* cell) const {
    const int64_t n = s.hidden;
    for (int64_t j = 0; j < 4 * n; ++j) gates[j] += input[j];
    T *i = gates, *o = gates + n, *f = gates + 2 * n, *g = gates + 3 * n;
    const T* p = s.peephole;  // i, o, f
    for (int64_t j = 0; p && j < n; ++j) {
      i[j] += p[j] * cell[j];
      f[j] += p[2 * n + j] * cell[j];
    }
    s.activate(0, i, n);
    if (input_forget)
      for (int64_t j = 0; j < n; ++j) f[j] = 1 - i[j];
    else
      s.activate(0, f, n);
    s.activate(1, g, n);
    for (int64_t j = 0; j < n; ++j) cell[j] = f[j] * cell[j] + i[j] * g[j];
    for (int64_t j = 0; p && j < n; ++j) o[j] += p[n + j] * cell[j];
    s.activate(0, o, n);
    std::copy_n(cell, n, h);
    s.act[2].run(h, n, s.table);
    for (int64_t j = 0; j < n; ++j) h[j] *= o[j];
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
                                 {"initial_h", kSet, "T", kOpt},
                                 {"initial_c", kSet, "T", kOpt},
                                 {"P", kSet, "T", kOpt}};
  static constexpr Port kOut[] = {{"Y", kSet, "T", kOpt}, {"Y_h", kSet, "T", kOpt}, {"Y_c", kSet, "T", kOpt}};
};
using Old = Ports<kOldFloatSet>;
using New = Ports<kFloatSet>;
constexpr AttrDef kAttrs1[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "forward"),
                               optional_attr("hidden_size", AttrKind::kInt),
                               int_attr("input_forget", 0),
                               int_attr("output_sequence", 0)};
constexpr AttrDef kAttrs7[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                               optional_attr("activation_beta", AttrKind::kFloats),
                               optional_attr("activations", AttrKind::kStrings),
                               optional_attr("clip", AttrKind::kFloat),
                               string_attr("direction", "forward"),
                               optional_attr("hidden_size", AttrKind::kInt),
                               int_attr("input_forget", 0)};
constexpr AttrDef kAttrs14[] = {optional_attr("activation_alpha", AttrKind::kFloats),
                                optional_attr("activation_beta", AttrKind::kFloats),
                                optional_attr("activations", AttrKind::kStrings),
                                optional_attr("clip", AttrKind::kFloat),
                                string_attr("direction", "forward"),
                                optional_attr("hidden_size", AttrKind::kInt),
                                int_attr("input_forget", 0),
                                int_attr("layout", 0)};
constexpr OpDef kOps[] = {
    {"LSTM", "", 1, 6, Old::kIn, Old::kOut, kAttrs1, infer, make<recurrent::LayerKernel<Cell>>},
    {"LSTM", "", 7, 13, Old::kIn, Old::kOut, kAttrs7, infer, make<recurrent::LayerKernel<Cell>>},
    {"LSTM", "", 14, 21, Old::kIn, Old::kOut, kAttrs14, infer, make<recurrent::LayerKernel<Cell>>},
    {"LSTM", "", 22, 0, New::kIn, New::kOut, kAttrs14, infer, make<recurrent::LayerKernel<Cell>>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::lstm
