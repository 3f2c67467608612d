// LRN: x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta.
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::lrn {
namespace {

int64_t read_size(const graph::Attrs& attrs) {
  const int64_t size = attrs.get_int("size", 0);
  if (size < 1) fail("attribute size: {} found, expected at least 1", size);
  return size;
}

void infer(InferContext& c) {
  read_size(c.attrs());
  if (c.has_rank(0) && c.rank(0) < 2) fail("X has rank {}, expected at least 2 (batch, channels, ...)", c.rank(0));
  c.set_type(0, c.type(0));
}

class Kernel final : public FloatMap<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatMap(info),
        size_(read_size(info.attrs)),
        alpha_(info.attrs.get_float("alpha", 1e-4f)),
        beta_(info.attrs.get_float("beta", 0.75f)),
        bias_(info.attrs.get_float("bias", 1)) {}

  template <class T>
  void compute(KernelContext& c, const T* in, T* out) const {
    const TensorRef& x = c.input(0);
    const int64_t channels = x.dim[1], inner = x.count / (x.dim[0] * channels);
    const int64_t before = (size_ - 1) / 2, after = size_ / 2;
    const T scale = static_cast<T>(alpha_) / static_cast<T>(size_);
    c.par.loop(x.dim[0] * channels, 30.0 * static_cast<double>(inner), [&](int64_t begin, int64_t end) {
      constexpr int64_t kBlock = 256;
      T sum[kBlock];
      for (int64_t p = begin; p < end; ++p) {
        const int64_t ch = p % channels, first = std::max<int64_t>(0, ch - before);
        const int64_t last = after < channels - ch ? ch + after : channels - 1;
        for (int64_t i = 0; i < inner; i += kBlock) {
          const int64_t n = std::min(kBlock, inner - i);
          std::fill_n(sum, n, T{0});
          for (int64_t k = first; k <= last; ++k) {
            const T* row = in + (p - ch + k) * inner + i;
            for (int64_t j = 0; j < n; ++j) sum[j] += row[j] * row[j];
          }
          for (int64_t j = 0; j < n; ++j)
            out[p * inner + i + j] =
                in[p * inner + i + j] / std::pow(static_cast<T>(bias_) + scale * sum[j], static_cast<T>(beta_));
        }
      }
    });
  }

 private:
  int64_t size_;
  float alpha_, beta_, bias_;
};

constexpr Port kIn1[] = {{"X", kOldFloatSet}}, kIn13[] = {{"X", kFloatSet}};
constexpr Port kOut1[] = {{"Y", kOldFloatSet}}, kOut13[] = {{"Y", kFloatSet}};
constexpr AttrDef kAttrs[] = {float_attr("alpha", 1e-4f), float_attr("beta", 0.75), float_attr("bias", 1),
                              required_attr("size", AttrKind::kInt)};
constexpr OpDef kOps[] = {
    {"LRN", "", 1, 12, kIn1, kOut1, kAttrs, infer, make<Kernel>},
    {"LRN", "", 13, 0, kIn13, kOut13, kAttrs, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::lrn
