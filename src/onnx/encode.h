// Values, types and attributes → their ONNX messages.
#pragma once
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/value_type.h"
#include "graph/attr.h"
#include "tenon/value.h"

namespace tenon::onnx {

/// Where constants of at least `min_bytes` go instead of the model; null writer: nowhere.
struct ExternalSink {
  FileWriter* writer = nullptr;
  std::string location;
  int64_t min_bytes = 0;
};

/// TensorProto of a dense tensor, with its data inside (raw_data, string_data) or in the sink.
void encode_tensor(protozero::pbf_writer out, std::string_view name, const Value& v, const ExternalSink* sink);
/// TypeProto. Named dims and expressions become dim_params, unknown ones stay unset. Nothing for an undefined tensor.
/// `denotations`: of the dims of a tensor, none or one per dim.
void encode_type(protozero::pbf_writer out, const ValueType& t, const Symbols& symbols,
                 std::span<const std::string> denotations = {});
/// AttributeProto.
void encode_attr(protozero::pbf_writer out, const graph::Attr& a, const Symbols& symbols);
/// True when encode_type would write something.
bool has_type(const ValueType& t);

}  // namespace tenon::onnx
