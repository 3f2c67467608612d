// What an op file includes to publish its rows; the built-in op set.
#pragma once
#include <memory>

#include "graph/op_def.h"

namespace tenon::ops {

using graph::Arity;
using graph::AttrDef;
using graph::AttrKind;
using graph::float_attr;
using graph::int_attr;
using graph::Kinds;
using graph::kMaps;
using graph::kOptionals;
using graph::kSequences;
using graph::kSparses;
using graph::kTensors;
using graph::Lowering;
using graph::OpDef;
using graph::OpDefs;
using graph::OpSet;
using graph::optional_attr;
using graph::Port;
using graph::PortUse;
using graph::required_attr;
using graph::string_attr;

/// Ends an op file: inside `namespace tenon::ops::<file stem>`, publishes its constexpr rows to the generated table.
#define TENON_OPS(rows)                    \
  extern const ::tenon::ops::OpDefs kDefs; \
  const ::tenon::ops::OpDefs kDefs{rows};

/// make<K>: the kernel factory of a row, for K with a constructor K(const NodeInfo&).
template <class K>
std::unique_ptr<const Kernel> make(const NodeInfo& info) {
  return std::make_unique<const K>(info);
}

/// All built-in ops, built once on first use.
const OpSet& builtin_ops();

}  // namespace tenon::ops
