// Env: what sessions of one process share.
#pragma once
#include <memory>

#include "base/log.h"
#include "base/thread_pool.h"

namespace tenon::session {

/// The pool of sessions with use_per_session_threads = false; made on first use, gone with its last session.
std::shared_ptr<ThreadPool> shared_pool();
/// Severity of sessions whose log_severity_level is -1.
Severity default_severity();
void set_default_severity(Severity s);

}  // namespace tenon::session
