// BatchNormalization: (x - mean) / sqrt(var + eps) * scale + B per channel; with statistics of the batch when training.
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::batch_norm {
namespace {

/// Before opset 14 a node trains when it has more outputs than Y; from then on the attribute says so.
bool is_training(const graph::Attrs& attrs, int since, size_t wanted_outputs) {
  return since >= 14 ? attrs.get_int("training_mode", 0) != 0 : wanted_outputs > 1;
}

void infer(InferContext& c) {
  size_t wanted = 0;
  for (size_t j = 0; j < c.num_outputs(); ++j) wanted += c.has_output(j) ? 1 : 0;
  const bool training = is_training(c.attrs(), c.since(), wanted);
  if (!training && wanted > 1) fail("{} outputs, expected 1 when training_mode is 0", wanted);
  const bool per_channel = c.attrs().get_int("spatial", 1) != 0;
  for (size_t i = 1; i < 5 && per_channel; ++i) {
    expect_rank(c, i, 1);
    if (c.has_rank(0) && c.has_rank(i) && c.rank(0) > 1)
      expect_equal(c, c.dims(i)[0], c.dims(0)[1], "entries of scale, B, mean, var and channels of X");
  }
  for (size_t j = 1; j < c.num_outputs(); ++j) {
    const size_t like = c.since() >= 14 ? 2 + j : j < 3 ? 2 + j : j;  // the statistic that the output continues
    if (c.has_rank(like))
      c.set(j, c.dtype(like), c.dims(like));
    else
      c.set_unranked(j, c.dtype(like));
  }
  c.set_type(0, c.type(0));
}

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info),
        eps_(info.attrs.get_float("epsilon", 1e-5f)),
        momentum_(info.attrs.get_float("momentum", 0.9f)) {
    size_t wanted = 0;
    for (const ValueType* t : info.outputs) wanted += t ? 1 : 0;
    training_ = is_training(info.attrs, info.since, wanted);
  }

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef& x = c.input(0);
    // Without `spatial`, every position of [C, ...] is a channel of its own.
    const int64_t channels = c.input(1).count, batch = x.rank > 0 && x.rank != 1 ? x.dim[0] : x.count;
    if (channels == 0 || batch == 0 || x.count % (batch * channels) != 0)
      return x.count == 0 ? void() : fail("X {} does not split into {} channels", to_string(x.dims()), channels);
    const int64_t inner = x.count / (batch * channels);
    const ResultAs<T> out(c, c.output(0), table_);
    const T* in = load_as<T>(c, x, table_);
    const double *scale = load_as<double>(c, 1, table_), *bias = load_as<double>(c, 2, table_);
    const double *mean = load_as<double>(c, 3, table_), *var = load_as<double>(c, 4, table_);
    if (training_) {
      double* stats = c.scratch<double>(2 * channels);
      batch_stats(c.par, in, batch, channels, inner, stats, stats + channels);
      running(c, mean, var, stats, stats + channels, channels);
      mean = stats, var = stats + channels;
    }
    T *factor = c.scratch<T>(2 * channels), *offset = factor + channels;
    for (int64_t i = 0; i < channels; ++i) {
      const double f = scale[i] / std::sqrt(var[i] + static_cast<double>(eps_));
      factor[i] = static_cast<T>(f);
      offset[i] = static_cast<T>(bias[i] - mean[i] * f);
    }
    apply(c.par, in, out.data(), batch * channels, channels, inner, factor, offset);
    out.store(c);
  }

 private:
  template <class T>
  void apply(const Parallel& par, const T* x, T* y, int64_t planes, int64_t channels, int64_t inner, const T* factor,
             const T* offset) const {
    [[maybe_unused]] const auto mul = kernels::binary_rows(kernels::Binary::kMul, table_);
    [[maybe_unused]] const auto add = kernels::binary_rows(kernels::Binary::kAdd, table_);
    // Rows of channels when each channel has one value, else planes of one channel.
    const int64_t width = inner == 1 ? channels : inner, rows = planes * inner / width;
    par.loop(rows, 0.3 * static_cast<double>(width), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* in = x + r * width;
        T* out = y + r * width;
        const T *f = inner == 1 ? factor : factor + r % channels, *o = inner == 1 ? offset : offset + r % channels;
        if constexpr (std::is_same_v<T, float>) {
          (inner == 1 ? mul.vv : mul.vs)(in, f, out, width);
          (inner == 1 ? add.vv : add.vs)(out, o, out, width);
        } else {
          for (int64_t i = 0; i < width; ++i) out[i] = in[i] * f[inner == 1 ? i : 0] + o[inner == 1 ? i : 0];
        }
      }
    });
  }

  template <class T>
  static void batch_stats(const Parallel& par, const T* x, int64_t batch, int64_t channels, int64_t inner, double* mean,
                          double* var) {
    const double count = static_cast<double>(batch * inner);
    par.loop(channels, 4 * count, [&](int64_t begin, int64_t end) {
      for (int64_t ch = begin; ch < end; ++ch) {
        double m = 0, v = 0;
        const auto each = [&](auto&& f) {
          for (int64_t b = 0; b < batch; ++b)
            for (int64_t i = 0; i < inner; ++i) f(static_cast<double>(x[(b * channels + ch) * inner + i]));
        };
        each([&](double d) { m += d; });
        m /= count;
        each([&](double d) { v += (d - m) * (d - m); });
        mean[ch] = m;
        var[ch] = v / count;
      }
    });
  }

  /// Outputs 1 and 2: running statistics; 3 and 4 (before opset 14): those of the batch.
  void running(KernelContext& c, const double* mean, const double* var, const double* batch_mean,
               const double* batch_var, int64_t channels) const {
    const double *old[] = {mean, var}, *now[] = {batch_mean, batch_var};
    const double keep = static_cast<double>(momentum_);
    for (size_t j = 1; j < c.num_outputs(); ++j) {
      if (!c.has_output(j)) continue;
      const ResultAs<double> out(c, c.output(j), table_);
      const size_t k = (j - 1) % 2;
      for (int64_t i = 0; i < channels; ++i)
        out.data()[i] = j < 3 ? old[k][i] * keep + now[k][i] * (1 - keep) : now[k][i];
      out.store(c);
    }
  }

  float eps_, momentum_;
  bool training_ = false;
};

