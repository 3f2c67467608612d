// com.microsoft.nchwc Upsample: blocked channels, height and width times whole scales.
#include "kernels/table.h"
#include "ops/nchwc.h"
#include "ops/relayout.h"
#include "ops/resample.h"

namespace tenon::ops::nchwc_upsample {
namespace {

struct Form {
  resize::Sampling sampling;
  int64_t height, width;

  explicit Form(const graph::Attrs& attrs) {
    const auto scales = attrs.get_ints("scales");
    if (scales.size() != 4 || scales[0] != 1 || scales[1] != 1 || scales[2] < 1 || scales[3] < 1 ||
        scales[2] > kMaxElements || scales[3] > kMaxElements)
      fail("attribute scales is {}, expected [1, 1, height, width] from 1 to 2^40", to_string(scales));
    height = scales[2], width = scales[3];
    const std::string_view mode = attrs.get_string("mode", "nearest"),
                           how = attrs.get_string("coordinate_transformation_mode", "asymmetric");
    if (mode != "nearest" && mode != "linear") fail("mode is \"{}\", expected nearest or linear", mode);
    sampling.mode = resize::read_mode(mode);
    using enum resize::Coordinates;
    if (how == "asymmetric")
      sampling.coordinates = kAsymmetric;
    else if (mode == "linear" && how == "half_pixel")
      sampling.coordinates = kHalfPixel;
    else if (mode == "linear" && how == "align_corners")
      sampling.coordinates = kAlignCorners;
    else
      fail("coordinate_transformation_mode is \"{}\", expected asymmetric{}", how,
           mode == "linear" ? ", half_pixel or align_corners" : " with mode nearest");
  }
};

class Plain {
 public:
  explicit Plain(const NodeInfo& n) : form_(n.attrs), table_(kernels::kernels_for(n.isa)) {}
  void run(KernelContext& c) const {
    const TensorRef &x = c.input(0), &y = c.output(0);
    resize::Axis* axes = c.scratch<resize::Axis>(4);
    for (size_t i = 0; i < 4; ++i) {
      axes[i] = resize::Axis();
      axes[i].in = x.dim[i], axes[i].out = y.dim[i];
      axes[i].length = static_cast<double>(y.dim[i]);
    }
    resize::resample(c, form_.sampling, {axes, 4}, table_);
  }

 private:
  Form form_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  const Form f(c.attrs());
  nchwc::expect_blocked(c);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims& d = c.dims(0);
  Dims out{d[0], d[1], c.sym.mul(d[2], f.height), c.sym.mul(d[3], f.width)};
  limit_elements(out);
  c.set(0, c.dtype(0), std::move(out));
}

constexpr Port kIn[] = {{"X", kFloat32Set}}, kOut[] = {{"Y", kFloat32Set}};
constexpr AttrDef kAttrs[] = {string_attr("coordinate_transformation_mode", "asymmetric"),
                              string_attr("mode", "nearest"), optional_attr("scales", AttrKind::kInts)};
constexpr OpDef kOps[] = {
    {"Upsample", "com.microsoft.nchwc", 1, 0, kIn, kOut, kAttrs, infer, make<Relayout<Plain, nchwc::Layout, 1>>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::nchwc_upsample
