// One run: feeds and fetches bound to a frame, the frame run, results handed over.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/float_mode.h"
#include "base/value_data.h"
#include "session/config_keys.h"
#include "session/impl.h"
#include "session/observe.h"
#include "session/provider_calls.h"
#include "session/signature.h"

namespace tenon {
namespace {

bool overlap(const Value& a, const Value& b) {
  if (!a.is_tensor() || !b.is_tensor() || !a.bytes() || !b.bytes()) return false;
  const auto *p = static_cast<const char*>(a.data()), *q = static_cast<const char*>(b.data());
  return p < q + b.bytes() && q < p + a.bytes();
}

}  // namespace

size_t Session::Impl::find_feed(const std::string& name, size_t hint) const {
  if (hint < plan->arguments.size() && plan->arguments[hint].name == name) return hint;
  const auto it = feed_index.find(name);
  if (it == feed_index.end()) {
    std::string known;
    for (const auto& a : inputs) known += (known.empty() ? "" : ", ") + a.name;
    fail("Invalid input name: {} found, expected one of: {}", name, known);
  }
  return it->second;
}

size_t Session::Impl::find_fetch(const std::string& name, size_t hint) const {
  if (hint < outputs.size() && outputs[hint].name == name) return hint;
  const auto it = fetch_index.find(name);
  if (it == fetch_index.end()) {
    std::string known;
    for (const auto& a : outputs) known += (known.empty() ? "" : ", ") + a.name;
    fail("Invalid output name: {} found, expected one of: {}", name, known);
  }
  return it->second;
}

void Session::Impl::bind_feeds(exec::Frame& f, std::span<const std::string> names, std::span<const Value> feeds) const {
  constexpr size_t kFast = 64;
  uint64_t fed = 0;
  std::vector<bool> many(feed_types.size() > kFast ? feed_types.size() : 0);
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t at = find_feed(names[i], i);
    session::check_feed(names[i], feed_types[at], feeds[i]);
    if (feed_types[at].kind == ValueKind::kOptional && feeds[i].kind() != ValueKind::kOptional)
      f.bind(at, Value::optional(feeds[i]));
    else
      f.bind(at, feeds[i]);
    if (many.empty())
      fed |= uint64_t{1} << at;
    else
      many[at] = true;
  }
  for (size_t i = 0; i < feed_types.size(); ++i) {
    if (many.empty() ? (fed >> i & 1) != 0 : static_cast<bool>(many[i])) continue;
    if (!defaults[i]) {
      std::string missing;
      for (size_t k = i; k < feed_types.size(); ++k)
        if (!defaults[k] && !(many.empty() ? (fed >> k & 1) != 0 : static_cast<bool>(many[k])))
          missing += (missing.empty() ? "" : ", ") + plan->arguments[k].name;
      fail("Missing Input: {}", missing);
    }
    f.bind(i, defaults[i]);
  }
}

/// memory.enable_memory_arena_shrinkage names devices: "cpu:0;gpu:0".
bool Session::Impl::shrinks_after(const RunOptions& o) const {
  const auto it = o.config.find("memory.enable_memory_arena_shrinkage");
  if (it == o.config.end()) return false;
  for (size_t at = 0; at < it->second.size();) {
    const size_t end = std::min(it->second.find(';', at), it->second.size());
    const std::string device = it->second.substr(at, end - at);
    if (device == "cpu:0" || device == "cpu") return true;
    at = end + 1;
  }
  log.log(Severity::kWarning, "memory.enable_memory_arena_shrinkage: \"{}\" names no device here, expected cpu:0",
          it->second);
  return false;
}

std::vector<bool> Session::Impl::bind_fetches(exec::Frame& f, std::span<const std::string> names,
                                              std::span<const Value> fetches, std::span<const Value> feeds) const {
  std::vector<bool> late;
  const auto later = [&](size_t j) {
    late.resize(fetches.size());
    late[j] = true;
  };
  for (size_t j = 0; j < names.size(); ++j) {
    const size_t at = find_fetch(names[j], j);
    if (!fetches[j].is_tensor()) continue;
    if (outputs[at].kind != ValueKind::kTensor ||
        (fetches[j].dtype() != outputs[at].dtype && outputs[at].dtype != DType::kUndefined))
      fail("output {}: the given buffer is a tensor of {}, expected {}", names[j], dtype_name(fetches[j].dtype()),
           outputs[at].type);
    if (fetches[j].dtype() == DType::kString) {
      later(j);
      continue;
    }
    for (size_t k = 0; k < j; ++k)
      if (overlap(fetches[j], fetches[k])) fail("the buffers given for outputs {} and {} overlap", names[j], names[k]);
    // Feeds are read until the last step.
    if (std::ranges::none_of(feeds, [&](const Value& feed) { return overlap(feed, fetches[j]); }))
      f.bind_result(at, fetches[j]);
    else
      later(j);
  }
  return late;
}

