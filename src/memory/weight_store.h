// WeightStore: packed weights, made once per process and shared by every session that asks for the same.
#pragma once
#include <memory>
#include <string>

#include "base/pack_store.h"

namespace tenon::memory {

/// Thread-safe. A weight is known by its place in a mapped file (device, inode, size, times, offset) or, when it lies
/// in memory of its own, by its contents; a packed copy besides by kind, element type and dims. A copy lives as long as
/// somebody holds it; the store itself keeps nothing alive and keeps no trace of what is gone.
class WeightStore final : public PackStore {
 public:
  WeightStore();
  ~WeightStore() override;
  std::shared_ptr<const void> packed(const Value& weight, std::string_view kind, size_t bytes,
                                     FunctionRef<void(void*)> fill) override;
  /// A tensor with the contents of `weight`, one in the process: the given one the first time, later that one again.
  Value shared(const Value& weight);
  size_t entries() const;  ///< live or being made

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tenon::memory
