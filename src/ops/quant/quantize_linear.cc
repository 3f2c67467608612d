// QuantizeLinear: y = saturate(round(x / y_scale) + y_zero_point), per tensor, axis or block; com.microsoft's too.
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/convert.h"
#include "ops/op.h"
#include "ops/quantization.h"
#include "ops/rows.h"

namespace tenon::ops::quantize_linear {
namespace {

class Quantize final : public Kernel {
 public:
  explicit Quantize(const NodeInfo& n)
      : axis_(n.attrs.get_int("axis", 1)),
        block_(n.attrs.get_int("block_size", 0)),
        to_(n.outputs[0]->elem, n.attrs.get_int("saturate", 1) != 0),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const float* scale = scratch_floats(c, c.input(1));
    const float* zero = c.has_input(2) ? scratch_floats(c, c.input(2)) : nullptr;
    const float* in = scratch_floats(c, x);
    const QuantRuns runs(x.dims(), c.input(1).dims(), axis_, block_);
    char* codes = is_packed(to_.to) ? c.scratch(x.count) : y.out<char>();
    const auto quantize = [&](int64_t begin, int64_t n, int64_t at) {
      if (runs.scale_step == 0 && to_.to == DType::kUint8)
        kernels::quantize_row(in + begin, y.out<uint8_t>() + begin, n, scale[at], whole(zero, at), table_);
      else if (runs.scale_step == 0 && to_.to == DType::kInt8)
        kernels::quantize_row(in + begin, y.out<int8_t>() + begin, n, scale[at], whole(zero, at), table_);
      else
        to_.row(in + begin, n, scale + at, zero ? zero + at : nullptr, runs.scale_step,
                codes + begin * (to_.wide ? 2 : 1));
    };
    if (runs.count == 1 && runs.scale_step == 0) {
      c.par.loop(x.count, 1, [&](int64_t b, int64_t e) { quantize(b, e - b, 0); });
    } else {
      c.par.loop(runs.count, static_cast<double>(runs.length), [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          const QuantRuns::Run r = runs.run(i);
          quantize(r.begin, r.length, r.scale);
        }
      });
    }
    // Codes of packed types went one to a byte: a converter between unsigned types keeps their low bits.
    if (is_packed(to_.to))
      Converter(DType::kUint8, dtype_bits(to_.to) == 4 ? DType::kUint4 : DType::kUint2)
          .run(c.par, codes, y.data, y.count);
  }

 private:
  static int32_t whole(const float* zero, int64_t at) { return zero ? static_cast<int32_t>(zero[at]) : 0; }
  int64_t axis_, block_;
  QuantizeTo to_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  const DType zero = c.has_input(2) ? c.dtype(2) : DType::kUint8;
  const DType to = dtype_attr(c.attrs(), "output_dtype", c.node().def->outputs[0].types, zero);
  if (c.has_input(2) && to != zero)
    fail("attribute output_dtype is {}, but y_zero_point has {}", dtype_name(to), dtype_name(zero));
  check_granularity(c);
  ValueType t = c.type(0);
  t.elem = to;
  c.set_type(0, std::move(t));
}

constexpr DTypeSet kX10 = dtype_set({DType::kFloat, DType::kInt32}),
                   kX19 = kX10 | dtype_set({DType::kFloat16, DType::kBFloat16}),
                   kScale24 = kX19 | dtype_bit(DType::kFloat8E8M0), kY10 = kByteSet, kY19 = kY10 | kFloat8Set,
                   kY21 = kY19 | dtype_set({DType::kInt16, DType::kUint16, DType::kInt4, DType::kUint4}),
                   kY23 = kY21 | dtype_bit(DType::kFloat4E2M1), kY25 = kY23 | dtype_set({DType::kInt2, DType::kUint2}),
                   kY28 = kY25 | dtype_set({DType::kFloat6E2M3, DType::kFloat6E3M2}),
                   kMicrosoft = kY10 | dtype_set({DType::kInt16, DType::kUint16, DType::kInt4, DType::kUint4});

// Up to opset 13 the scale is a float tensor, then it shares x's type, from 23 on it has its own.
template <DTypeSet X, DTypeSet Y>
constexpr Port kIn10[] = {{"x", X, "T1"}, {"y_scale", kFloat32Set, ""}, {"y_zero_point", Y, "T2", PortUse::kOptional}};
template <DTypeSet X, DTypeSet Y>
constexpr Port kIn19[] = {{"x", X, "T1"}, {"y_scale", X, "T1"}, {"y_zero_point", Y, "T2", PortUse::kOptional}};
template <DTypeSet S, DTypeSet Y>
constexpr Port kIn23[] = {{"x", kX19, "T1"}, {"y_scale", S, "T2"}, {"y_zero_point", Y, "T3", PortUse::kOptional}};
template <DTypeSet Y>
constexpr Port kOut[] = {{"y", Y, "T2"}};
template <DTypeSet Y>
constexpr Port kOut23[] = {{"y", Y, "T3"}};
constexpr Port kInMicrosoft[] = {{"x", dtype_set({DType::kFloat16, DType::kFloat}), "T1"},
                                 {"y_scale", dtype_set({DType::kFloat16, DType::kFloat}), "T1"},
                                 {"y_zero_point", kMicrosoft, "T2", PortUse::kOptional}};

constexpr AttrDef kAxis[] = {int_attr("axis", 1)};
constexpr AttrDef kAttrs19[] = {int_attr("axis", 1), int_attr("saturate", 1)};
constexpr AttrDef kAttrs21[] = {int_attr("axis", 1), int_attr("block_size", 0), int_attr("output_dtype", 0),
                                int_attr("saturate", 1)};
constexpr AttrDef kAttrs23[] = {int_attr("axis", 1), int_attr("block_size", 0), int_attr("output_dtype", 0),
                                int_attr("precision", 0), int_attr("saturate", 1)};
constexpr AttrDef kAttrsMicrosoft[] = {optional_attr("axis", AttrKind::kInt)};
constexpr OpDef row(int since, int until, std::span<const Port> in, std::span<const Port> out,
                    std::span<const AttrDef> attrs, const char* domain = "") {
  return {"QuantizeLinear", domain, since, until, in, out, attrs, infer, make<Quantize>};
}
constexpr OpDef kOps[] = {
    row(10, 12, kIn10<kX10, kY10>, kOut<kY10>, {}),
    row(13, 18, kIn10<kX10, kY10>, kOut<kY10>, kAxis),
    row(19, 20, kIn19<kX19, kY19>, kOut<kY19>, kAttrs19),
    row(21, 22, kIn19<kX19, kY21>, kOut<kY21>, kAttrs21),
    row(23, 23, kIn23<kX19, kY23>, kOut23<kY23>, kAttrs23),
    row(24, 24, kIn23<kScale24, kY23>, kOut23<kY23>, kAttrs23),
    row(25, 27, kIn23<kScale24, kY25>, kOut23<kY25>, kAttrs23),
    row(28, 0, kIn23<kScale24, kY28>, kOut23<kY28>, kAttrs23),
    row(1, 0, kInMicrosoft, kOut<kMicrosoft>, kAttrsMicrosoft, "com.microsoft"),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::quantize_linear
