// errors.cc: tenon::Error → the exception classes of tenon.errors.
#include "binding.h"

namespace tenon::bindings {
namespace {

const char* class_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::kFail:
      return "Fail";
    case ErrorCode::kInvalidArgument:
      return "InvalidArgument";
    case ErrorCode::kNoSuchFile:
      return "NoSuchFile";
    case ErrorCode::kNoModel:
      return "NoModel";
    case ErrorCode::kEngineError:
      return "EngineError";
    case ErrorCode::kRuntimeException:
      return "RuntimeException";
    case ErrorCode::kInvalidProtobuf:
      return "InvalidProtobuf";
    case ErrorCode::kModelLoaded:
      return "ModelLoaded";
    case ErrorCode::kNotImplemented:
      return "NotImplemented";
    case ErrorCode::kInvalidGraph:
      return "InvalidGraph";
    case ErrorCode::kEpFail:
      return "EPFail";
    case ErrorCode::kModelLoadCanceled:
      return "ModelLoadCanceled";
    case ErrorCode::kModelRequiresCompilation:
      return "ModelRequiresCompilation";
    case ErrorCode::kNotFound:
      return "NotFound";
  }
  return "Fail";
}

const char* name_of(ErrorReason reason) {
  switch (reason) {
    case ErrorReason::kNone:
      return nullptr;
    case ErrorReason::kOutOfMemory:
      return "out_of_memory";
    case ErrorReason::kCancelled:
      return "cancelled";
    case ErrorReason::kDeadline:
      return "deadline";
    case ErrorReason::kLimit:
      return "limit";
  }
  return nullptr;
}

nb::object text_or_none(const char* text) { return text && *text ? nb::object(nb::str(text)) : nb::object(nb::none()); }

}  // namespace

void raise(const Error& error) {
  try {
    const nb::object type = nb::module_::import_("tenon.errors").attr(class_for(error.code()));
    // Messages may quote bytes of a broken model, which need not be UTF-8.
    const std::string_view what = error.what();
    const nb::object message =
        nb::steal(PyUnicode_DecodeUTF8(what.data(), static_cast<Py_ssize_t>(what.size()), "backslashreplace"));
    const nb::object exception =
        type(message, text_or_none(name_of(error.reason())), text_or_none(error.limit().c_str()));
    PyErr_SetObject(type.ptr(), exception.ptr());
  } catch (nb::python_error& e) {
    e.restore();
  }
}

void bind_errors(nb::module_&) {
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const Error& e) {
      raise(e);
    }
  });
}

}  // namespace tenon::bindings
