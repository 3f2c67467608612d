// Recurrent layers: attributes, inference and the loop over directions and time that LSTM, GRU and RNN share.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/any_gemm.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::recurrent {

enum class Function : uint8_t {
  kRelu,
  kTanh,
  kSigmoid,
  kAffine,
  kLeakyRelu,
  kThresholdedRelu,
  kScaledTanh,
  kHardSigmoid,
  kElu,
  kSoftsign,
  kSoftplus
};
/// An activation of ONNX's recurrent ops with its parameters.
struct Activation {
  Function f = Function::kTanh;
  float alpha = 0, beta = 0;
  void run(float* x, int64_t n, const kernels::KernelTable& table) const;
  void run(double* x, int64_t n, const kernels::KernelTable& table) const;
};

/// What the attributes say. `activations` holds those of the first direction, then of the second.
struct Setup {
  int64_t directions = 1;
  bool reverse = false;      ///< direction 0 runs backwards
  bool batch_first = false;  ///< layout 1
  float clip = 0;            ///< 0: none
  std::vector<Activation> activations;

  Setup(const graph::Attrs& attrs, std::span<const char* const> default_activations);
};

/// Y [S, D, B, H], Y_h and (outputs 2) Y_c [D, B, H] from X, W, R of a layer with `gates` gates; batch-first layouts
/// too.
void infer_layer(InferContext& c, int64_t gates, std::span<const char* const> default_activations);

/// Extents of a run.
struct Extents {
  int64_t length, batch, input, hidden;
};

/// One time step of one direction.
template <class T>
struct Step {
  int64_t batch, hidden;
  const T* const* input;    ///< per batch entry: projected input of all gates, or null when its sequence is over
  T *h, *cell;              ///< [batch, hidden], updated in place
  T *gates, *extra;         ///< scratch: [batch, gates * hidden], [batch, hidden]
  const T* recurrent_bias;  ///< [gates * hidden], or null
  const T* peephole;        ///< or null
  const Activation* act;
  float clip;
  const Parallel& par;
  const kernels::KernelTable& table;
  /// out[b, 0 .. count * hidden) = a[b, :] times the recurrence weights of product group g; rows `ld` apart.
  FunctionRef<void(size_t g, const T* a, T* out, int64_t ld)> product;

  void clamp(T* x, int64_t n) const {
    if (clip > 0)
      for (int64_t i = 0; i < n; ++i) x[i] = std::clamp(x[i], -static_cast<T>(clip), static_cast<T>(clip));
  }
  void activate(int which, T* x, int64_t n) const {
    clamp(x, n);
    act[which].run(x, n, table);
  }
};

struct Group {
  int64_t first, count;  ///< gates
};

