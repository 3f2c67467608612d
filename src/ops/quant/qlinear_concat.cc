// com.microsoft QLinearConcat: tensors of different scales joined along `axis` in the scale of the result.
#include "ops/byte_table.h"
#include "ops/move.h"

namespace tenon::ops::qlinear_concat {
namespace {

constexpr size_t kYScale = 0, kYZero = 1, kFirst = 2;  // from kFirst on: tensor, scale, zero point

void infer(InferContext& c) {
  if (c.num_inputs() < 5 || (c.num_inputs() - kFirst) % 3 != 0)
    fail("{} inputs, expected Y_scale, Y_zero_point and then tensor, scale and zero point of each part",
         c.num_inputs());
  expect_scalars(c, {kYScale, kYZero});
  const DType t = c.dtype(kYZero);
  std::optional<Dims> out;
  bool ranked = true;
  size_t axis = 0;
  for (size_t i = kFirst; i < c.num_inputs(); i += 3) {
    expect_scalars(c, {i + 1, i + 2});
    if (c.dtype(i + 1) != DType::kFloat)
      fail("input {} is {}, expected a float scale", i + 1, dtype_name(c.dtype(i + 1)));
    if (c.dtype(i) != t || c.dtype(i + 2) != t)
      fail("inputs {} and {} are {} and {}, expected {}", i, i + 2, dtype_name(c.dtype(i)), dtype_name(c.dtype(i + 2)),
           dtype_name(t));
    if (!c.has_rank(i)) {
      ranked = false;
      continue;
    }
    const Dims& d = c.dims(i);
    if (!out) {
      axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), d.size()));
      out = d;
      continue;
    }
    if (d.size() != out->size()) fail("input {} has rank {}, expected {}", i, d.size(), out->size());
    for (size_t k = 0; k < d.size(); ++k)
      if (k == axis)
        (*out)[k] = c.sym.add((*out)[k], d[k]);
      else
        expect_equal(c, (*out)[k], d[k], "dims of the parts outside the axis");
  }
  if (!out) return c.set_unranked(0, t);
  if (!ranked) (*out)[axis] = c.fresh();
  c.set(0, t, std::move(*out));
}

struct QLinearConcat final : Kernel {
  explicit QLinearConcat(const NodeInfo& info) : axis(info.attrs.get_int("axis", 0)) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const bool is_signed = y.dtype == DType::kInt8;
    const ByteScale to = ByteScale::of(c, kYScale, kYZero);
    const auto k = static_cast<size_t>(resolve_axis(axis, y.rank));
    const int64_t outer = extent(y.dims(), 0, k), row = extent(y.dims(), k, y.rank);
    uint8_t* at = y.out<uint8_t>();
    for (size_t i = kFirst; i < c.num_inputs(); i += 3) {
      const TensorRef& x = c.input(i);
      const int64_t block = x.count / outer;
      const ByteTable table = ByteTable::between(ByteScale::of(c, i + 1, i + 2), to, is_signed);
      for (int64_t o = 0; o < outer; ++o) table.run(c.par, x.as<uint8_t>() + o * block, at + o * row, block);
      at += block;
    }
  }
  int64_t axis;
};

constexpr Port kIn[] = {{"Y_scale", kFloat32Set, "TF"},
                        {"Y_zero_point", kByteSet, "T8"},
                        {"inputs", kByteSet | kFloat32Set, "TV", PortUse::kVariadic, kTensors, true}};
constexpr Port kOut[] = {{"Y", kByteSet, "T8"}};
constexpr AttrDef kAttrs[] = {required_attr("axis", AttrKind::kInt)};
constexpr OpDef kOps[] = {{"QLinearConcat", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<QLinearConcat>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qlinear_concat
