// Sessions of one small model in every way that a session can run: for tests of threads, forks and growth.
#pragma once
#include <string>
#include <vector>

#include "tenon/session.h"

namespace tenon::test {

/// Options of a session: one thread, two, lanes, a device with streams, two devices on lanes.
struct Mode {
  const char* name;
  SessionOptions options;
};
const std::vector<Mode>& modes();

/// x [b, 32] through four branches, a Gather whose index a run may get wrong, a Reshape whose target only a run knows,
/// an If and a Loop. Results do not depend on what else runs.
Session mode_session(const SessionOptions& options);
inline constexpr int64_t kModeBatches[] = {1, 3, 8, 17, 40};
/// Feeds for a batch; `index` other than 0 .. batch-1 makes the run fail.
std::vector<Value> mode_feeds(int64_t batch, int64_t index, int64_t trips = 3);
std::vector<Value> mode_run(const Session& s, const std::vector<Value>& feeds, const RunOptions& options = {});
bool same_bits(const std::vector<Value>& a, const std::vector<Value>& b);

}  // namespace tenon::test
