// What the attributes of Resize say.
#pragma once
#include "ops/resample.h"

namespace tenon::ops::resize {

enum class Policy { kStretch, kNotLarger, kNotSmaller };

Sampling read_sampling(const graph::Attrs& attrs, int since);
Policy read_policy(const graph::Attrs& attrs);
/// Axes that scales, sizes and roi speak of.
Dims read_axes(const graph::Attrs& attrs, size_t rank);
/// The scale that `policy` gives all axes: the smallest or largest of sizes[i] / dims[axes[i]].
double common_scale(Policy policy, std::span<const int64_t> dims, const Dims& axes, std::span<const int64_t> sizes);

}  // namespace tenon::ops::resize
