// ProviderCalls: run_start and run_end of the providers around a run.
#pragma once
#include <memory>
#include <vector>

#include "ep/provider.h"

namespace tenon::session {

class ProviderCalls {
 public:
  explicit ProviderCalls(const std::vector<std::unique_ptr<ep::Provider>>& providers) : providers_(providers) {
    for (const auto& p : providers_) p->run_start();
  }
  ~ProviderCalls() {
    for (const auto& p : providers_) p->run_end();
  }
  ProviderCalls(const ProviderCalls&) = delete;
  ProviderCalls& operator=(const ProviderCalls&) = delete;

 private:
  const std::vector<std::unique_ptr<ep::Provider>>& providers_;
};

}  // namespace tenon::session
