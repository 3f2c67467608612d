// The errors of a cancelled or late run.
#include "base/cancel.h"

#include "base/error.h"

namespace tenon {

void CancelToken::check() const {
  if (!stopped()) return;
  const bool asked = cancelled_.load(std::memory_order_relaxed) || (flag_ && flag_->load(std::memory_order_relaxed));
  if (asked) throw Error(ErrorCode::kFail, "run was cancelled (terminate was set)", ErrorReason::kCancelled);
  throw Error(ErrorCode::kFail, "run passed its deadline (tenon.deadline_ms)", ErrorReason::kDeadline);
}

}  // namespace tenon
