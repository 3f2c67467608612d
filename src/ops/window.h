// Sliding windows of convolutions and pools: attributes, padding rules, result extents.
#pragma once
#include "graph/attr.h"
#include "kernels/conv.h"
#include "ops/infer.h"
#include "ops/rows.h"

namespace tenon::ops {

enum class AutoPad : uint8_t { kNotSet, kSameUpper, kSameLower, kValid };
AutoPad read_auto_pad(const graph::Attrs& attrs);

/// The window over `axes` spatial dims, checked: lengths, kernel and strides and dilations >= 1, pads >= 0.
struct Window {
  Dims kernel, stride, dilation, begin, end;
  AutoPad auto_pad = AutoPad::kNotSet;
  bool ceil_mode = false;

  /// `kernel` = the extents when the attribute kernel_shape is absent (Conv: dims of W); may hold symbols.
  Window(const graph::Attrs& attrs, size_t axes, std::span<const int64_t> kernel = {});
  size_t axes() const { return kernel.size(); }
  /// Result extent along axis i of an input of extent `in` (symbols allowed): floor((in + pads - dilated) / stride) +
  /// 1, ceil_mode and auto_pad as ONNX says; windows that would start in the end padding are left out.
  int64_t out(InferContext& c, size_t i, int64_t in) const;
  /// Begin padding along axis i for concrete extents.
  int64_t pad_begin(size_t i, int64_t in, int64_t out) const;
  int64_t pad_end(size_t i, int64_t in, int64_t out) const;

 private:
  int64_t same_pads(size_t i, int64_t in, int64_t out) const;
};

/// Spatial part of a kernel's shape struct (ConvShape, PoolArgs) from the window and concrete dims [N, C, spatial...].
template <class Shape>
void set_spatial(Shape& s, const Window& w, std::span<const int64_t> in, std::span<const int64_t> out) {
  s.rank = static_cast<int>(w.axes());
  for (size_t i = 0; i < w.axes(); ++i) {
    s.in[i] = in[i + 2];
    s.out[i] = out[i + 2];
    s.kernel[i] = w.kernel[i];
    s.stride[i] = w.stride[i];
    s.dilation[i] = w.dilation[i];
    s.pad[i] = w.pad_begin(i, in[i + 2], out[i + 2]);
  }
}

// Rows of convolutions.
inline constexpr auto kConvAttrs =
    std::to_array<AttrDef>({string_attr("auto_pad", "NOTSET"), optional_attr("dilations", AttrKind::kInts),
                            int_attr("group", 1), optional_attr("kernel_shape", AttrKind::kInts),
                            optional_attr("pads", AttrKind::kInts), optional_attr("strides", AttrKind::kInts)});
template <DTypeSet T>
struct ConvPorts {
  static constexpr Port kIn[] = {{"X", T}, {"W", T}, {"B", T, "T", PortUse::kOptional}}, kOut[] = {{"Y", T}};
};

}  // namespace tenon::ops
