// observe: lets a caller inside Tenon see the steps of the runs that its thread starts.
#pragma once
#include "exec/observer.h"

namespace tenon::session {

/// While it lives, `o` sees the steps of the runs that this thread starts.
class ObserveRuns {
 public:
  explicit ObserveRuns(exec::Observer& o);
  ~ObserveRuns();
  ObserveRuns(const ObserveRuns&) = delete;
  ObserveRuns& operator=(const ObserveRuns&) = delete;

 private:
  exec::Observer* before_;
};
exec::Observer* thread_observer();

}  // namespace tenon::session
