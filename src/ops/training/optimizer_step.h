// What Adagrad, Adam and Momentum share: inputs R, T, then n tensors each of X, gradients and states.
#pragma once
#include <cmath>

#include "ops/infer.h"
#include "ops/move.h"
#include "ops/rows.h"

namespace tenon::ops::optimizer_step {

/// Inputs come in `lists` lists of n tensors (X, G, states), outputs in lists - 1 (X, states).
inline void infer(InferContext& c, size_t lists) {
  for (size_t i = 0; i < 2; ++i)
    if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, i == 0 ? "elements of R" : "elements of T");
  const size_t given = c.num_inputs() - 2, n = given / lists;
  if (given % lists != 0) fail("{} tensors after R and T, expected a multiple of {}", given, lists);
  if (c.num_outputs() != n * (lists - 1)) fail("{} outputs, expected {}", c.num_outputs(), n * (lists - 1));
  for (size_t k = 0; k < n; ++k)
    for (size_t list = 0; list < lists; ++list) {
      const size_t i = 2 + list * n + k;
      if (c.dtype(i) != c.dtype(2 + k))
        fail("input {} is {}, expected {}", i, dtype_name(c.dtype(i)), dtype_name(c.dtype(2 + k)));
      if (c.has_rank(i) && c.has_rank(2 + k)) {
        expect_rank(c, i, c.rank(2 + k));
        for (size_t d = 0; d < c.rank(i); ++d) expect_equal(c, c.dims(i)[d], c.dims(2 + k)[d], "dims of X and its kin");
      }
      if (list != 1) c.set_type((list == 0 ? 0 : list - 1) * n + k, c.type(2 + k));
    }
}

/// D has shared(r, t), what all elements need, and element(shared, double v[Lists]), which turns X, G and states of one
/// element into X, anything, and new states. Arithmetic is in double.
template <class D, size_t Lists>
class Kernel : public ops::Kernel {
 public:
  void run(KernelContext& c) const final {
    const auto& self = static_cast<const D&>(*this);
    const double r = number_at(c.input(0), 0);
    const auto shared = self.shared(r, int_at(c.input(1), 0));
    const size_t n = (c.num_inputs() - 2) / Lists;
    for (size_t k = 0; k < n; ++k)
      visit<RealFloats>(c.input(2 + k).dtype, [&]<class T>() {
        const T* in[Lists];
        T* out[Lists - 1];
        for (size_t l = 0; l < Lists; ++l) in[l] = c.input(2 + l * n + k).template as<T>();
        for (size_t l = 0; l + 1 < Lists; ++l) out[l] = c.output(l * n + k).template out<T>();
        c.par.loop(c.input(2 + k).count, 4, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            double v[Lists];
            for (size_t l = 0; l < Lists; ++l) v[l] = static_cast<double>(in[l][i]);
            self.element(shared, v);
            out[0][i] = static_cast<T>(v[0]);
            for (size_t l = 1; l + 1 < Lists; ++l) out[l][i] = static_cast<T>(v[l + 1]);
          }
        });
      });
  }
};

inline constexpr DTypeSet kSet = RealFloats::set;
inline constexpr Port kIn[] = {
    {"R", kSet, "T1"}, {"T", kInt64Set, "T2"}, {"inputs", kSet, "T3", PortUse::kVariadic, kTensors, true}};
inline constexpr Port kOut[] = {{"outputs", kSet, "T3", PortUse::kVariadic, kTensors, true}};
inline constexpr const char* kDomain = "ai.onnx.preview.training";

}  // namespace tenon::ops::optimizer_step
