// Sliding windows: attributes and extents.
#include "ops/window.h"

namespace tenon::ops {
namespace {

constexpr int64_t kMaxEntry = int64_t{1} << 31;  // keeps every sum and product below int64

Dims read_list(const graph::Attrs& attrs, const char* name, size_t count, int64_t def, int64_t least) {
  const std::span<const int64_t> v = attrs.get_ints(name);
  if (v.empty()) return Dims(count, def);
  if (v.size() != count) fail("attribute {}: {} entries, expected {}", name, v.size(), count);
  for (int64_t x : v)
    if (x < least || x > kMaxEntry)
      fail("attribute {}: {} found, expected a value in [{}, {}]", name, x, least, kMaxEntry);
  return Dims(v);
}

}  // namespace

AutoPad read_auto_pad(const graph::Attrs& attrs) {
  const std::string_view s = attrs.get_string("auto_pad", "NOTSET");
  if (s == "NOTSET" || s.empty()) return AutoPad::kNotSet;
  if (s == "SAME_UPPER") return AutoPad::kSameUpper;
  if (s == "SAME_LOWER") return AutoPad::kSameLower;
  if (s == "VALID") return AutoPad::kValid;
  fail("attribute auto_pad: '{}' found, expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", s);
}

Window::Window(const graph::Attrs& attrs, size_t axes, std::span<const int64_t> weight_kernel)
    : stride(read_list(attrs, "strides", axes, 1, 1)),
      dilation(read_list(attrs, "dilations", axes, 1, 1)),
      auto_pad(read_auto_pad(attrs)),
      ceil_mode(attrs.get_int("ceil_mode", 0) != 0) {
  kernel = read_list(attrs, "kernel_shape", axes, 0, 1);
  if (attrs.get_ints("kernel_shape").empty()) kernel = Dims(weight_kernel);
  if (kernel.size() != axes) fail("kernel has {} spatial dims, expected {}", kernel.size(), axes);
  for (size_t i = 0; i < weight_kernel.size(); ++i) {
    if (differ(kernel[i], weight_kernel[i]))
      fail("attribute kernel_shape is {}, but the weights have the kernel {}", to_string(kernel),
           to_string(weight_kernel));
    if (is_symbol(kernel[i])) kernel[i] = weight_kernel[i];
  }
  begin = end = Dims(axes, 0);
  if (auto_pad != AutoPad::kNotSet) return;
  const Dims pads = read_list(attrs, "pads", 2 * axes, 0, 0);
  for (size_t i = 0; i < axes; ++i) {
    begin[i] = pads[i];
    end[i] = pads[axes + i];
  }
}

int64_t Window::out(InferContext& c, size_t i, int64_t in) const {
  Symbols& s = c.sym;
  if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower) return s.ceil_div(in, stride[i]);
  const int64_t reach = s.add(s.mul(s.sub(kernel[i], 1), dilation[i]), 1);
  const int64_t free = s.sub(s.add(in, begin[i] + end[i]), reach);
  int64_t n;
  if (!ceil_mode || auto_pad == AutoPad::kValid)
    n = s.add(s.floor_div(free, stride[i]), 1);
  else
    n = s.min(s.add(s.ceil_div(free, stride[i]), 1), s.add(s.floor_div(s.add(in, begin[i] - 1), stride[i]), 1));
  if (!is_symbol(n) && n < 0)
    fail("spatial axis {}: the window reaches over {} positions, but the padded input has {}", i, reach,
         in + begin[i] + end[i]);
  return n;
}

int64_t Window::same_pads(size_t i, int64_t in, int64_t out) const {
  const int64_t total = (out - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - in;
  return total > 0 ? total : 0;
}
int64_t Window::pad_begin(size_t i, int64_t in, int64_t out) const {
  if (auto_pad == AutoPad::kSameUpper) return same_pads(i, in, out) / 2;
  if (auto_pad == AutoPad::kSameLower) return (same_pads(i, in, out) + 1) / 2;
  return begin[i];
}
int64_t Window::pad_end(size_t i, int64_t in, int64_t out) const {
  if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower)
    return same_pads(i, in, out) - pad_begin(i, in, out);
  return end[i];
}

}  // namespace tenon::ops
