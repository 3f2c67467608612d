// DepthToSpace and SpaceToDepth: blocks of the channel dim to blocks of space and back (NCHW).
#include "ops/move.h"

namespace tenon::ops::depth_to_space {
namespace {

int64_t block_size(const graph::Attrs& attrs) {
  const int64_t b = attrs.get_int("blocksize", 0);
  if (b < 1 || b > (1 << 20)) fail("blocksize is {}, expected [1, {}]", b, 1 << 20);
  return b;
}
bool channel_first(const graph::Attrs& attrs) {
  const std::string_view mode = attrs.get_string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") fail("mode is \"{}\", expected DCR or CRD", mode);
  return mode == "CRD";
}
int64_t divided(InferContext& c, int64_t dim, int64_t by, const char* what) {
  if (!is_symbol(dim) && dim % by != 0) fail("{} is {}, expected a multiple of {}", what, dim, by);
  return c.sym.floor_div(dim, by);
}

void infer_to_space(InferContext& c) {
  const int64_t b = block_size(c.attrs());
  channel_first(c.attrs());
  expect_rank(c, 0, 4);
  if (!c.has_rank(0)) return c.set(0, c.dtype(0), fresh_dims(c, 4));
  const Dims& d = c.dims(0);
  c.set(0, c.dtype(0), {d[0], divided(c, d[1], b * b, "channel dim"), c.sym.mul(d[2], b), c.sym.mul(d[3], b)});
}
void infer_to_depth(InferContext& c) {
  const int64_t b = block_size(c.attrs());
  channel_first(c.attrs());
  expect_rank(c, 0, 4);
  if (!c.has_rank(0)) return c.set(0, c.dtype(0), fresh_dims(c, 4));
  const Dims& d = c.dims(0);
  c.set(0, c.dtype(0), {d[0], c.sym.mul(d[1], b * b), divided(c, d[2], b, "height"), divided(c, d[3], b, "width")});
}

/// Both directions visit (n, by, bx, c, h, w): the depth tensor has c and the block offsets in its channel dim, in
/// either order, the space tensor has them in its rows and columns.
template <bool kToSpace>
struct Rearrange final : Kernel {
  explicit Rearrange(const NodeInfo& info) : block(block_size(info.attrs)), crd(channel_first(info.attrs)) {}

  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const TensorRef in = addressable(c, c.input(0)), out = addressable_output(c, y);
    const TensorRef &depth = kToSpace ? in : out, &space = kToSpace ? out : in;
    const int64_t channels = space.dim[1], h = depth.dim[2], w = depth.dim[3], b = block;
    const int64_t plane = h * w, row = space.dim[3];
    const int64_t offset = crd ? plane : channels * plane, channel = crd ? b * b * plane : plane;
    StridedCopy copy;
    const auto loop = [&](int64_t n, int64_t depth_stride, int64_t space_stride) {
      copy.loop(n, kToSpace ? depth_stride : space_stride, kToSpace ? space_stride : depth_stride);
    };
    loop(in.dim[0], b * b * channels * plane, channels * space.dim[2] * row);
    loop(channels, channel, space.dim[2] * row);
    if (kToSpace) {  // the order in which the output is contiguous
      loop(h, w, b * row);
      loop(b, b * offset, row);
      loop(w, 1, b);
      loop(b, offset, 1);
    } else {
      loop(b, b * offset, row);
      loop(b, offset, 1);
      loop(h, w, b * row);
      loop(w, 1, b);
    }
    copy.run(c.par, in.dtype, in.data, out.data);
    finish(out, y);
  }
  int64_t block;
  bool crd;
};

constexpr AttrDef kAttrs1[] = {required_attr("blocksize", AttrKind::kInt)};
constexpr AttrDef kAttrs11[] = {required_attr("blocksize", AttrKind::kInt), string_attr("mode", "DCR")};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T}}, kOut[] = {{"output", T}};
};
constexpr OpDef kToSpace = {
    .name = "DepthToSpace", .attrs = kAttrs11, .infer = infer_to_space, .make = make<Rearrange<true>>};
constexpr OpDef kToDepth = {
    .name = "SpaceToDepth", .attrs = kAttrs1, .infer = infer_to_depth, .make = make<Rearrange<false>>};
constexpr OpDef kOps[] = {
    row_of<Ports<kIr3Set>>(kToSpace, 1, 10, kAttrs1),  row_of<Ports<kIr3Set>>(kToSpace, 11, 12),
    row_of<Ports<kIr4Set>>(kToSpace, 13, 27),          row_of<Ports<kIr4Set>>(kToSpace, 28, 0),
    row_of<Ports<kIr3Set>>(kToDepth, 1, 12),           row_of<Ports<kIr4Set>>(kToDepth, 13, 27),
    row_of<Ports<kIr4Set>>(kToDepth, 28, 0, kAttrs11),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::depth_to_space
