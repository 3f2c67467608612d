// LayerNormalization and RMSNormalization: (x - mean) / sqrt(var + eps) * scale + bias over trailing dims.
#include "ops/nn/layer_norm.h"

#include "ops/move.h"

namespace tenon::ops::layer_norm {
namespace {

template <class T>
void plain(KernelContext& c, const Form& f, const T* x, T* y, const Affine<T>& scale, const Affine<T>& bias,
           int64_t rows, int64_t n, float* mean, float* inv_std) {
  c.par.loop(rows, 4.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const RowStats s = row_stats(x + i * n, n, f.eps, f.centred);
      const T *a = scale.row(i, n), *b = bias.row(i, n);
      for (int64_t j = 0; j < n; ++j) {
        const double v = (static_cast<double>(x[i * n + j]) - s.mean) * s.inv_std;
        y[i * n + j] = static_cast<T>(v * static_cast<double>(a ? a[j] : T{1}) + static_cast<double>(b ? b[j] : T{0}));
      }
      if (mean) mean[i] = static_cast<float>(s.mean);
      if (inv_std) inv_std[i] = static_cast<float>(s.inv_std);
    }
  });
}

template <class T>
void run_as(KernelContext& c, const Form& f, size_t axis, const kernels::KernelTable& table, float* mean,
            float* inv_std) {
  const TensorRef& x = c.input(0);
  const int64_t n = extent(x.dims(), axis, x.rank), rows = n > 0 ? x.count / n : 0;
  const ResultAs<T> out(c, c.output(0), table);
  const T* in = load_as<T>(c, x, table);
  const Affine<T> scale = load_affine<T>(c, f.scale, x.dims(), axis, table);
  const Affine<T> bias = load_affine<T>(c, f.bias, x.dims(), axis, table);
  bool fast = false;
  if constexpr (std::is_same_v<T, float>) {
    fast = !scale.per_element && !bias.per_element;
    if (fast) {
      kernels::NormArgs a;
      a.rows = rows, a.n = n;
      a.x = in, a.y = out.data();
      a.scale = scale.data, a.bias = bias.data;
      a.eps = f.eps;
      a.mean = mean, a.inv_std = inv_std;
      if (f.centred)
        kernels::layer_norm(a, c.par, table);
      else
        kernels::rms_norm(a, c.par, table);
    }
  }
  if (!fast) plain(c, f, in, out.data(), scale, bias, rows, n, mean, inv_std);
  out.store(c);
}

void infer_rms(InferContext& c) {
  expect_broadcasts(c, 1);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(1));
  resolve_axis(c.attrs().get_int("axis", -1), c.rank(0));
  c.set(0, c.dtype(1), c.dims(0));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : axis_(info.attrs.get_int("axis", -1)), table_(kernels::kernels_for(info.isa)) {
    form_.eps = info.attrs.get_float("epsilon", 1e-5f);
    form_.centred = info.op == "LayerNormalization";
    if (form_.centred) form_.bias = 2, form_.mean_out = 1, form_.inv_std_out = 2;
  }
  void run(KernelContext& c) const override { normalize(c, form_, axis_, table_); }

 private:
  Form form_;
  int64_t axis_;
  const kernels::KernelTable& table_;
};

}  // namespace

void normalize(KernelContext& c, const Form& f, int64_t axis, const kernels::KernelTable& table) {
  const TensorRef& x = c.input(0);
  const size_t at = static_cast<size_t>(resolve_axis(axis, x.rank));
  // Statistics are fp32 or bfloat16.
  std::optional<F32Result> mean, inv_std;
  if (c.has_output(f.mean_out)) mean.emplace(c, c.output(f.mean_out), table);
  if (c.has_output(f.inv_std_out)) inv_std.emplace(c, c.output(f.inv_std_out), table);
  float *m = mean ? mean->data() : nullptr, *s = inv_std ? inv_std->data() : nullptr;
  if (x.dtype == DType::kDouble)
    run_as<double>(c, f, at, table, m, s);
  else
    run_as<float>(c, f, at, table, m, s);
  if (mean) mean->store(c);
  if (inv_std) inv_std->store(c);
}

void infer(InferContext& c) {
  expect_broadcasts(c, 1);
  expect_broadcasts(c, 2);
  const int64_t stash = c.attrs().get_int("stash_type", 1);
  if (stash != 1 && stash != 16) fail("attribute stash_type: {} found, expected 1 (float) or 16 (bfloat16)", stash);
  const DType stat = static_cast<DType>(stash);
  if (!c.has_rank(0)) {
    c.set_unranked(1, stat);
    c.set_unranked(2, stat);
    return c.set_unranked(0, c.dtype(0));
  }
  Dims d = c.dims(0);
  const int64_t axis = resolve_axis(c.attrs().get_int("axis", -1), d.size());
  c.set(0, c.dtype(0), d);
  for (size_t i = static_cast<size_t>(axis); i < d.size(); ++i) d[i] = 1;
  c.set(1, stat, d);
  c.set(2, stat, std::move(d));
}

namespace {
constexpr DTypeSet kStatSet = dtype_set({DType::kFloat, DType::kBFloat16});
constexpr Port kIn[] = {{"X", kFloatSet}, {"Scale", kFloatSet}, {"B", kFloatSet, "T", PortUse::kOptional}};
constexpr Port kOut[] = {
    {"Y", kFloatSet}, {"Mean", kStatSet, "U", PortUse::kOptional}, {"InvStdDev", kStatSet, "U", PortUse::kOptional}};
constexpr Port kRmsIn[] = {{"X", kFloatSet}, {"scale", kFloatSet, "V"}};
constexpr Port kRmsOut[] = {{"Y", kFloatSet, "V"}};
constexpr AttrDef kAttrs[] = {int_attr("axis", -1), float_attr("epsilon", 1e-5f), int_attr("stash_type", 1)};
constexpr OpDef kOps[] = {
    {"LayerNormalization", "", 17, 0, kIn, kOut, kAttrs, infer, make<Kernel>, Lowering::kKernel, 1},
    {"RMSNormalization", "", 23, 0, kRmsIn, kRmsOut, kAttrs, infer_rms, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::layer_norm
