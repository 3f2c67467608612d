// DequantizeLinear: y = (x - x_zero_point) * x_scale, per tensor, axis or block; com.microsoft's too.
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/convert.h"
#include "ops/op.h"
#include "ops/quantization.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::dequantize_linear {
namespace {

class Dequantize final : public Kernel {
 public:
  explicit Dequantize(const NodeInfo& n)
      : axis_(n.attrs.get_int("axis", 1)),
        block_(n.attrs.get_int("block_size", 0)),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const float* scale = scratch_floats(c, c.input(1));
    const float* zero = c.has_input(2) ? scratch_floats(c, c.input(2)) : nullptr;
    const QuantRuns runs(x.dims(), c.input(1).dims(), axis_, block_);
    const F32Result out(c, y, table_);
    const bool bytes = runs.scale_step == 0 && (x.dtype == DType::kUint8 || x.dtype == DType::kInt8);
    const float* in = bytes ? nullptr : scratch_floats(c, x);
    const auto dequantize = [&](int64_t begin, int64_t n, int64_t at) {
      float* to = out.data() + begin;
      const float z = zero ? zero[at] : 0;
      if (bytes && x.dtype == DType::kUint8)
        kernels::dequantize_row(x.as<uint8_t>() + begin, to, n, scale[at], static_cast<int32_t>(z), table_);
      else if (bytes)
        kernels::dequantize_row(x.as<int8_t>() + begin, to, n, scale[at], static_cast<int32_t>(z), table_);
      else if (runs.scale_step == 0)
        for (int64_t i = 0; i < n; ++i) to[i] = (in[begin + i] - z) * scale[at];
      else
        for (int64_t i = 0; i < n; ++i) to[i] = (in[begin + i] - (zero ? zero[at + i] : 0)) * scale[at + i];
    };
    if (runs.count == 1 && runs.scale_step == 0) {
      c.par.loop(x.count, 0.5, [&](int64_t b, int64_t e) { dequantize(b, e - b, 0); });
    } else {
      c.par.loop(runs.count, 0.6 * static_cast<double>(runs.length), [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          const QuantRuns::Run r = runs.run(i);
          dequantize(r.begin, r.length, r.scale);
        }
      });
    }
    out.store(c);
  }

 private:
  int64_t axis_, block_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  const DType scale = c.dtype(1);
  const DType to = dtype_attr(c.attrs(), "output_dtype", c.node().def->outputs[0].types,
                              scale == DType::kFloat8E8M0 ? DType::kFloat : scale);
  check_granularity(c);
  ValueType t = c.type(0);
  t.elem = to;
  c.set_type(0, std::move(t));
}

constexpr DTypeSet kX10 = dtype_set({DType::kInt8, DType::kUint8, DType::kInt32}), kX19 = kX10 | kFloat8Set,
                   kX21 = kX19 | dtype_set({DType::kInt16, DType::kUint16, DType::kInt4, DType::kUint4}),
                   kX23 = kX21 | dtype_bit(DType::kFloat4E2M1), kX25 = kX23 | dtype_set({DType::kInt2, DType::kUint2}),
                   kX28 = kX25 | dtype_set({DType::kFloat6E2M3, DType::kFloat6E3M2}),
                   kY19 = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16}),
                   kScale24 = kY19 | dtype_bit(DType::kFloat8E8M0),
                   kMicrosoft = kX10 | dtype_set({DType::kInt16, DType::kUint16, DType::kInt4, DType::kUint4}),
                   kMicrosoftFloat = dtype_set({DType::kFloat16, DType::kFloat});

constexpr Port kIn10[] = {{"x", kX10}, {"x_scale", kFloat32Set, ""}, {"x_zero_point", kX10, "T", PortUse::kOptional}};
constexpr Port kOut10[] = {{"y", kFloat32Set, ""}};
template <DTypeSet X, DTypeSet S>
constexpr Port kIn[] = {{"x", X, "T1"}, {"x_scale", S, "T2"}, {"x_zero_point", X, "T1", PortUse::kOptional}};
constexpr Port kOut19[] = {{"y", kY19, "T2"}};
constexpr Port kOut23[] = {{"y", kY19, "T3"}};
constexpr Port kOutMicrosoft[] = {{"y", kMicrosoftFloat, "T2"}};
constexpr AttrDef kAxis[] = {int_attr("axis", 1)};
constexpr AttrDef kAttrsMicrosoft[] = {optional_attr("axis", AttrKind::kInt)};
constexpr AttrDef kAttrs21[] = {int_attr("axis", 1), int_attr("block_size", 0)};
constexpr AttrDef kAttrs23[] = {int_attr("axis", 1), int_attr("block_size", 0), int_attr("output_dtype", 0)};
constexpr OpDef row(int since, int until, std::span<const Port> in, std::span<const Port> out,
                    std::span<const AttrDef> attrs, const char* domain = "") {
  return {"DequantizeLinear", domain, since, until, in, out, attrs, infer, make<Dequantize>};
}
constexpr OpDef kOps[] = {
    row(10, 12, kIn10, kOut10, {}),
    row(13, 18, kIn10, kOut10, kAxis),
    row(19, 20, kIn<kX19, kY19>, kOut19, kAxis),
    row(21, 22, kIn<kX21, kY19>, kOut19, kAttrs21),
    row(23, 23, kIn<kX23, kY19>, kOut23, kAttrs23),
    row(24, 24, kIn<kX23, kScale24>, kOut23, kAttrs23),
    row(25, 27, kIn<kX25, kScale24>, kOut23, kAttrs23),
    row(28, 0, kIn<kX28, kScale24>, kOut23, kAttrs23),
    row(1, 0, kIn<kMicrosoft, kMicrosoftFloat>, kOutMicrosoft, kAttrsMicrosoft, "com.microsoft"),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dequantize_linear