void Session::Impl::execute(exec::Frame& f, const RunOptions& o) const {
  CancelToken cancel;
  cancel.watch(o.terminate);
  if (!o.config.empty()) {
    const int64_t deadline = session::config_int(o.config, "tenon.deadline_ms", -1);
    if (deadline >= 0) cancel.set_deadline(CancelToken::Clock::now() + std::chrono::milliseconds(deadline));
  }
  exec::RunContext context{.par = {pool.get(), &cancel}};
  if (pool && lanes() > 1) {
    context.lane_pool = pool.get();
    context.lanes = lanes();
    context.lanes_always = lanes_always;
    if (options.intra_op_num_threads == 1) context.par.pool = nullptr;
  }
  session::ProviderCalls calls(providers, log);
  const FloatMode mode(flush_denormals ? FloatMode::kFlushDenormals : FloatMode::current());
  if (profiler) {
    session::ProfileRun observer(*profiler, session::thread_observer());
    context.observer = &observer;
    f.run(context);
  } else {
    context.observer = session::thread_observer();
    f.run(context);
  }
  calls.finish();
  if (profiler) session::collect_traces(providers, *profiler);
}

void Session::Impl::take_fetches(exec::Frame& f, std::span<const std::string> names, std::span<Value> fetches,
                                 const std::vector<bool>& late) const {
  for (size_t j = 0; j < names.size(); ++j) {
    Value result = f.take_value(find_fetch(names[j], j));
    if (late.empty() || !late[j]) {
      fetches[j] = std::move(result);
      continue;
    }
    if (!std::ranges::equal(result.dims(), fetches[j].dims()))
      fail("output {}: the given buffer has shape {}, the result {}", names[j], to_string(fetches[j].dims()),
           to_string(result.dims()));
    if (result.dtype() == DType::kString)
      std::ranges::copy(result.string_data(), fetches[j].as_mutable<std::string>().begin());
    else
      std::memcpy(fetches[j].mutable_data(), result.data(), result.bytes());
  }
}

void Session::run(std::span<const std::string> feed_names, std::span<const Value> feeds,
                  std::span<const std::string> fetch_names, std::span<Value> fetches, const RunOptions& options) const {
  const Impl& s = *impl_;
  if (feed_names.size() != feeds.size()) fail("{} feed names given for {} feeds", feed_names.size(), feeds.size());
  if (fetch_names.size() != fetches.size())
    fail("{} fetch names given for {} fetches", fetch_names.size(), fetches.size());
  session::check_config(options.config, session::run_keys(), "run", s.log);
  struct Lease {  // gives the frame back whatever happens
    exec::FramePool& pool;
    std::unique_ptr<exec::Frame> frame;
    ~Lease() { pool.give(std::move(frame)); }
  } lease{*s.frames, s.frames->take()};
  exec::Frame& f = *lease.frame;
  s.bind_feeds(f, feed_names, feeds);
  const std::vector<bool> late = s.bind_fetches(f, fetch_names, fetches, feeds);
  s.execute(f, options);
  s.take_fetches(f, fetch_names, fetches, late);
  if (!options.config.empty() && s.shrinks_after(options)) {
    f.reset();
    f.release_memory();
    s.frames->release_memory();
    s.memory.allocator()->shrink();
  } else if (s.memory.arena()) {
    s.memory.arena()->end_run();
  }
}

std::vector<Value> Session::run(const std::map<std::string, Value>& feeds, std::span<const std::string> fetch_names,
                                const RunOptions& options) const {
  std::vector<std::string> names, fetch(fetch_names.begin(), fetch_names.end());
  std::vector<Value> values;
  for (const auto& [name, value] : feeds) {
    names.push_back(name);
    values.push_back(value);
  }
  if (fetch.empty())
    for (const NodeArg& a : impl_->outputs) fetch.push_back(a.name);
  std::vector<Value> out(fetch.size());
  run(names, values, fetch, out, options);
  return out;
}

}  // namespace tenon
