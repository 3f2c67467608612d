// Logger sinks and name distance.
#include "base/log.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/fork_mutex.h"
#include "base/log_sink.h"

namespace tenon {
namespace {

// Never destroyed: threads may log while the process exits.
struct Default {
  ForkMutex mutex;
  std::shared_ptr<const Logger::Sink> sink;
};
Default& default_sink() {
  static auto* const d = new Default;
  return *d;
}

}  // namespace

void set_default_sink(Logger::Sink sink) {
  Default& d = default_sink();
  auto made = sink ? std::make_shared<const Logger::Sink>(std::move(sink)) : nullptr;
  {
    const std::lock_guard lock(d.mutex);
    std::swap(d.sink, made);
  }  // the old one goes without the lock: its destructor is the client's
}

Logger::Logger(std::string id, Severity threshold, Sink sink)
    : id_(std::move(id)), threshold_(threshold), sink_(std::move(sink)) {}

void Logger::write(Severity s, std::string_view message) const {
  if (sink_) {
    sink_(s, id_, message);
    return;
  }
  std::shared_ptr<const Sink> client;
  {
    Default& d = default_sink();
    const std::lock_guard lock(d.mutex);
    client = d.sink;
  }
  if (client) {
    (*client)(s, id_, message);
    return;
  }
  static constexpr const char* kNames[] = {"V", "I", "W", "E", "F"};
  const std::string line = fmt::format("[tenon {} {}] {}\n", kNames[static_cast<int>(s)], id_, message);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace tenon
