// interrupt.cc: a SIGINT handler in front of Python's for the time of one call.
#include "interrupt.h"

#include <signal.h>

#include "binding.h"

namespace tenon::bindings {
namespace {

std::atomic<std::atomic<bool>*> g_flag{nullptr};
std::atomic<bool> g_came{false};
struct sigaction g_python;  // written before our handler is installed, read by it

void on_interrupt(int signal) {
  if (std::atomic<bool>* flag = g_flag.load()) flag->store(true);
  g_came.store(true);
  if (g_python.sa_handler) g_python.sa_handler(signal);
}

bool python_raises_on_interrupt() {
  struct Names {
    nb::object getsignal, handler, number;
    unsigned long main_thread;
    Names() {
      const nb::object signal = nb::module_::import_("signal");
      getsignal = signal.attr("getsignal");
      handler = signal.attr("default_int_handler");
      number = nb::int_(SIGINT);
      main_thread = nb::cast<unsigned long>(nb::module_::import_("threading").attr("main_thread")().attr("ident"));
    }
  };
  static constinit MadeOnce<Names> once;
  const Names& names = once.get();
  return PyThread_get_thread_ident() == names.main_thread && names.getsignal(names.number).is(names.handler);
}

}  // namespace

InterruptGuard::InterruptGuard(std::atomic<bool>& flag) : flag_(flag) {
  if (!python_raises_on_interrupt() || g_flag.load()) return;
  g_came = false;
  g_flag = &flag;
  if (sigaction(SIGINT, nullptr, &g_python) != 0 || (g_python.sa_flags & SA_SIGINFO)) {
    g_flag = nullptr;
    return;
  }
  struct sigaction ours = g_python;
  ours.sa_handler = on_interrupt;
  active_ = sigaction(SIGINT, &ours, nullptr) == 0;
  if (!active_) g_flag = nullptr;
}

InterruptGuard::~InterruptGuard() {
  if (!active_) return;
  sigaction(SIGINT, &g_python, nullptr);
  g_flag = nullptr;
}

void InterruptGuard::rethrow() {
  if (!active_ || !g_came.exchange(false)) return;
  flag_ = false;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace tenon::bindings
