// WeightStore: packed weights, made once per (weight bytes, kind) and shared by everybody who asks.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/pack_store.h"

namespace tenon::memory {

/// Thread-safe. A packed copy lives as long as somebody holds it; the store itself keeps nothing alive.
class WeightStore final : public PackStore {
 public:
  std::shared_ptr<const void> packed(const Value& weight, std::string_view kind, size_t bytes,
                                     FunctionRef<void(void*)> fill) override;

 private:
  struct Entry {
    std::mutex latch;
    std::weak_ptr<const void> packed;
  };
  std::mutex mutex_;
  std::map<std::pair<const void*, std::string>, std::shared_ptr<Entry>> entries_;
};

}  // namespace tenon::memory
