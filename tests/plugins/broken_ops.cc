// A library whose operators Tenon refuses.
#include "tenon/custom_op.h"

namespace {
void add(std::vector<tenon::plugin::CustomOps>& domains) { domains.push_back({"test.broken", {{.name = "NoMake"}}}); }
}  // namespace

TENON_CUSTOM_OPS(add)
