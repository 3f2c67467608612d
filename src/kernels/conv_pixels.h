// Convolution as pixels times channels: the fast path for constant weights. See conv_pixels.cc.
#pragma once
#include "kernels/conv.h"

namespace tenon::kernels {

/// Output volume, input volume, kernel volume.
int64_t out_volume(const ConvShape& s);
int64_t in_volume(const ConvShape& s);
int64_t kernel_volume(const ConvShape& s);

/// Whether weights of this shape are packed for conv_pixels.
bool packs_pixels(const ConvShape& s, const KernelTable& table);
void conv_pixels(const ConvArgs& args, const Parallel& par, const KernelTable& table);

/// One input channel per group, one or two spatial dims, rows that fit the buffer: runs on the weights as they lie.
bool depthwise_fits(const ConvShape& s);
void conv_depthwise(const ConvArgs& args, const Parallel& par, const KernelTable& table);

}  // namespace tenon::kernels
