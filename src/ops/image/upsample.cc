// Upsample: Resize of opsets 1 to 10, with asymmetric coordinates and scales only.
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/resample.h"

namespace tenon::ops::upsample {
namespace {

/// Scale of each axis: attributes up to opset 8, then input 1. Empty when it is not known yet.
std::optional<std::vector<float>> attr_scales(const graph::Attrs& attrs, int since, size_t rank) {
  if (since >= 9) return std::nullopt;
  if (since >= 7) {
    const auto s = attrs.get_floats("scales");
    return std::vector<float>(s.begin(), s.end());
  }
  if (rank != 4) fail("X has rank {}, expected 4", rank);
  return std::vector<float>{1, 1, attrs.get_float("height_scale", 1), attrs.get_float("width_scale", 1)};
}

void infer(InferContext& c) {
  resize::read_mode(c.attrs().get_string("mode", "nearest"));
  expect_rank(c, 1, 1);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims& x = c.dims(0);
  if (c.has_rank(1)) expect_equal(c, c.dims(1)[0], static_cast<int64_t>(x.size()), "entries of scales and rank of X");
  auto scales = attr_scales(c.attrs(), c.since(), x.size());
  if (const auto given = c.since() >= 9 ? c.floats(1) : std::nullopt; given)
    scales = std::vector<float>(given->begin(), given->end());
  if (scales && scales->size() != x.size()) fail("{} scales, expected {}", scales->size(), x.size());
  Dims out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (scales && !((*scales)[i] >= 1)) fail("scales[{}] is {}, expected at least 1", i, (*scales)[i]);
    out.push_back(scales ? resize::scaled_extent(c, x[i], (*scales)[i]) : c.fresh());
  }
  c.set(0, c.dtype(0), std::move(out));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : attrs_(info.attrs), since_(info.since), table_(kernels::kernels_for(info.isa)) {
    sampling_.mode = resize::read_mode(attrs_.get_string("mode", "nearest"));
    if (since_ < 9) scales_ = attr_scales(attrs_, since_, 4);
  }
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const float* scales = scales_ ? scales_->data() : c.input(1).as<float>();
    resize::Axis* axes = c.scratch<resize::Axis>(x.rank);
    for (size_t i = 0; i < x.rank; ++i) {
      axes[i] = resize::Axis();
      axes[i].in = x.dim[i], axes[i].out = y.dim[i];
      axes[i].length = resize::resized_length(x.dim[i], y.dim[i], scales[i]);
    }
    resize::resample(c, sampling_, {axes, x.rank}, table_);
  }

 private:
  graph::Attrs attrs_;
  int since_;
  resize::Sampling sampling_;
  std::optional<std::vector<float>> scales_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet1 = kOldFloatSet | kBoolSet | dtype_set({DType::kInt32, DType::kInt64});
constexpr Port kIn1[] = {{"X", kSet1}}, kOut1[] = {{"Y", kSet1}};
constexpr Port kIn7[] = {{"X", kIr3Set}}, kOut7[] = {{"Y", kIr3Set}};
constexpr Port kIn9[] = {{"X", kIr3Set}, {"scales", dtype_bit(DType::kFloat), ""}};
constexpr AttrDef kAttrs1[] = {required_attr("height_scale", AttrKind::kFloat), string_attr("mode", "nearest"),
                               required_attr("width_scale", AttrKind::kFloat)};
constexpr AttrDef kAttrs7[] = {string_attr("mode", "nearest"), required_attr("scales", AttrKind::kFloats)};
constexpr AttrDef kAttrs9[] = {string_attr("mode", "nearest")};
constexpr OpDef kOps[] = {
    {"Upsample", "", 1, 6, kIn1, kOut1, kAttrs1, infer, make<Kernel>},
    {"Upsample", "", 7, 8, kIn7, kOut7, kAttrs7, infer, make<Kernel>},
    {"Upsample", "", 9, 9, kIn9, kOut7, kAttrs9, infer, make<Kernel>},
    {"Upsample", "", 10, 0, kIn9, kOut7, kAttrs9, infer, make<Kernel>, Lowering::kKernel, 0, true, true},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::upsample
