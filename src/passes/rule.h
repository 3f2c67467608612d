// What a rewrite file includes.
#pragma once
#include <cmath>

#include "base/dtype.h"
#include "passes/pass.h"
#include "passes/views.h"

namespace tenon::passes {

using graph::Attrs;
using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::OpDef;
using graph::ValueId;

/// Ends a rule file, inside `namespace tenon::passes::<file stem>`: publishes the rule to pipeline.cc.
#define TENON_RULE(name, ...)              \
  extern const ::tenon::passes::Rule name; \
  const ::tenon::passes::Rule name { __VA_ARGS__ }

}  // namespace tenon::passes
