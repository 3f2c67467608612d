// lifetime.h: calls that last, with the GIL given up, and what happens to them when the interpreter exits or forks.
#pragma once
#include <atomic>

#include "binding.h"

namespace tenon::bindings {

/// True when no Python object may be touched any more: the interpreter is going or gone.
bool interpreter_is_gone() noexcept;

/// An entry of the list of lasting calls. At exit every entry is asked to stop through its flag, and is waited for.
/// Made and destroyed with the GIL held; making one fails when the interpreter is exiting.
class InFlight {
 public:
  explicit InFlight(std::atomic<bool>& stop);
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  std::atomic<bool>& stop;
  InFlight *next = nullptr, **back = nullptr;
};

/// Gives up the GIL while alive, for a call that is in the list. When the interpreter ends first, the thread stays
/// here for ever: CPython would end it by unwinding, which no C++ frame above survives.
class WithoutGil {
 public:
  explicit WithoutGil(std::atomic<bool>& stop);
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  InFlight entry_;
  PyThreadState* saved_;
};

/// With the GIL taken on a thread of ours, for ever as above.
class WithGil {
 public:
  WithGil();
  ~WithGil() { PyGILState_Release(state_); }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
};

/// On a thread that runs a client's Python function, with the GIL: at exit the function is ended by SystemExit.
class InPython {
 public:
  InPython();
  ~InPython();
  InPython(const InPython&) = delete;
  InPython& operator=(const InPython&) = delete;

 private:
  friend void end_functions();
  unsigned long thread_;
  InPython *next_, **back_;
};

/// For threads that may not go on because the interpreter is gone.
[[noreturn]] void stay();

/// A Python object that any thread may let go.
class HeldObject {
 public:
  explicit HeldObject(nb::object o) : object_(o.release().ptr()) {}
  ~HeldObject() {
    if (interpreter_is_gone()) return;
    const nb::gil_scoped_acquire gil;
    Py_DECREF(object_);
  }
  HeldObject(const HeldObject&) = delete;
  HeldObject& operator=(const HeldObject&) = delete;
  PyObject* get() const { return object_; }

 private:
  PyObject* const object_;
};

}  // namespace tenon::bindings
