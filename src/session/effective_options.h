// Options after the string mirrors have been applied and everything has been checked.
#pragma once
#include "base/log.h"
#include "tenon/session.h"

namespace tenon::session {

/// Applies the "session.*" mirrors of typed options, checks ranges and names; throws kInvalidArgument naming option,
/// found and expected. Does not yet warn: the logger is made from the result.
SessionOptions effective_options(SessionOptions o);
/// The provider list to use, always ending with the CPU provider. Names that ORT knows but this build lacks give a
/// warning; unknown names are errors that list the known ones.
std::vector<ProviderSpec> effective_providers(const SessionOptions& o, const Logger& log);

}  // namespace tenon::session
