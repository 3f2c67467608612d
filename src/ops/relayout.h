// Runs a kernel on tensors in its own layout: operands and the result are copied between two layouts.
#pragma once
#include <array>
#include <bit>
#include <utility>

#include "base/shape.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// A kernel that runs `K` (of one result) on plain copies of the inputs in the bit mask `Inputs`. Layout has
/// plain_dims(dims), to_plain(par, tensor, memory) and from_plain(par, plain tensor, memory).
template <class K, class Layout, uint32_t Inputs>
class Relayout final : public Kernel {
 public:
  template <class... A>
  explicit Relayout(A&&... args) : kernel_(std::forward<A>(args)...) {}

  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    const size_t n = c.num_inputs();
    TensorRef* slots = c.scratch<TensorRef>(static_cast<int64_t>(n) + 1);
    auto* in = c.scratch<uint32_t>(static_cast<int64_t>(n));
    std::array<Dims, std::popcount(Inputs) + 1> held;  // dims of the masked inputs and the result
    Dims* dims = held.data();
    for (size_t i = 0; i < n; ++i) {
      in[i] = c.has_input(i) ? static_cast<uint32_t>(i) : UINT32_MAX;
      if (!c.has_input(i)) continue;
      slots[i] = c.input(i);
      if (!(Inputs >> i & 1)) continue;
      *dims = Layout::plain_dims(slots[i].dims());
      slots[i].dim = dims++->data();
      slots[i].data = c.scratch(static_cast<int64_t>(slots[i].bytes()));
      Layout::to_plain(c.par, c.input(i), slots[i].data);
    }
    slots[n] = y;
    *dims = Layout::plain_dims(y.dims());
    slots[n].dim = dims->data();
    slots[n].data = c.scratch(static_cast<int64_t>(y.bytes()));
    const uint32_t out[] = {static_cast<uint32_t>(n)};
    KernelContext inner = c.over(slots, {in, n}, out);
    kernel_.run(inner);
    Layout::from_plain(c.par, slots[n], y.data);
  }

 private:
  K kernel_;
};

/// A kernel made by a row of another op, as the K of a Relayout.
class KernelOf {
 public:
  explicit KernelOf(std::unique_ptr<const Kernel> kernel) : kernel_(std::move(kernel)) {}
  void run(KernelContext& c) const { kernel_->run(c); }

 private:
  std::unique_ptr<const Kernel> kernel_;
};

}  // namespace tenon::ops
