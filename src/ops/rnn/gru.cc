// GRU: H = (1 - z) h~ + z H, with update gate z, reset gate r and hidden gate h~.
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

constexpr AttrDef kLinear = int_attr("linear_before_reset", 0), kSequence = int_attr("output_sequence", 0);
constexpr auto kAttrs1 = [] {
  auto attrs = recurrent::attrs_and(kSequence);
  attrs[4] = string_attr("direction", "foward");  // sic
  return attrs;
}();
constexpr auto kAttrs3 = recurrent::attrs_and(kLinear, kSequence),
               kAttrs14 = recurrent::attrs_and(int_attr("layout", 0), kLinear);
constexpr auto kAttrs7 = recurrent::attrs_and(kLinear);
using Old = recurrent::Ports<kOldFloatSet, 6, 2>;
struct Ports1 : Old {
  static constexpr Port kOut[] = {Old::kOut[0], {"Y_h", kOldFloatSet}};
};
constexpr OpDef kRow = recurrent::row<Cell>("GRU");
constexpr OpDef kOps[] = {row_of<Ports1>(kRow, 1, 2, kAttrs1), row_of<Old>(kRow, 3, 6, kAttrs3),
                          row_of<Old>(kRow, 7, 13, kAttrs7), row_of<Old>(kRow, 14, 21, kAttrs14),
                          row_of<recurrent::Ports<kFloatSet, 6, 2>>(kRow, 22, 0, kAttrs14)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gru