constexpr PortUse kOpt = PortUse::kOptional;
struct OldPorts {
  static constexpr DTypeSet kF = kOldFloatSet;
  static constexpr Port kIn[] = {{"X", kF}, {"scale", kF}, {"B", kF}, {"mean", kF}, {"var", kF}};
  static constexpr Port kOut[] = {{"Y", kF},
                                  {"mean", kF, "T", kOpt},
                                  {"var", kF, "T", kOpt},
                                  {"saved_mean", kF, "T", kOpt},
                                  {"saved_var", kF, "T", kOpt}};
};
struct Ports14 {
  static constexpr DTypeSet kF = kFloatSet;
  static constexpr Port kIn[] = {{"X", kF}, {"scale", kF}, {"B", kF}, {"input_mean", kF, "U"}, {"input_var", kF, "U"}};
  static constexpr Port kOut[] = {{"Y", kF}, {"running_mean", kF, "U", kOpt}, {"running_var", kF, "U", kOpt}};
};
struct Ports15 {
  static constexpr DTypeSet kF = kFloatSet;
  static constexpr Port kIn[] = {
      {"X", kF}, {"scale", kF, "T1"}, {"B", kF, "T1"}, {"input_mean", kF, "T2"}, {"input_var", kF, "T2"}};
  static constexpr Port kOut[] = {{"Y", kF}, {"running_mean", kF, "T2", kOpt}, {"running_var", kF, "T2", kOpt}};
};
constexpr AttrDef kAttrs1[] = {required_attr("consumed_inputs", AttrKind::kInts), float_attr("epsilon", 1e-5f),
                               int_attr("is_test", 0), float_attr("momentum", 0.9f), int_attr("spatial", 1)};
constexpr AttrDef kAttrs6[] = {float_attr("epsilon", 1e-5f), int_attr("is_test", 0), float_attr("momentum", 0.9f),
                               int_attr("spatial", 1)};
constexpr AttrDef kAttrs7[] = {float_attr("epsilon", 1e-5f), float_attr("momentum", 0.9f), int_attr("spatial", 1)};
constexpr AttrDef kAttrs9[] = {float_attr("epsilon", 1e-5f), float_attr("momentum", 0.9f)};
constexpr AttrDef kAttrs14[] = {float_attr("epsilon", 1e-5f), float_attr("momentum", 0.9f),
                                int_attr("training_mode", 0)};
constexpr OpDef kRow = {.name = "BatchNormalization", .attrs = kAttrs14, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<OldPorts>(kRow, 1, 5, kAttrs1), row_of<OldPorts>(kRow, 6, 6, kAttrs6),
                          row_of<OldPorts>(kRow, 7, 8, kAttrs7), row_of<OldPorts>(kRow, 9, 13, kAttrs9),
                          row_of<Ports14>(kRow, 14, 14),         row_of<Ports15>(kRow, 15, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::batch_norm
