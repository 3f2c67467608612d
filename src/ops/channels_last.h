// Tensors with channels in the last dim, [N, spatial..., C], for ops whose loops take them in dim 1.
#pragma once
#include <vector>

#include "ops/infer.h"
#include "ops/move.h"

namespace tenon::ops {

/// [N, s..., C] as [N, C, s...], and back.
inline Dims channels_first(std::span<const int64_t> d) {
  Dims out(d);
  if (d.size() < 2) return out;
  out.erase(d.size() - 1);
  out.insert(1, d.back());
  return out;
}
inline Dims channels_last(std::span<const int64_t> d) {
  Dims out(d);
  if (d.size() < 2) return out;
  out.erase(1);
  out.push_back(d[1]);
  return out;
}

/// `infer` (of an op with one result) asked about channels-first dims of the inputs in the bit mask.
inline void infer_channels_last(InferContext& c, uint32_t inputs, void (*infer)(InferContext&)) {
  std::vector<ValueType> own(c.num_inputs());
  std::vector<const ValueType*> types(c.num_inputs());
  for (size_t i = 0; i < types.size(); ++i) {
    if (!c.has_input(i)) continue;
    own[i] = c.type(i);
    if (inputs >> i & 1) own[i].dims = channels_first(own[i].dims);
    types[i] = &own[i];
  }
  InferContext inner = c.over(types);
  infer(inner);
  ValueType y = *inner.result(0);
  y.dims = channels_last(y.dims);
  c.set_type(0, std::move(y));
}

/// Copies between the layouts; `from` has the dims [N, s..., C] or [N, C, s...], types are byte-addressable.
inline void to_channels_first(const Parallel& par, const TensorRef& from, void* to) {
  const int64_t n = from.dim[0], c = from.dim[from.rank - 1], s = extent(from.dims(), 1, from.rank - 1);
  StridedCopy copy;
  copy.loop(n, c * s, c * s);
  copy.loop(c, 1, s);
  copy.loop(s, c, 1);
  copy.run(par, from.dtype, from.data, to);
}
inline void to_channels_last(const Parallel& par, const TensorRef& from, void* to) {
  const int64_t n = from.dim[0], c = from.dim[1], s = extent(from.dims(), 2, from.rank);
  StridedCopy copy;
  copy.loop(n, c * s, c * s);
  copy.loop(s, 1, c);
  copy.loop(c, s, 1);
  copy.run(par, from.dtype, from.data, to);
}

/// The layout of tensors with channels last, for Relayout.
struct ChannelsLast {
  static Dims plain_dims(std::span<const int64_t> d) { return channels_first(d); }
  static void to_plain(const Parallel& par, const TensorRef& from, void* to) { to_channels_first(par, from, to); }
  static void from_plain(const Parallel& par, const TensorRef& from, void* to) { to_channels_last(par, from, to); }
};

}  // namespace tenon::ops
