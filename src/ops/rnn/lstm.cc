// LSTM: C = f C + i g(...), H = o h(C), with gates i, o, f and cell input c.
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

constexpr AttrDef kForget = int_attr("input_forget", 0);
constexpr auto kAttrs1 = recurrent::attrs_and(kForget, int_attr("output_sequence", 0)),
               kAttrs14 = recurrent::attrs_and(kForget, int_attr("layout", 0));
constexpr auto kAttrs7 = recurrent::attrs_and(kForget);
using Old = recurrent::Ports<kOldFloatSet, 8, 3>;
constexpr OpDef kRow = recurrent::row<Cell>("LSTM");
constexpr OpDef kOps[] = {row_of<Old>(kRow, 1, 6, kAttrs1), row_of<Old>(kRow, 7, 13, kAttrs7),
                          row_of<Old>(kRow, 14, 21, kAttrs14),
                          row_of<recurrent::Ports<kFloatSet, 8, 3>>(kRow, 22, 0, kAttrs14)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::lstm
