// com.microsoft EPContext: what a provider compiled, inside the model or in a file beside it. Only that provider runs
// it.
#include "ops/infer.h"

namespace tenon::ops::ep_context {
namespace {

/// The model declares the types; where the dims are numbers the memory is there before the run.
void infer(InferContext& c) {
  for (size_t j = 0; j < c.num_outputs(); ++j) {
    const ValueType* known = c.known_output(j);
    c.set_type(j, known && known->is_static() ? *known : ValueType());
  }
}

constexpr Port kPorts[] = {
    {.name = "values", .types = kAllSet, .var = "T", .use = PortUse::kVariadic, .heterogeneous = true, .min_count = 1}};
constexpr AttrDef kAttrs[] = {int_attr("main_context", 1),
                              optional_attr("ep_cache_context", AttrKind::kString),
                              int_attr("embed_mode", 1),
                              optional_attr("ep_sdk_version", AttrKind::kString),
                              optional_attr("onnx_model_filename", AttrKind::kString),
                              optional_attr("hardware_architecture", AttrKind::kString),
                              optional_attr("partition_name", AttrKind::kString),
                              optional_attr("source", AttrKind::kString),
                              optional_attr("notes", AttrKind::kString),
                              optional_attr("max_size", AttrKind::kInt)};
constexpr OpDef kOps[] = {{.name = "EPContext",
                           .domain = "com.microsoft",
                           .inputs = kPorts,
                           .outputs = kPorts,
                           .attrs = kAttrs,
                           .infer = infer,
                           .deterministic = false}};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::ep_context
