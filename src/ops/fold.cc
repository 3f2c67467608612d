// Folds operands into the result, which may share memory with one of them.
#include "ops/fold.h"

#include <cstring>

namespace tenon::ops {

void Fold::run(KernelContext& c) const {
  TensorRef& out = c.output(0);
  const size_t n = c.num_inputs();
  if (n == 1) {
    if (out.count > 0) std::memmove(out.data, c.input(0).data, out.bytes());
    return;
  }
  // The result may lie in the memory of an operand that is read again after the first step.
  const void* saved = nullptr;
  for (size_t k = 2; k < n && !saved; ++k)
    if (c.input(k).data == out.data && out.count > 0) {
      char* copy = c.scratch(static_cast<int64_t>(out.bytes()));
      std::memcpy(copy, out.data, out.bytes());
      saved = copy;
    }
  map_.run(c.par, c.input(0), c.input(1), out);
  for (size_t k = 2; k < n; ++k) {
    TensorRef operand = c.input(k);
    if (saved && operand.data == out.data) operand.data = const_cast<void*>(saved);
    map_.run(c.par, out, operand, out);
  }
  if (last_.row) last_.run(c.par, out.data, out.data, out.count);
}

}  // namespace tenon::ops
