// Strided copies by element size, packed types, and shape rules shared by the ops that move elements.
#include "ops/move.h"

#include <algorithm>

#include "kernels/transpose.h"

namespace tenon::ops {
namespace {

constexpr double kNsPerByte = 0.1;

}  // namespace

void StridedCopy::loop(int64_t n, int64_t in_stride, int64_t out_stride) {
  if (n == 0) empty_ = true;
  if (n == 1 || empty_) return;
  if (rank_ > 0 && in_[rank_ - 1] == n * in_stride && out_[rank_ - 1] == n * out_stride) {
    n_[rank_ - 1] *= n;
    in_[rank_ - 1] = in_stride;
    out_[rank_ - 1] = out_stride;
    return;
  }
  if (rank_ == kMaxRank) fail(ErrorCode::kNotImplemented, "copy of a tensor with over {} strided dims", kMaxRank);
  n_[rank_] = n;
  in_[rank_] = in_stride;
  out_[rank_] = out_stride;
  ++rank_;
}

void StridedCopy::run(const Parallel& par, DType t, const void* in, void* out) const {
  if (empty_) return;
  const auto rank = static_cast<size_t>(rank_);
  if (t != DType::kString)
    return kernels::copy_strided(in, {in_, rank}, out, {out_, rank}, {n_, rank}, dtype_size(t), par);
  strings(0, static_cast<const std::string*>(in), static_cast<std::string*>(out));
}

void StridedCopy::strings(int k, const std::string* in, std::string* out) const {
  if (k == rank_) {
    *out = *in;
    return;
  }
  for (int64_t i = 0; i < n_[k]; ++i) strings(k + 1, in + i * in_[k], out + i * out_[k]);
}

void copy_elements(const Parallel& par, DType t, const void* in, void* out, int64_t n) {
  if (t == DType::kString) {
    std::copy_n(static_cast<const std::string*>(in), n, static_cast<std::string*>(out));
    return;
  }
  const auto size = static_cast<int64_t>(dtype_size(t));
  par.loop(n, static_cast<double>(size) * kNsPerByte, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(out) + begin * size, static_cast<const char*>(in) + begin * size,
                static_cast<size_t>((end - begin) * size));
  });
}

void fill_elements(const Parallel& par, DType t, const void* value, void* out, int64_t n) {
  visit_size(t, [&]<class T>() {
    const T v = *static_cast<const T*>(value);
    par.loop(n, 0.3, [&](int64_t begin, int64_t end) {
      std::fill(static_cast<T*>(out) + begin, static_cast<T*>(out) + end, v);
    });
  });
}

void copy_tensor(const Parallel& par, const TensorRef& in, const TensorRef& out) {
  if (in.data == out.data || in.count == 0) return;
  if (is_packed(in.dtype)) {
    std::memcpy(out.data, in.data, in.bytes());
  } else {
    copy_elements(par, in.dtype, in.data, out.data, in.count);
  }
}

Value copy_of(const Parallel& par, const TensorRef& t) {
  Value v = Value::tensor(t.dtype, t.dims());
  copy_tensor(par, t, ref_of(v));
  return v;
}

TensorRef addressable_output(KernelContext& c, const TensorRef& t) {
  if (!is_packed(t.dtype)) return t;
  TensorRef r = t;
  r.dtype = DType::kUint8;
  r.data = c.scratch<uint8_t>(t.count);
  return r;
}

TensorRef addressable(KernelContext& c, const TensorRef& t) {
  TensorRef r = addressable_output(c, t);
  if (!is_packed(t.dtype)) return r;
  const int bits = dtype_bits(t.dtype), per_byte = 8 / bits, mask = (1 << bits) - 1;
  const auto* in = t.as<uint8_t>();
  auto* out = r.out<uint8_t>();
  for (int64_t i = 0; i < t.count; ++i) out[i] = static_cast<uint8_t>(in[i / per_byte] >> (i % per_byte * bits) & mask);
  return r;
}

void finish(const TensorRef& written, const TensorRef& output) {
  if (!is_packed(output.dtype)) return;
  const int bits = dtype_bits(output.dtype), per_byte = 8 / bits;
  const auto* in = written.as<uint8_t>();
  auto* out = output.out<uint8_t>();
  for (int64_t i = 0; i < output.count; i += per_byte) {
    unsigned packed = 0;  // unused high bits of the last byte are zero
    for (int64_t j = i; j < std::min(i + per_byte, output.count); ++j)
      packed |= static_cast<unsigned>(in[j]) << (j - i) * bits;
    out[i / per_byte] = static_cast<uint8_t>(packed);
  }
}

double number_at(const TensorRef& t, int64_t i) {
  if (t.dtype == DType::kFloat16) return to_float(t.as<Half>()[i]);
  if (t.dtype == DType::kBFloat16) return to_float(t.as<BFloat16>()[i]);
  return visit<NumericTypes>(t.dtype, [&]<class T>() { return static_cast<double>(t.as<T>()[i]); });
}

namespace {
struct Copy final : Kernel {
  explicit Copy(const NodeInfo& info) : tensor(!info.has_input(0) || info.inputs[0]->is_tensor()) {}
  void run(KernelContext& c) const override {
    if (tensor) {
      copy_tensor(c.par, c.input(0), c.output(0));
    } else {
      c.set_output(0, c.input_value(0));
    }
  }
  bool tensor;
};
}  // namespace

std::unique_ptr<const Kernel> make_copy(const NodeInfo& info) { return make<Copy>(info); }

void limit_elements(std::span<const int64_t> dims) {
  int64_t n = 1;
  bool over = false;
  for (int64_t d : dims) {
    if (d == 0) return;
    if (is_symbol(d)) continue;
    over = over || d > kMaxElements / n;
    if (!over) n *= d;
  }
  if (!over) return;
  for (int64_t d : dims)
    if (is_symbol(d)) return;  // may still be zero
  fail_limit("tensor_elements", "output shape {} has over {} elements", to_string(dims), kMaxElements);
}

void pass_ints(InferContext& c) {
  if (!contains(kIntSet | kBoolSet, c.dtype(0))) return;
  if (auto v = c.data_ints(0)) c.set_ints(0, std::move(*v));
}

Dims fresh_dims(InferContext& c, size_t n) {
  Dims d(n, 0);
  for (auto& x : d) x = c.fresh();
  return d;
}

IntsArg ints_arg(InferContext& c, size_t i, std::string_view name) {
  if (c.has_input(i)) return {true, c.ints(i)};
  if (!c.attrs().has(name)) return {};
  const auto v = c.attrs().get_ints(name);
  return {true, std::vector<int64_t>(v.begin(), v.end())};
}

std::optional<size_t> int_count(InferContext& c, size_t i) {
  if (c.has_rank(i) && c.rank(i) == 1 && !is_symbol(c.dims(i)[0])) return static_cast<size_t>(c.dims(i)[0]);
  return std::nullopt;
}

}  // namespace tenon::ops
