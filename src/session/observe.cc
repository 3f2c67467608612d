// The observer of a thread's runs.
#include "session/observe.h"

#include <utility>

namespace tenon::session {
namespace observe {
namespace {

thread_local exec::Observer* current = nullptr;

}  // namespace
}  // namespace observe

ObserveRuns::ObserveRuns(exec::Observer& o) : before_(std::exchange(observe::current, &o)) {}
ObserveRuns::~ObserveRuns() { observe::current = before_; }
exec::Observer* thread_observer() { return observe::current; }

}  // namespace tenon::session
