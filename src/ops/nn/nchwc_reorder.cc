// com.microsoft.nchwc ReorderInput and ReorderOutput: between [N, C, H, W] (or channels last) and blocked channels.
#include <cstring>

#include "ops/channels_last.h"
#include "ops/nchwc.h"

namespace tenon::ops::nchwc_reorder {
namespace {

bool is_last(const graph::Attrs& attrs) { return attrs.get_int("channels_last", 0) != 0; }

/// Copies `channels` channels of every image: element (c, s) of an image lies at c / b * outer + c % b * lane + s *
/// step.
struct View {
  int64_t image, outer, lane, step;

  static View blocked(std::span<const int64_t> d) {
    const int64_t b = nchwc::block(), s = d[2] * d[3];
    return {d[1] * s, b * s, 1, b};
  }
  static View plain(std::span<const int64_t> d, bool last) {  // dims in the order of the layout
    const int64_t b = nchwc::block(), s = last ? d[1] * d[2] : d[2] * d[3], c = last ? d[3] : d[1];
    return last ? View{c * s, b, 1, c} : View{c * s, b * s, s, 1};
  }
};
void copy(const Parallel& par, int64_t images, int64_t channels, int64_t positions, const View& from, const View& to,
          const float* x, float* y) {
  const int64_t b = nchwc::block();
  const auto part = [&](int64_t first, int64_t blocks, int64_t lanes) {
    StridedCopy c;
    c.loop(images, from.image, to.image);
    c.loop(blocks, from.outer, to.outer);
    c.loop(positions, from.step, to.step);
    c.loop(lanes, from.lane, to.lane);
    c.run(par, DType::kFloat, x + first * from.outer, y + first * to.outer);
  };
  part(0, channels / b, b);
  if (channels % b) part(channels / b, 1, channels % b);
}

struct ReorderInput final : Kernel {
  explicit ReorderInput(const NodeInfo& n) : last(is_last(n.attrs)) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t channels = x.dim[last ? 3 : 1];
    if (channels != y.dim[1]) std::memset(y.data, 0, y.bytes());
    copy(c.par, y.dim[0], channels, y.dim[2] * y.dim[3], View::plain(x.dims(), last), View::blocked(y.dims()),
         x.as<float>(), y.out<float>());
  }
  bool last;
};
struct ReorderOutput final : Kernel {
  explicit ReorderOutput(const NodeInfo& n) : last(is_last(n.attrs)) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    copy(c.par, y.dim[0], y.dim[last ? 3 : 1], x.dim[2] * x.dim[3], View::blocked(x.dims()),
         View::plain(y.dims(), last), x.as<float>(), y.out<float>());
  }
  bool last;
};

void infer_input(InferContext& c) {
  expect_rank(c, 0, 4);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = is_last(c.attrs()) ? channels_first(c.dims(0)) : c.dims(0);
  d[1] = c.sym.mul(c.sym.ceil_div(d[1], nchwc::block()), nchwc::block());
  c.set(0, c.dtype(0), std::move(d));
}
void infer_output(InferContext& c) {
  nchwc::expect_blocked(c);
  const int64_t channels = c.attrs().get_int("channels", 0);
  if (channels < 1 || channels >= int64_t{1} << 31)
    fail("attribute channels is {}, expected at least 1 and below 2^31", channels);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  if (!is_symbol(d[1]) && d[1] != nchwc::padded(channels))
    fail("X has {} channels, expected {} for {} after it", d[1], nchwc::padded(channels), channels);
  d[1] = channels;
  c.set(0, c.dtype(0), is_last(c.attrs()) ? channels_last(d) : std::move(d));
}

constexpr Port kIn[] = {{"X", kFloat32Set}}, kOut[] = {{"Y", kFloat32Set}};
constexpr AttrDef kInputAttrs[] = {int_attr("channels_last", 0)};
constexpr AttrDef kOutputAttrs[] = {int_attr("channels", 0), int_attr("channels_last", 0)};
constexpr const char* kDomain = "com.microsoft.nchwc";
constexpr OpDef kOps[] = {
    {"ReorderInput", kDomain, 1, 0, kIn, kOut, kInputAttrs, infer_input, make<ReorderInput>},
    {"ReorderOutput", kDomain, 1, 0, kIn, kOut, kOutputAttrs, infer_output, make<ReorderOutput>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::nchwc_reorder
