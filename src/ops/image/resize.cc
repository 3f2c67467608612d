// Resize: output values are interpolated at coordinates that a transformation maps back into the input.
#include <algorithm>
#include <cmath>

#include "kernels/table.h"
#include "ops/move.h"
#include "ops/resize_attrs.h"

namespace tenon::ops::resize {
namespace {

// Operands by version: opset 10 has (X, scales), later ones (X, roi, scales, sizes).
size_t scales_input(int since) { return since < 11 ? 1 : 2; }
constexpr size_t kRoi = 1, kSizes = 3;

/// An optional operand may also be given as an empty tensor.
bool given(InferContext& c, size_t i) {
  return c.has_input(i) && !(c.has_rank(i) && c.rank(i) == 1 && c.dims(i)[0] == 0);
}

void infer(InferContext& c) {
  const size_t scales_at = scales_input(c.since());
  bool sized = c.since() >= 11 && given(c, kSizes);
  if (const auto sizes = sized ? c.ints(kSizes) : std::nullopt; sizes && sizes->empty()) sized = false;
  const Sampling sampling = read_sampling(c.attrs(), c.since());
  const Policy policy = read_policy(c.attrs());
  const bool scaled =
      given(c, scales_at) && c.has_rank(scales_at) && c.rank(scales_at) == 1 && !is_symbol(c.dims(scales_at)[0]);
  if (sized && scaled && c.has_rank(kSizes) && !is_symbol(c.dims(kSizes)[0]))
    fail("scales and sizes exclude each other");
  if (!sized && !given(c, scales_at)) fail("neither scales nor sizes are given");
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims x = c.dims(0), axes = read_axes(c.attrs(), x.size());
  const auto expect_entries = [&](size_t i, size_t n) {
    expect_rank(c, i, 1);
    if (c.has_rank(i)) expect_equal(c, c.dims(i)[0], static_cast<int64_t>(n), "entries of scales, sizes or roi");
  };
  expect_entries(sized ? kSizes : scales_at, axes.size());
  const bool crop = sampling.coordinates == Coordinates::kTfCropAndResize;
  if (crop && !given(c, kRoi)) fail("tf_crop_and_resize needs the input roi");
  if (crop) expect_entries(kRoi, 2 * axes.size());

  Dims out = x;
  for (int64_t a : axes) out[static_cast<size_t>(a)] = c.fresh();
  if (sized) {
    const auto sizes = c.ints(kSizes);
    bool known = sizes.has_value();
    for (size_t i = 0; known && i < axes.size(); ++i) {
      if (!is_symbol((*sizes)[i]) && (*sizes)[i] < 0) fail("sizes[{}] is {}, expected at least 0", i, (*sizes)[i]);
      if (policy != Policy::kStretch) known = !is_symbol((*sizes)[i]) && !is_symbol(x[static_cast<size_t>(axes[i])]);
    }
    const double scale = known && policy != Policy::kStretch ? common_scale(policy, x, axes, *sizes) : 0;
    for (size_t i = 0; known && i < axes.size(); ++i) {
      const size_t a = static_cast<size_t>(axes[i]);
      out[a] = policy == Policy::kStretch ? (*sizes)[i] : static_cast<int64_t>(scale * static_cast<double>(x[a]) + 0.5);
    }
  } else if (const auto scales = c.floats(scales_at)) {
    const auto roi = crop ? c.floats(kRoi) : std::nullopt;
    for (size_t i = 0; i < axes.size() && (!crop || roi); ++i) {
      const float s = static_cast<float>((*scales)[i]);
      if (!(s > 0) || !std::isfinite(s)) fail("scales[{}] is {}, expected a positive number", i, s);
      const int64_t in = x[static_cast<size_t>(axes[i])];
      const double region = crop ? (*roi)[axes.size() + i] - (*roi)[i] : 1;
      if (region < 0) fail("roi of axis {} ends before it starts", axes[i]);
      if (region != 1 && is_symbol(in)) continue;
      out[static_cast<size_t>(axes[i])] = scaled_extent(c, in, s * static_cast<float>(region));
    }
  }
  c.set(0, c.dtype(0), std::move(out));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : attrs_(info.attrs),
        sampling_(read_sampling(info.attrs, info.since)),
        policy_(read_policy(info.attrs)),
        scales_at_(scales_input(info.since)),
        sizes_at_(info.since < 11 ? SIZE_MAX : kSizes),
        table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const bool sized = c.has_input(sizes_at_) && c.input(sizes_at_).count > 0;
    const Dims picked = read_axes(attrs_, x.rank);
    Dims dims(x.dims());
    double scale = 0;
    if (sized) {
      const TensorRef& sizes = c.input(sizes_at_);
      for (size_t i = 0; i < picked.size(); ++i) dims[static_cast<size_t>(picked[i])] = sizes.as<int64_t>()[i];
      if (policy_ != Policy::kStretch) {
        scale = common_scale(policy_, x.dims(), picked, sizes_of(c));
        for (int64_t a : picked)
          dims[static_cast<size_t>(a)] = static_cast<int64_t>(scale * static_cast<double>(x.dim[a]) + 0.5);
      }
    } else {
      dims = Dims(c.output(0).dims());
    }
    Axis* axes = c.scratch<Axis>(x.rank);
    for (size_t i = 0; i < x.rank; ++i) {
      axes[i] = Axis();
      axes[i].in = x.dim[i], axes[i].out = dims[i];
      axes[i].length = static_cast<double>(dims[i]);
    }
    const bool crop = sampling_.coordinates == Coordinates::kTfCropAndResize;
    const double* roi = crop ? load_roi(c, picked.size()) : nullptr;
    for (size_t i = 0; i < picked.size(); ++i) {
      Axis& a = axes[picked[i]];
      if (roi) {
        a.roi_start = roi[i];
        a.roi_end = roi[picked.size() + i];
      } else if (sized && policy_ != Policy::kStretch) {
        a.length = scale * static_cast<double>(a.in);
      } else if (!sized) {
        a.length = resized_length(a.in, a.out, c.input(scales_at_).as<float>()[i]);
      }
    }
    resample(c, sampling_, {axes, x.rank}, table_);
  }

