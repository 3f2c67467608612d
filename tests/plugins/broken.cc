// A library whose operator and whose provider Tenon refuses.
#include "tenon/custom_op.h"
#include "tenon/provider.h"

namespace {

void add_ops(std::vector<tenon::plugin::CustomOps>& domains) {
  domains.push_back({"test.broken", {{.name = "NoMake"}}});
}
void add_providers(std::vector<tenon::plugin::ProviderFactory>& factories) {
  factories.push_back(
      {.name = "CPUExecutionProvider", .make = [](const std::map<std::string, std::string>&) { return nullptr; }});
}

}  // namespace

TENON_CUSTOM_OPS(add_ops)
TENON_PROVIDERS(add_providers)
