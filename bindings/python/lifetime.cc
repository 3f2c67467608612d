// lifetime.cc: the list of lasting calls; leaving it at exit, forgetting it in a forked child.
#include "lifetime.h"

#include <unistd.h>

#include <chrono>
#include <thread>

#include "async.h"
#include "base/error.h"

namespace tenon::bindings {

void end_functions();

namespace {

using std::chrono::milliseconds;
constexpr milliseconds kGrace{200};    // short runs may end by themselves
constexpr milliseconds kLimit{10000};  // longer than any step between two polls of a flag

InFlight* g_first = nullptr;  // guarded by the GIL
std::atomic<int> g_count{0};
std::atomic<bool> g_exiting{false}, g_gone{false};

InPython* g_first_function = nullptr;  // guarded by the GIL

void stop_all() {
  for (InFlight* f = g_first; f; f = f->next) f->stop = true;
  end_functions();
}

// Registered with atexit: the interpreter is whole, and ends only when this returns.
void leave() {
  g_exiting = true;
  const auto begin = std::chrono::steady_clock::now();
  const auto waited = [&] { return std::chrono::steady_clock::now() - begin; };
  while (g_count > 0 && waited() < kLimit) {
    if (waited() > kGrace) stop_all();
    const nb::gil_scoped_release release;
    std::this_thread::sleep_for(milliseconds(1));
  }
  g_gone = true;
  if (g_count == 0) return;
  const nb::gil_scoped_release release;  // for threads between their look at g_gone and the GIL
  std::this_thread::sleep_for(milliseconds(20));
}

// In a child after fork() only the forking thread lives on.
void forget() {
  g_first = nullptr;
  g_first_function = nullptr;
  g_count = 0;
  g_exiting = g_gone = false;
  forget_async_threads();
}

}  // namespace

void stay() {
  for (;;) pause();
}

void end_functions() {
  for (InPython* f = g_first_function; f; f = f->next_) PyThreadState_SetAsyncExc(f->thread_, PyExc_SystemExit);
}

InPython::InPython() : thread_(PyThread_get_thread_ident()), next_(g_first_function), back_(&g_first_function) {
  if (next_) next_->back_ = &next_;
  g_first_function = this;
}

InPython::~InPython() {
  *back_ = next_;
  if (next_) next_->back_ = back_;
}

bool interpreter_is_gone() noexcept { return g_gone || !Py_IsInitialized(); }

InFlight::InFlight(std::atomic<bool>& flag) : stop(flag) {
  if (g_exiting) throw Error(ErrorCode::kFail, "the interpreter is exiting", ErrorReason::kCancelled);
  next = g_first;
  back = &g_first;
  if (next) next->back = &next;
  g_first = this;
  ++g_count;
}

InFlight::~InFlight() {
  *back = next;
  if (next) next->back = back;
  --g_count;
}

WithoutGil::WithoutGil(std::atomic<bool>& stop) : entry_(stop), saved_(PyEval_SaveThread()) {}

WithoutGil::~WithoutGil() {
  if (interpreter_is_gone()) stay();
  PyEval_RestoreThread(saved_);
}

WithGil::WithGil() {
  if (interpreter_is_gone()) stay();
  state_ = PyGILState_Ensure();
}

void bind_lifetime(nb::module_& m) {
  m.def("_leave", &leave, "Ends the runs and loads that are under way; called when the interpreter exits.");
  m.def("_forget", &forget, "Forgets other threads' runs; called in a forked child.");
  nb::module_::import_("atexit").attr("register")(m.attr("_leave"));
  nb::module_::import_("os").attr("register_at_fork")(nb::arg("after_in_child") = m.attr("_forget"));
}

}  // namespace tenon::bindings
