// Env: what sessions of one process share.
#pragma once
#include <memory>

#include "base/log.h"
#include "base/thread_pool.h"
#include "memory/weight_store.h"

namespace tenon::session {

/// Made with the first session, gone with the last: it owns nothing that outlives its users.
struct Env {
  memory::WeightStore weights;
};
std::shared_ptr<Env> env();

/// The pool of sessions with use_per_session_threads = false; made on first use, gone with its last session.
std::shared_ptr<ThreadPool> shared_pool();
/// Severity of sessions whose log_severity_level is -1.
Severity default_severity();
void set_default_severity(Severity s);

}  // namespace tenon::session
