// Libraries for an interface that does not exist yet, and for a standard library that nobody has.
#include "tenon/custom_op.h"
#include "tenon/provider.h"

#ifdef FUTURE_API
#define VERSIONS tenon::plugin::kApiVersion + 1, tenon::plugin::kAbi
#else
#define VERSIONS tenon::plugin::kApiVersion, tenon::plugin::kAbi + 1
#endif
#define EXPORTED extern "C" __attribute__((visibility("default"))) const

EXPORTED tenon::plugin::CustomOpsEntry tenon_custom_ops;
EXPORTED tenon::plugin::ProvidersEntry tenon_providers;
const tenon::plugin::CustomOpsEntry tenon_custom_ops = {VERSIONS, nullptr};
const tenon::plugin::ProvidersEntry tenon_providers = {VERSIONS, nullptr};
