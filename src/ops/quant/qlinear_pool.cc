// com.microsoft QLinearAveragePool and QLinearGlobalAveragePool: quantize(pool(dequantize(X))), channels first or last.
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/channels_last.h"
#include "ops/nn/pool.h"
#include "ops/quantization.h"
#include "ops/relayout.h"

namespace tenon::ops::qlinear_pool {
namespace {

enum In : size_t { kX, kXScale, kXZero, kYScale, kYZero };

class AveragePool final : public Kernel {
 public:
  explicit AveragePool(const NodeInfo& n)
      : attrs_(n.attrs),
        include_pad_(n.attrs.get_int("count_include_pad", 0) != 0),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kX), &y = c.output(0);
    if (y.count == 0) return;
    const PoolBox box(Window(attrs_, x.rank - 2), x.dims(), y.dims());
    float values[256];
    ByteScale::of(c, kXScale, kXZero).values(x.dtype == DType::kInt8, values);
    float *in = c.scratch<float>(x.count), *out = c.scratch<float>(y.count);
    c.par.loop(x.count, 0.5, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) in[i] = values[x.as<uint8_t>()[i]];
    });
    kernels::average_pool(box.args(in, out), include_pad_, c.par, table_);
    quantize_bytes(out, y, ByteScale::of(c, kYScale, kYZero), c.par, table_);
  }

 private:
  graph::Attrs attrs_;
  bool include_pad_;
  const kernels::KernelTable& table_;
};

class GlobalAveragePool final : public Kernel {
 public:
  explicit GlobalAveragePool(const NodeInfo& n) : last_(n.attrs.get_int("channels_last", 0) != 0) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kX), &y = c.output(0);
    if (y.count == 0) return;
    const bool is_signed = x.dtype == DType::kInt8;
    const int64_t channels = x.dim[last_ ? x.rank - 1 : 1], positions = x.count / y.count;
    const ByteScale from = ByteScale::of(c, kXScale, kXZero), to = ByteScale::of(c, kYScale, kYZero);
    const int64_t step = last_ ? channels : 1;
    c.par.loop(y.count, static_cast<double>(positions), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = last_ ? i / channels * channels * positions + i % channels : i * positions;
        int64_t sum = 0;
        for (int64_t j = 0; j < positions; ++j)
          sum += is_signed ? x.as<int8_t>()[first + j * step] : x.as<uint8_t>()[first + j * step];
        const auto mean = static_cast<double>(sum - positions * from.zero) / static_cast<double>(positions);
        y.out<uint8_t>()[i] = to.code(static_cast<float>(mean * static_cast<double>(from.scale)), is_signed);
      }
    });
  }

 private:
  bool last_;
};

void infer_global_planes(InferContext& c) {
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  if (d.size() < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", d.size());
  for (size_t i = 2; i < d.size(); ++i) {
    if (d[i] == 0) fail("X has dims {}: no value to average", c.sym.to_string(c.dims(0)));
    d[i] = 1;
  }
  c.set(0, c.dtype(0), std::move(d));
}
void infer_planes(InferContext& c) {
  if (c.has_rank(0) && c.rank(0) > 2 + kernels::kMaxSpatial)
    fail(ErrorCode::kNotImplemented, "X has rank {}, expected at most {}", c.rank(0), 2 + kernels::kMaxSpatial);
  infer_pool(c);
}
template <auto planes>
void infer(InferContext& c) {
  expect_scalars(c, {kXScale, kXZero, kYScale, kYZero});
  c.attrs().get_int("channels_last", 0) ? infer_channels_last(c, 1, planes) : planes(c);
}
std::unique_ptr<const Kernel> make_average(const NodeInfo& n) {
  if (n.attrs.get_int("channels_last", 0)) return std::make_unique<const Relayout<AveragePool, ChannelsLast, 1>>(n);
  return std::make_unique<const AveragePool>(n);
}

template <PortUse kZero>
constexpr Port kIn[] = {{"X", kByteSet},
                        {"x_scale", kFloat32Set, ""},
                        {"x_zero_point", kByteSet, "T", kZero},
                        {"y_scale", kFloat32Set, ""},
                        {"y_zero_point", kByteSet, "T", kZero}};
constexpr Port kOut[] = {{"Y", kByteSet}};
constexpr AttrDef kLast[] = {int_attr("channels_last", 0)};
constexpr AttrDef kAttrs[] = {string_attr("auto_pad", "NOTSET"),
                              int_attr("ceil_mode", 0),
                              int_attr("channels_last", 0),
                              int_attr("count_include_pad", 0),
                              required_attr("kernel_shape", AttrKind::kInts),
                              optional_attr("pads", AttrKind::kInts),
                              optional_attr("strides", AttrKind::kInts)};
constexpr const char* kDomain = "com.microsoft";
constexpr OpDef kOps[] = {
    {"QLinearAveragePool", kDomain, 1, 0, kIn<PortUse::kOptional>, kOut, kAttrs, infer<infer_planes>, make_average},
    {"QLinearGlobalAveragePool", kDomain, 1, 0, kIn<PortUse::kSingle>, kOut, kLast, infer<infer_global_planes>,
     make<GlobalAveragePool>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_pool
