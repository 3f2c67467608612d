// The built-in op set, from the table that the build generates.
#include "ops/op.h"

namespace tenon::ops {

extern const OpDefs* const kOpTable[];
extern const size_t kOpTableSize;

const OpSet& builtin_ops() {
  // Leaked on purpose: no destructor runs at exit, so rows outlive every session.
  static const OpSet* const ops = new OpSet({kOpTable, kOpTableSize});
  return *ops;
}

}  // namespace tenon::ops