 private:
  std::span<const int64_t> sizes_of(KernelContext& c) const {
    const TensorRef& t = c.input(sizes_at_);
    return {t.as<int64_t>(), static_cast<size_t>(t.count)};
  }
  const double* load_roi(KernelContext& c, size_t axes) const {
    const TensorRef& t = c.input(kRoi);
    if (t.count != static_cast<int64_t>(2 * axes)) fail("roi has {} entries, expected {}", t.count, 2 * axes);
    double* out = c.scratch<double>(t.count);
    visit<TypeList<float, double, Half>>(t.dtype, [&]<class T>() {
      for (int64_t i = 0; i < t.count; ++i) {
        if constexpr (std::is_same_v<T, Half>)
          out[i] = static_cast<double>(to_float(t.as<T>()[i]));
        else
          out[i] = static_cast<double>(t.as<T>()[i]);
      }
    });
    return out;
  }

  graph::Attrs attrs_;
  Sampling sampling_;
  Policy policy_;
  size_t scales_at_, sizes_at_;
  const kernels::KernelTable& table_;
};

constexpr PortUse kOpt = PortUse::kOptional;
struct Ports10 {
  static constexpr Port kIn[] = {{"X", kIr3Set}, {"scales", kFloat32Set, ""}}, kOut[] = {{"Y", kIr3Set}};
};
template <DTypeSet T, PortUse kUse = kOpt>
struct Ports {
  static constexpr Port kIn[] = {{"X", T, "T1"},
                                 {"roi", kOldFloatSet, "T2", kUse},
                                 {"scales", kFloat32Set, "", kUse},
                                 {"sizes", kInt64Set, "", kOpt}};
  static constexpr Port kOut[] = {{"Y", T, "T1"}};
};
constexpr AttrDef kAttrs10[] = {string_attr("mode", "nearest")};
constexpr AttrDef kAttrs11[] = {string_attr("coordinate_transformation_mode", "half_pixel"),
                                float_attr("cubic_coeff_a", -0.75),
                                int_attr("exclude_outside", 0),
                                float_attr("extrapolation_value", 0),
                                string_attr("mode", "nearest"),
                                string_attr("nearest_mode", "round_prefer_floor")};
constexpr AttrDef kAttrs18[] = {int_attr("antialias", 0),
                                optional_attr("axes", AttrKind::kInts),
                                string_attr("coordinate_transformation_mode", "half_pixel"),
                                float_attr("cubic_coeff_a", -0.75),
                                int_attr("exclude_outside", 0),
                                float_attr("extrapolation_value", 0),
                                string_attr("keep_aspect_ratio_policy", "stretch"),
                                string_attr("mode", "nearest"),
                                string_attr("nearest_mode", "round_prefer_floor")};
constexpr OpDef kRow = {.name = "Resize", .attrs = kAttrs18, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports10>(kRow, 10, 10, kAttrs10),
                          row_of<Ports<kIr3Set, PortUse::kSingle>>(kRow, 11, 12, kAttrs11),
                          row_of<Ports<kIr4Set>>(kRow, 13, 17, kAttrs11), row_of<Ports<kIr4Set>>(kRow, 18, 18),
                          row_of<Ports<kIr4Set>>(kRow, 19, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::resize
