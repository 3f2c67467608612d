// Where loggers without a sink of their own write.
#pragma once
#include "base/log.h"

namespace tenon {

/// Where they write from now on; an empty sink restores stderr. Thread-safe.
void set_default_sink(Logger::Sink sink);

}  // namespace tenon
