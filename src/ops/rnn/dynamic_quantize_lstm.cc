// com.microsoft DynamicQuantizeLSTM: LSTM with 8-bit W [D, input, 4 H] and R [D, H, 4 H], one scale and zero point per
// direction or per column of it. The weights become fp32 once; activations are never rounded to 8 bits.
#include "kernels/table.h"
#include "ops/integer_product.h"
#include "ops/move.h"
#include "ops/recurrent.h"

namespace tenon::ops::dynamic_quantize_lstm {
namespace {

constexpr size_t kX = 0, kW = 1, kR = 2, kLstmInputs = 8, kScales[] = {8, 10}, kZeros[] = {9, 11};
constexpr int64_t kGates = 4;

/// [D, k, 4 H] codes as [D, 4 H, k] floats.
void dequantize(const TensorRef& w, const TensorRef& scale, const TensorRef& zero, float* to) {
  const int64_t k = w.dim[1], n = w.dim[2], per = scale.count / std::max<int64_t>(w.dim[0], 1);
  for (int64_t i = 0; i < w.count; ++i) {
    const int64_t d = i / (k * n), row = i / n % k, column = i % n, s = d * per + (per == 1 ? 0 : column);
    const int32_t z = byte_at(zero, zero.count == scale.count ? s : d);
    to[(d * n + column) * k + row] = static_cast<float>(byte_at(w, i) - z) * scale.as<float>()[s];
  }
}

class DynamicQuantizeLstm final : public Kernel {
 public:
  explicit DynamicQuantizeLstm(const NodeInfo& info) {
    std::vector<ValueType> types(kLstmInputs);
    std::vector<const ValueType*> in(kLstmInputs);
    std::vector<Value> constants(kLstmInputs);
    for (size_t i = 0; i < kLstmInputs; ++i) {
      if (!info.has_input(i)) continue;
      types[i] = *info.inputs[i];
      in[i] = &types[i];
      if (i != kW && i != kR) constants[i] = info.constant(i);
    }
    for (size_t i : {kW, kR}) {
      types[i].elem = DType::kFloat;
      types[i].has_rank = false;
      const Value w = info.constant(i), scale = info.constant(kScales[i - kW]), zero = info.constant(kZeros[i - kW]);
      if (!w || !scale || !zero) continue;
      const int64_t dims[] = {w.dims()[0], w.dims()[2], w.dims()[1]};
      weights_[i - kW] = Value::tensor(DType::kFloat, dims);
      dequantize(ref_of(w), ref_of(scale), ref_of(zero), weights_[i - kW].as_mutable<float>().data());
      constants[i] = weights_[i - kW];
    }
    const OpDef* row = builtin_ops().find("", "LSTM", 14);
    NodeInfo inner{"LSTM", info.name, 14, info.attrs, in, info.outputs, constants, nullptr, info.isa};
    lstm_ = row->make(inner);
  }

  void run(KernelContext& c) const override {
    TensorRef slots[kLstmInputs + 3];
    uint32_t in[kLstmInputs], out[3];
    for (size_t i = 0; i < kLstmInputs; ++i) {
      in[i] = c.has_input(i) ? static_cast<uint32_t>(i) : UINT32_MAX;
      if (c.has_input(i)) slots[i] = c.input(i);
    }
    for (size_t j = 0; j < 3; ++j) {
      out[j] = c.has_output(j) ? static_cast<uint32_t>(kLstmInputs + j) : UINT32_MAX;
      if (c.has_output(j)) slots[kLstmInputs + j] = c.output(j);
    }
    int64_t dims[2][3];
    for (size_t i : {kW, kR}) {
      TensorRef& w = slots[i];
      int64_t* d = dims[i - kW];
      d[0] = w.dim[0], d[1] = w.dim[2], d[2] = w.dim[1];
      float* floats = nullptr;
      if (!weights_[i - kW]) {
        floats = c.scratch<float>(w.count);
        dequantize(w, c.input(kScales[i - kW]), c.input(kZeros[i - kW]), floats);
      }
      w.data = floats ? floats : const_cast<void*>(weights_[i - kW].data());
      w.dtype = DType::kFloat;
      w.dim = d;
    }
    KernelContext inner = c.over(slots, in, out);
    lstm_->run(inner);
  }

 private:
  Value weights_[2];
  std::unique_ptr<const Kernel> lstm_;
};

void infer(InferContext& c) {
  static constexpr const char* kDefaults[] = {"Sigmoid", "Tanh", "Tanh"};
  std::vector<ValueType> own(kLstmInputs);
  std::vector<const ValueType*> types(kLstmInputs);
  for (size_t i = 0; i < kLstmInputs; ++i) {
    if (!c.has_input(i)) continue;
    own[i] = c.type(i);
    if (i == kW || i == kR) {
      expect_rank(c, i, 3);
      own[i].elem = DType::kFloat;
      if (own[i].has_rank) std::swap(own[i].dims[1], own[i].dims[2]);
    }
    types[i] = &own[i];
  }
  for (size_t i : {kW, kR})
    for (size_t operand : {kScales[i - kW], kZeros[i - kW]})
      if (c.has_rank(operand) && c.has_rank(i)) {
        const int64_t n = c.sym.product(c.dims(operand)), d = c.dims(i)[0];
        if (differ(n, d) && differ(n, c.sym.mul(d, c.dims(i)[2])))
          fail("input {} has {} elements, expected one per direction or per column", static_cast<int>(operand),
               c.sym.to_string(n));
      }
  InferContext inner = c.over(types);
  recurrent::infer_layer(inner, kGates, kDefaults);
  for (size_t j = 0; j < 3; ++j)
    if (inner.has_output(j) && inner.result(j)) c.set_type(j, *inner.result(j));
}

constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"X", kFloat32Set},
                        {"W", kByteSet, "T2"},
                        {"R", kByteSet, "T2"},
                        {"B", kFloat32Set, "T", kOpt},
                        {"sequence_lens", dtype_bit(DType::kInt32), "T1", kOpt},
                        {"initial_h", kFloat32Set, "T", kOpt},
                        {"initial_c", kFloat32Set, "T", kOpt},
                        {"P", kFloat32Set, "T", kOpt},
                        {"W_scale", kFloat32Set},
                        {"W_zero_point", kByteSet, "T2"},
                        {"R_scale", kFloat32Set},
                        {"R_zero_point", kByteSet, "T2"}};
constexpr Port kOut[] = {
    {"Y", kFloat32Set, "T", kOpt}, {"Y_h", kFloat32Set, "T", kOpt}, {"Y_c", kFloat32Set, "T", kOpt}};
constexpr auto kAttrs = recurrent::attrs_and(int_attr("input_forget", 0));
constexpr OpDef kOps[] = {
    {"DynamicQuantizeLSTM", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<DynamicQuantizeLstm>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dynamic_quantize_lstm