/// Cell: static constexpr kGates, kActs (activations), kDefaults; groups(): which gates are multiplied together;
/// recurrent_bias_apart(): gates from which on Rb is not added to the projection; step(Step<T>&).
template <class Cell>
class LayerKernel final : public FloatKernel<LayerKernel<Cell>> {
 public:
  explicit LayerKernel(const NodeInfo& info)
      : FloatKernel<LayerKernel>(info), setup_(info.attrs, Cell::kDefaults), cell_(info) {
    pack_all(info);
  }

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef& x = c.input(0);
    Extents e;
    e.length = x.dim[setup_.batch_first ? 1 : 0], e.batch = x.dim[setup_.batch_first ? 0 : 1];
    e.input = x.dim[2], e.hidden = c.input(2).dim[2];
    const int64_t* lengths = read_lengths(c, e);
    std::array<std::optional<ResultAs<T>>, 3> out;
    for (size_t j = 0; j < 3; ++j)
      if (c.has_output(j)) out[j].emplace(c, c.output(j), table_);
    T* y[3];
    for (size_t j = 0; j < 3; ++j) y[j] = out[j] ? out[j]->data() : nullptr;
    const T *in = load_as<T>(c, 0, table_), *w = load_as<T>(c, 1, table_), *r = load_as<T>(c, 2, table_);
    const T *bias = load_as<T>(c, 3, table_), *h0 = load_as<T>(c, 5, table_);
    const T* c0 = load_as<T>(c, size_t{6}, table_);
    const T* p = load_as<T>(c, size_t{7}, table_);
    const int64_t rows = Cell::kGates * e.hidden;
    T* projected = c.scratch<T>(e.length * e.batch * rows);
    for (int64_t d = 0; d < setup_.directions; ++d) {
      const T* b = bias ? bias + d * 2 * rows : nullptr;
      project(c, e, d, in, w + d * rows * e.input, b, projected);
      Step<T> s{e.batch,
                e.hidden,
                nullptr,
                c.scratch<T>(e.batch * e.hidden),
                c.scratch<T>(e.batch * e.hidden),
                c.scratch<T>(e.batch * rows),
                c.scratch<T>(e.batch * e.hidden),
                b ? b + rows : nullptr,
                p ? p + d * 3 * e.hidden : nullptr,
                setup_.activations.data() + d * Cell::kActs,
                setup_.clip,
                c.par,
                table_,
                [](size_t, const T*, T*, int64_t) {}};
      walk(c, e, d, lengths, projected, r + d * rows * e.hidden, h0, c0, s, y);
    }
    for (auto& o : out)
      if (o) o->store(c);
  }

 private:
  using FloatKernel<LayerKernel>::table_;

  void pack_all(const NodeInfo& info) {
    for (size_t i : {size_t{1}, size_t{2}}) {
      const Value w = info.constant(i);
      if (!w || w.dtype() != DType::kFloat || w.dims().size() != 3) continue;
      const int64_t rows = w.dims()[1], k = w.dims()[2], hidden = rows / Cell::kGates;
      if (k == 0 || hidden == 0) continue;
      for (int64_t d = 0; d < w.dims()[0]; ++d) {
        const float* data = static_cast<const float*>(w.data()) + d * rows * k;
        if (i == 1) {
          packed_w_.push_back(pack_one(info, w, fmt::format("w{}", d), data, k, rows));
        } else {
          for (const Group& g : cell_.groups())
            packed_r_.push_back(
                pack_one(info, w, fmt::format("r{}.{}", d, g.first), data + g.first * hidden * k, k, g.count * hidden));
        }
      }
    }
  }
  std::shared_ptr<const void> pack_one(const NodeInfo& info, const Value& w, const std::string& part, const float* data,
                                       int64_t k, int64_t n) const {
    return info.pack(w, fmt::format("rnn {} {} {}x{}", part, isa_name(info.isa), k, n),
                     kernels::packed_b_bytes(k, n, table_),
                     [&](void* dst) { kernels::pack_b(data, 1, k, k, n, dst, table_); });
  }

  /// out[m, n] = a[m, k] b[n, k]' (+ bias)
  template <class T>
  void multiply(const Parallel& par, int64_t m, int64_t n, int64_t k, const T* a, const T* b, const void* packed,
                T* out, int64_t ld) const {
    kernels::GenericGemm<T> g;
    g.m = m, g.n = n, g.k = k, g.a = a, g.a_row = k, g.b = b, g.b_row = 1, g.b_col = k, g.c = out, g.ldc = ld;
    any_gemm(g, par, table_, packed);
  }

  const int64_t* read_lengths(KernelContext& c, const Extents& e) const {
    int64_t* out = c.scratch<int64_t>(e.batch);
    for (int64_t b = 0; b < e.batch; ++b) {
      out[b] = c.has_input(4) ? c.input(4).as<int32_t>()[b] : e.length;
      if (out[b] < 0 || out[b] > e.length)
        fail("sequence_lens[{}] is {}, expected a value in [0, {}]", b, out[b], e.length);
    }
    return out;
  }

  /// Inputs of all time steps times W, plus the biases that need no gate first: one GEMM.
  template <class T>
  void project(KernelContext& c, const Extents& e, int64_t d, const T* x, const T* w, const T* bias, T* out) const {
    const int64_t n = Cell::kGates * e.hidden, m = e.length * e.batch;
    const void* packed = static_cast<size_t>(d) < packed_w_.size() ? packed_w_[static_cast<size_t>(d)].get() : nullptr;
    multiply(c.par, m, n, e.input, x, w, packed, out, n);
    if (!bias) return;
    const int64_t joined = cell_.recurrent_bias_apart() * e.hidden;
    T* sum = c.scratch<T>(n);
    for (int64_t i = 0; i < n; ++i) sum[i] = bias[i] + (i < joined ? bias[n + i] : T{0});
    c.par.loop(m, 0.5 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int64_t j = 0; j < n; ++j) out[i * n + j] += sum[j];
    });
  }

  /// All time steps of direction d.
  template <class T>
  void walk(KernelContext& c, const Extents& e, int64_t d, const int64_t* lengths, const T* projected, const T* r,
            const T* h0, const T* c0, Step<T>& s, T* const (&y)[3]) const {
    const int64_t n = Cell::kGates * e.hidden, dirs = setup_.directions;
    const bool backwards = setup_.reverse || d == 1;
    const auto state = [&](int64_t b) { return (setup_.batch_first ? b * dirs + d : d * e.batch + b) * e.hidden; };
    for (int64_t b = 0; b < e.batch; ++b)
      for (int64_t i = 0; i < e.hidden; ++i) {
        s.h[b * e.hidden + i] = h0 ? h0[state(b) + i] : T{0};
        s.cell[b * e.hidden + i] = c0 ? c0[state(b) + i] : T{0};
      }
    const auto groups = cell_.groups();
    auto product = [&](size_t g, const T* a, T* out, int64_t ld) {
      const size_t at = static_cast<size_t>(d) * groups.size() + g;
      multiply(c.par, e.batch, groups[g].count * e.hidden, e.hidden, a, r + groups[g].first * e.hidden * e.hidden,
               at < packed_r_.size() ? packed_r_[at].get() : nullptr, out, ld);
    };
    s.product = product;
    const T** input = c.scratch<const T*>(e.batch);
    s.input = input;
    for (int64_t t = 0; t < e.length; ++t) {
      for (int64_t b = 0; b < e.batch; ++b) {
        const int64_t at = backwards ? lengths[b] - 1 - t : t;
        const bool runs = t < lengths[b];
        input[b] = runs ? projected + (setup_.batch_first ? b * e.length + at : at * e.batch + b) * n : nullptr;
      }
      cell_.step(s);
      for (int64_t b = 0; y[0] && b < e.batch; ++b) {
        const bool runs = t < lengths[b];
        const int64_t at = runs && backwards ? lengths[b] - 1 - t : t;
        T* to = y[0] + (setup_.batch_first ? (b * e.length + at) * dirs + d : (at * dirs + d) * e.batch + b) * e.hidden;
        for (int64_t i = 0; i < e.hidden; ++i) to[i] = runs ? s.h[b * e.hidden + i] : T{0};
      }
    }
    for (int64_t b = 0; b < e.batch; ++b) {
      if (y[1]) std::copy_n(s.h + b * e.hidden, e.hidden, y[1] + state(b));
      if (y[2]) std::copy_n(s.cell + b * e.hidden, e.hidden, y[2] + state(b));
    }
  }

  Setup setup_;
  Cell cell_;
  std::vector<std::shared_ptr<const void>> packed_w_;  ///< per direction
  std::vector<std::shared_ptr<const void>> packed_r_;  ///< per direction and product group
};

