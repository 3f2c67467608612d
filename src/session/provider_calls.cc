// Calls into providers; each error names the provider.
#include "session/provider_calls.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tenon::session {
namespace provider_calls {
namespace {

/// Hints that ORT defines for providers in general; nobody has to know them.
constexpr std::string_view kHints[] = {"ep.dynamic.workload_type", "ep.dynamic.qnn_htp_performance_mode"};

bool knows(ep::Provider& p, std::string_view key) {
  ep::DynamicOptions* d = p.dynamic_options();
  return d && std::ranges::find(d->keys(), key) != d->keys().end();
}

/// The error of a call into a provider, with its name; null when there is none.
template <class Call>
std::exception_ptr attempt(const ep::Provider& p, const char* what, Call call) noexcept {
  try {
    call();
    return nullptr;
  } catch (const Error& e) {
    return std::make_exception_ptr(
        Error(e.code(), fmt::format("{}, {}: {}", p.name(), what, e.what()), e.reason(), e.limit()));
  } catch (const std::exception& e) {
    return std::make_exception_ptr(Error(ErrorCode::kEpFail, fmt::format("{}, {}: {}", p.name(), what, e.what())));
  } catch (...) {
    return std::current_exception();
  }
}

void report(const std::exception_ptr& error, const Logger& log) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    log.log(Severity::kError, "after a failed run: {}", e.what());
  } catch (...) {
    log.log(Severity::kError, "after a failed run: run_end of a provider threw what is no exception");
  }
}

std::string known_keys(Providers providers) {
  std::string out;
  for (const auto& p : providers) {
    out += fmt::format("{}{}: ", out.empty() ? "" : "; ", p->name());
    std::string keys;
    if (ep::DynamicOptions* d = p->dynamic_options())
      for (std::string_view key : d->keys()) keys += fmt::format("{}{}", keys.empty() ? "" : ", ", key);
    out += keys.empty() ? "none" : keys;
  }
  return out;
}

}  // namespace
}  // namespace provider_calls

ProviderCalls::ProviderCalls(Providers providers, const Logger& log) : providers_(providers), log_(log) {
  for (const auto& p : providers_) {
    if (const std::exception_ptr error = provider_calls::attempt(*p, "run_start", [&] { p->run_start(); })) {
      end_quietly();  // of those before it: the destructor does not run
      std::rethrow_exception(error);
    }
    ++started_;
  }
}

ProviderCalls::~ProviderCalls() { end_quietly(); }

void ProviderCalls::finish() {
  if (const std::exception_ptr error = end()) std::rethrow_exception(error);
}

std::exception_ptr ProviderCalls::end() noexcept {
  std::exception_ptr first;
  for (const auto& p : providers_.first(std::exchange(started_, 0))) {
    const std::exception_ptr error = provider_calls::attempt(*p, "run_end", [&] { p->run_end(); });
    if (error && first) provider_calls::report(error, log_);
    if (error && !first) first = error;
  }
  return first;
}

void ProviderCalls::end_quietly() noexcept {
  if (const std::exception_ptr error = end()) provider_calls::report(error, log_);
}

void set_dynamic_options(Providers providers, const std::map<std::string, std::string>& options, const Logger& log) {
  using provider_calls::kHints;
  for (const auto& [key, value] : options) {
    if (std::ranges::any_of(providers, [&k = key](const auto& p) { return provider_calls::knows(*p, k); })) continue;
    if (std::ranges::find(kHints, key) == std::end(kHints))
      fail("dynamic option \"{}\": no provider of the session knows it; known: {}", key,
           provider_calls::known_keys(providers));
    log.log(Severity::kInfo, "dynamic option \"{}\": no provider of the session takes this hint", key);
  }
  for (const auto& [key, value] : options) {
    for (const auto& p : providers) {
      if (!provider_calls::knows(*p, key)) continue;
      const auto set = [&, &k = key, &v = value] { p->dynamic_options()->set(k, v); };
      if (const std::exception_ptr error = provider_calls::attempt(*p, "dynamic options", set))
        std::rethrow_exception(error);
    }
  }
}

void trace_providers(Providers providers, bool on) {
  for (const auto& p : providers)
    if (ep::Tracing* t = p->tracing()) t->trace(on);
}

void collect_traces(Providers providers, Profiler& profiler) {
  for (const auto& p : providers)
    if (ep::Tracing* t = p->tracing())
      for (const ep::TraceEvent& e : t->take()) profiler.provider_event(p->name(), e);
}

}  // namespace tenon::session
