// Inference of compiled groups and copies.
#include "partition/group_op.h"

#include "ops/infer.h"
#include "ops/infer_types.h"

namespace tenon::partition {
namespace {

void infer_group(ops::InferContext& c) {
  const std::unique_ptr<graph::Graph> body = c.node().body->clone();
  for (size_t i = 0; i < body->region().args.size(); ++i) {
    ValueType t = c.type(i);
    for (int64_t& d : t.dims)
      if (is_symbol(d)) d = body->symbols().fresh();
    body->set_type(body->region().args[i], std::move(t));
  }
  const auto declared = [&](graph::ValueId v) {  // dims of the load may be symbols where now they are numbers
    ValueType t = body->type(v);
    if (t.is_tensor()) t = ValueType::tensor(t.elem);
    body->set_type(v, std::move(t));
  };
  for (graph::RegionId r = 0; r < body->region_limit(); ++r)
    for (graph::NodeId n : body->region(r).nodes)
      for (graph::ValueId v : body->node(n).outputs)
        if (v != graph::kNone) declared(v);
  ops::infer_types(*body);
  for (size_t j = 0; j < body->region().results.size(); ++j) {
    ValueType t = body->type(body->region().results[j]);
    for (int64_t& d : t.dims)
      if (is_symbol(d)) d = c.fresh();
    t.device = {};
    c.set_type(j, std::move(t));
  }
}

constexpr graph::Port kGroupPorts[] = {{.name = "value",
                                        .types = kAllSet,
                                        .var = "",
                                        .use = graph::PortUse::kVariadic,
                                        .kinds = graph::kTensors | graph::kSequences | graph::kOptionals | graph::kMaps,
                                        .heterogeneous = true,
                                        .min_count = 0}};
constexpr graph::Port kCopyPorts[] = {{"value", kAllSet}};

}  // namespace

const graph::OpDef kGroupOp = {.name = "Group",
                               .domain = "ai.tenon",
                               .inputs = kGroupPorts,
                               .outputs = kGroupPorts,
                               .infer = infer_group,
                               .deterministic = false};
const graph::OpDef kCopyOp = {
    .name = "Copy", .domain = "ai.tenon", .inputs = kCopyPorts, .outputs = kCopyPorts, .infer = ops::infer_same};

}  // namespace tenon::partition