template <class Cell>
void infer_cell(InferContext& c) {
  infer_layer(c, Cell::kGates, Cell::kDefaults);
}

// Rows: the layers have the first `In` inputs and the first `Out` outputs of the LSTM's, and common attributes.
template <DTypeSet S, size_t In, size_t Out>
struct Ports {
  static constexpr auto kOpt = PortUse::kOptional;
  static constexpr Port kInputs[] = {{"X", S},
                                     {"W", S},
                                     {"R", S},
                                     {"B", S, "T", kOpt},
                                     {"sequence_lens", dtype_bit(DType::kInt32), "T1", kOpt},
                                     {"initial_h", S, "T", kOpt},
                                     {"initial_c", S, "T", kOpt},
                                     {"P", S, "T", kOpt}};
  static constexpr Port kOutputs[] = {{"Y", S, "T", kOpt}, {"Y_h", S, "T", kOpt}, {"Y_c", S, "T", kOpt}};
  static constexpr std::span<const Port> kIn = std::span(kInputs).first(In), kOut = std::span(kOutputs).first(Out);
};
template <class... A>
constexpr std::array<AttrDef, 6 + sizeof...(A)> attrs_and(A... more) {
  return {optional_attr("activation_alpha", AttrKind::kFloats),
          optional_attr("activation_beta", AttrKind::kFloats),
          optional_attr("activations", AttrKind::kStrings),
          optional_attr("clip", AttrKind::kFloat),
          string_attr("direction", "forward"),
          optional_attr("hidden_size", AttrKind::kInt),
          more...};
}
template <class Cell>
constexpr OpDef row(const char* name) {
  return {.name = name, .infer = infer_cell<Cell>, .make = make<LayerKernel<Cell>>};
}

}  // namespace tenon::ops::recurrent
