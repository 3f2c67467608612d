// TensorScatter: writes `update` into a cache from position write_indices[b] on along `axis`.
#include "ops/move.h"

namespace tenon::ops::tensor_scatter {
namespace {

bool circular(const graph::Attrs& attrs) {
  const std::string_view mode = attrs.get_string("mode", "linear");
  if (mode != "linear" && mode != "circular") fail("mode is \"{}\", expected linear or circular", mode);
  return mode == "circular";
}

void infer(InferContext& c) {
  circular(c.attrs());
  expect_rank(c, 2, 1);
  if (c.has_rank(0) && c.has_rank(1)) {
    const Dims &cache = c.dims(0), &update = c.dims(1);
    const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", -2), cache.size()));
    if (axis == 0) fail("axis is the batch dim");
    if (cache.size() != update.size()) fail("cache has rank {}, update {}", cache.size(), update.size());
    for (size_t k = 0; k < cache.size(); ++k)
      if (k == axis ? !is_symbol(cache[k]) && !is_symbol(update[k]) && update[k] > cache[k]
                    : differ(cache[k], update[k]))
        fail("update {} does not fit the cache {} along axis {}", to_string(update), to_string(cache), axis);
    if (c.has_rank(2)) expect_equal(c, c.dims(2)[0], cache[0], "batch dims");
  }
  c.set_type(0, c.type(0));
}

struct TensorScatter final : Kernel {
  explicit TensorScatter(const NodeInfo& info) : axis(info.attrs.get_int("axis", -2)), wraps(circular(info.attrs)) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const TensorRef update = addressable(c, c.input(1));
    copy_tensor(c.par, c.input(0), y);
    if (update.count == 0) return;
    const TensorRef out = addressable(c, y);
    const auto a = static_cast<size_t>(resolve_axis(axis, out.rank));
    const int64_t capacity = out.dim[a], length = update.dim[a], inner = extent(out.dims(), a + 1, out.rank);
    const int64_t prefixes = extent(out.dims(), 0, a), per_batch = prefixes / out.dim[0];
    for (int64_t p = 0; p < prefixes; ++p) {
      const int64_t start = c.has_input(2) ? c.input(2).as<int64_t>()[p / per_batch] : 0;
      if (start < 0 || (wraps ? start > kMaxElements : start > capacity - length))
        fail("write_indices[{}] is {}: {} steps do not fit into {}", p / per_batch, start, length, capacity);
      for (int64_t s = 0; s < length; ++s)
        copy_elements({}, out.dtype, element(update.data, out.dtype, (p * length + s) * inner),
                      element(out.data, out.dtype, (p * capacity + (start + s) % capacity) * inner), inner);
    }
    finish(out, y);
  }
  int64_t axis;
  bool wraps;
};

constexpr AttrDef kAttrs[] = {int_attr("axis", -2), string_attr("mode", "linear")};
constexpr Port kIn[] = {
    {"past_cache", kIr12Set}, {"update", kIr12Set}, {"write_indices", kInt64Set, "", PortUse::kOptional}};
constexpr Port kOut[] = {{"present_cache", kIr12Set}};
constexpr OpDef kOps[] = {{.name = "TensorScatter",
                           .since = 24,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<TensorScatter>,
                           .inplace = 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tensor_scatter
