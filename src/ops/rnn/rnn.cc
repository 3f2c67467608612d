// RNN: H = f(X W' + H R' + bias).
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

constexpr auto kAttrs1 = recurrent::attrs_and(int_attr("output_sequence", 0)),
               kAttrs14 = recurrent::attrs_and(int_attr("layout", 0));
constexpr auto kAttrs7 = recurrent::attrs_and();
using Old = recurrent::Ports<kOldFloatSet, 6, 2>;
constexpr OpDef kRow = recurrent::row<Cell>("RNN");
constexpr OpDef kOps[] = {row_of<Old>(kRow, 1, 6, kAttrs1), row_of<Old>(kRow, 7, 13, kAttrs7),
                          row_of<Old>(kRow, 14, 21, kAttrs14),
                          row_of<recurrent::Ports<kFloatSet, 6, 2>>(kRow, 22, 0, kAttrs14)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::rnn
