// InstanceNormalization and GroupNormalization: rows of one (group of) channels are normalised, then scaled per
// channel.
#include "kernels/rows.h"
#include "ops/move.h"
#include "ops/nn/norm.h"

namespace tenon::ops::group_norm {
namespace {

int64_t num_groups(const graph::Attrs& attrs) {
  const int64_t groups = attrs.get_int("num_groups", 1);
  if (groups < 1) fail("attribute num_groups: {} found, expected at least 1", groups);
  return groups;
}

template <bool kGroups>
void infer(InferContext& c) {
  expect_rank(c, 1, 1);
  expect_rank(c, 2, 1);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims& x = c.dims(0);
  if (x.size() < 2) fail("X has rank {}, expected at least 2 (batch, channels, ...)", x.size());
  int64_t entries = x[1];
  if constexpr (kGroups) {
    const int64_t groups = num_groups(c.attrs());
    if (!is_symbol(x[1]) && x[1] % groups != 0)
      fail("X has {} channels, expected a multiple of num_groups = {}", x[1], groups);
    if (c.since() < 21) entries = groups;
  }
  for (size_t i : {size_t{1}, size_t{2}})
    if (c.has_rank(i)) expect_equal(c, c.dims(i)[0], entries, "entries of scale and bias");
  c.set(0, c.dtype(0), x);
}

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info),
        instance_(info.op == "InstanceNormalization"),
        groups_(num_groups(info.attrs)),
        eps_(info.attrs.get_float("epsilon", 1e-5f)) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef& x = c.input(0);
    if (x.count == 0) return;
    const int64_t channels = x.dim[1], groups = instance_ ? channels : groups_;
    const int64_t rows = x.dim[0] * groups, n = x.count / rows;
    const int64_t inner = n / (channels / groups);
    const ResultAs<T> out(c, c.output(0), table_);
    const T *in = load_as<T>(c, x, table_), *scale = load_as<T>(c, 1, table_), *bias = load_as<T>(c, 2, table_);
    const int64_t per_entry = channels / c.input(1).count;  // GroupNormalization-18 has one scale per group
    T* y = out.data();
    if constexpr (std::is_same_v<T, float>) {
      kernels::NormArgs a;
      a.rows = rows, a.n = n, a.x = in, a.y = y, a.eps = eps_;
      kernels::layer_norm(a, c.par, table_);
      const auto mul = kernels::binary_rows(kernels::Binary::kMul, table_).vs;
      const auto add = kernels::binary_rows(kernels::Binary::kAdd, table_).vs;
      c.par.loop(x.dim[0] * channels, 0.2 * static_cast<double>(inner), [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const int64_t entry = p % channels / per_entry;
          mul(y + p * inner, scale + entry, y + p * inner, inner);
          add(y + p * inner, bias + entry, y + p * inner, inner);
        }
      });
    } else {
      c.par.loop(rows, 4.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const RowStats s = row_stats(in + i * n, n, eps_, true);
          for (int64_t j = 0; j < n; ++j) {
            const int64_t entry = (i % groups * (channels / groups) + j / inner) / per_entry;
            y[i * n + j] = (in[i * n + j] - s.mean) * s.inv_std * scale[entry] + bias[entry];
          }
        }
      });
    }
    out.store(c);
  }

 private:
  bool instance_;
  int64_t groups_;
  float eps_;
};

constexpr Port kIn1[] = {{"input", kOldFloatSet}, {"scale", kOldFloatSet}, {"B", kOldFloatSet}};
constexpr Port kIn22[] = {{"input", kFloatSet}, {"scale", kFloatSet}, {"B", kFloatSet}};
constexpr Port kOut1[] = {{"output", kOldFloatSet}}, kOut22[] = {{"output", kFloatSet}};
constexpr Port kGroupIn[] = {{"X", kFloatSet}, {"scale", kFloatSet}, {"bias", kFloatSet}};
constexpr Port kGroupOut[] = {{"Y", kFloatSet}};
constexpr AttrDef kAttrs1[] = {optional_attr("consumed_inputs", AttrKind::kInts), float_attr("epsilon", 1e-5f)};
constexpr AttrDef kAttrs6[] = {float_attr("epsilon", 1e-5f)};
constexpr AttrDef kGroupAttrs18[] = {float_attr("epsilon", 1e-5f), required_attr("num_groups", AttrKind::kInt)};
constexpr AttrDef kGroupAttrs21[] = {float_attr("epsilon", 1e-5f), required_attr("num_groups", AttrKind::kInt),
                                     int_attr("stash_type", 1)};
constexpr OpDef kOps[] = {
    {"InstanceNormalization", "", 1, 5, kIn1, kOut1, kAttrs1, infer<false>, make<Kernel>},
    {"InstanceNormalization", "", 6, 21, kIn1, kOut1, kAttrs6, infer<false>, make<Kernel>},
    {"InstanceNormalization", "", 22, 0, kIn22, kOut22, kAttrs6, infer<false>, make<Kernel>},
    {"GroupNormalization", "", 18, 20, kGroupIn, kGroupOut, kGroupAttrs18, infer<true>, make<Kernel>, Lowering::kKernel,
     0, true, true},
    {"GroupNormalization", "", 21, 0, kGroupIn, kGroupOut, kGroupAttrs21, infer<true>, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::group_norm
