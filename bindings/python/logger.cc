// logger.cc: log lines of the process to a Python function.
#include "base/error.h"
#include "lifetime.h"

namespace tenon::bindings {
namespace {

nb::object text(std::string_view s) {
  return nb::steal(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "backslashreplace"));
}

void call(const HeldObject& callback, int severity, std::string_view id, std::string_view message) {
  thread_local bool inside = false;  // a callback that makes sessions would log into itself
  if (inside || interpreter_is_gone()) return;
  inside = true;
  {
    const nb::gil_scoped_acquire gil;
    const nb::error_scope pending;  // an exception may be on its way
    const nb::object done =
        nb::steal(PyObject_CallFunctionObjArgs(callback.get(), nb::int_(severity).ptr(), nb::str("tenon").ptr(),
                                               text(id).ptr(), nb::str("").ptr(), text(message).ptr(), nullptr));
    if (!done.is_valid()) PyErr_WriteUnraisable(callback.get());
  }
  inside = false;
}

void check_severity(int severity) {
  if (severity < 0 || severity > 4)
    fail("logger severity: expected 0 (verbose), 1 (info), 2 (warning), 3 (error) or 4 (fatal), found {}", severity);
}

void set_callback(nb::handle callback, int severity) {
  check_severity(severity);
  if (callback.is_none()) {
    set_default_log_sink({});
    return;
  }
  if (!PyCallable_Check(callback.ptr()))
    fail("set_default_logger_callback: expected a callable or None, found {}", class_of(callback));
  auto held = std::make_shared<HeldObject>(nb::borrow(callback));
  set_default_log_sink([held](int s, std::string_view id, std::string_view message) { call(*held, s, id, message); });
  set_default_log_severity(severity);
}

}  // namespace

void bind_logger(nb::module_& m) {
  m.def("set_default_logger_severity", [](int severity) {
    check_severity(severity);
    set_default_log_severity(severity);
  });
  m.def("set_default_logger_callback", &set_callback, nb::arg("callback").none(), nb::arg("severity") = 2,
        "Sends log lines to callback(severity, category, logid, code_location, message); None: to stderr again.");
}

}  // namespace tenon::bindings
