// A library for an interface that does not exist yet, and for a standard library that nobody has.
#include "tenon/custom_op.h"

extern "C" __attribute__((visibility("default"))) const tenon::plugin::CustomOpsEntry tenon_custom_ops;
#ifdef FUTURE_API
const tenon::plugin::CustomOpsEntry tenon_custom_ops = {tenon::plugin::kApiVersion + 1, tenon::plugin::kAbi, nullptr};
#else
const tenon::plugin::CustomOpsEntry tenon_custom_ops = {tenon::plugin::kApiVersion, tenon::plugin::kAbi + 1, nullptr};
#endif
