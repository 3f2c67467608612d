// Errors: the one exception type of Tenon.
#pragma once
#include <exception>
#include <string>

#include "tenon/export.h"

namespace tenon {

/// Status codes, numbered as in the OrtErrorCode enumeration.
enum class ErrorCode : int {
  kFail = 1,
  kInvalidArgument = 2,
  kNoSuchFile = 3,
  kNoModel = 4,
  kEngineError = 5,
  kRuntimeException = 6,
  kInvalidProtobuf = 7,
  kModelLoaded = 8,
  kNotImplemented = 9,
  kInvalidGraph = 10,
  kEpFail = 11,
  kModelLoadCanceled = 12,
  kModelRequiresCompilation = 13,
  kNotFound = 14,
};

/// Why an error happened, where the code alone does not tell.
enum class ErrorReason : int { kNone = 0, kOutOfMemory, kCancelled, kDeadline, kLimit };

/// The exception of every Tenon call. The message names node, op, what was expected and what was found.
class TENON_API Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, ErrorReason reason = ErrorReason::kNone, std::string limit = {})
      : code_(code), reason_(reason), message_(std::move(message)), limit_(std::move(limit)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  ErrorCode code() const noexcept { return code_; }
  ErrorReason reason() const noexcept { return reason_; }
  /// Name of the limit that was hit (reason() == kLimit), else empty.
  const std::string& limit() const noexcept { return limit_; }

 private:
  ErrorCode code_;
  ErrorReason reason_;
  std::string message_;
  std::string limit_;
};

}  // namespace tenon
