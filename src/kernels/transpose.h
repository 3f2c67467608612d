// Data movement by element size: permutation of dims, and strided copies (Slice, Expand, Concat, Pad, ...).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// out = in with dim i of out = dim perm[i] of in. elem: bytes of an element (any; 1, 2, 4, 8, 16 are fast).
void transpose(const void* in, void* out, size_t elem, std::span<const int64_t> dims, std::span<const int64_t> perm,
               const Parallel& par, const KernelTable& table = kernels());

/// out[i, j, ...] = in[i, j, ...] over `dims`, each side with its own strides in elements (0 repeats, negative walks
/// backwards from the given pointer). Dims are merged where both sides allow it.
void copy_strided(const void* in, std::span<const int64_t> in_strides, void* out, std::span<const int64_t> out_strides,
                  std::span<const int64_t> dims, size_t elem, const Parallel& par,
                  const KernelTable& table = kernels());

}  // namespace tenon::kernels
