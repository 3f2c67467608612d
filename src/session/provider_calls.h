// What a session calls of its providers around and between runs: run_start, run_end, dynamic options, trace events.
#pragma once
#include <exception>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "ep/provider.h"
#include "session/profiler.h"

namespace tenon::session {

using Providers = std::span<const std::unique_ptr<ep::Provider>>;

/// run_start of every provider, and run_end of those whose run_start returned, whatever happens in between.
class ProviderCalls {
 public:
  /// Throws what a run_start throws, after the run_end of the providers before it.
  ProviderCalls(Providers providers, const Logger& log);
  ~ProviderCalls();
  ProviderCalls(const ProviderCalls&) = delete;
  ProviderCalls& operator=(const ProviderCalls&) = delete;
  /// Ends a run that went well: throws the first error of a run_end, naming the provider. When a run has failed, the
  /// destructor logs such errors.
  void finish();

 private:
  /// Calls run_end of those that have started. Returns the first error, naming the provider; logs the others.
  std::exception_ptr end() noexcept;
  void end_quietly() noexcept;  ///< logs all of them
  Providers providers_;
  const Logger& log_;
  size_t started_ = 0;
};

/// See Session::set_ep_dynamic_options.
void set_dynamic_options(Providers providers, const std::map<std::string, std::string>& options, const Logger& log);

/// Switches the trace events of all providers on or off.
void trace_providers(Providers providers, bool on);
/// What they have noted since the last call.
void collect_traces(Providers providers, Profiler& profiler);

}  // namespace tenon::session
