// PackStore: where kernels keep packed weights.
#pragma once
#include <memory>
#include <string_view>

#include "base/function_ref.h"
#include "tenon/value.h"

namespace tenon {

/// Keeps packed weights, one copy per process: same weight, kind and ISA give the same bytes.
class PackStore {
 public:
  virtual ~PackStore() = default;
  /// Bytes of `weight` packed as `kind` (a name that states kernel, ISA and blocking); calls fill once, under a latch.
  virtual std::shared_ptr<const void> packed(const Value& weight, std::string_view kind, size_t bytes,
                                             FunctionRef<void(void*)> fill) = 0;
};

}  // namespace tenon
