// Views into the bytes of a model: one plain struct per ONNX message, decoded on demand, no tensor data copied.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/shape.h"
#include "onnx/limits.h"
#include "onnx/wire.h"

namespace tenon::onnx {

// A string_view called *_bytes, and the elements of `nodes`, `initializers`, ..., are encoded messages: Decoder turns
// them into views. Names are UTF-8 and within the name limit; nothing else is checked here.
using Bytes = std::string_view;
using Entry = std::pair<std::string_view, std::string_view>;

struct OpsetView {
  std::string_view domain;
  int64_t version = 0;
};

struct ModelView {
  int64_t ir_version = 0, model_version = 0;
  std::string_view producer_name, producer_version, domain, doc;
  Bytes graph_bytes;
  bool has_graph = false;
  std::vector<OpsetView> opsets;
  std::vector<Bytes> functions;
  std::vector<Entry> metadata;
};

struct GraphView {
  std::string_view name, doc;
  std::vector<Bytes> nodes, initializers, sparse_initializers, inputs, outputs, value_infos;
};

struct NodeView {
  std::string_view op, domain, overload, name;
  std::vector<std::string_view> inputs, outputs;
  std::vector<Bytes> attributes;
};

/// AttributeProto.AttributeType.
enum class AttrType : int64_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparse = 11,
  kSparses = 12,
  kTypeProto = 13,
  kTypeProtos = 14,
};
/// "INT", "FLOATS", ...; null for a number that is none.
const char* attr_type_name(AttrType t);

struct AttrView {
  std::string_view name, reference;
  AttrType type = AttrType::kUndefined;
  uint32_t present = 0;  ///< bit t: the value field of AttrType t occurs
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  Bytes single;  ///< of a tensor, graph, sparse tensor or type
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> many;  ///< strings, or encoded tensors, graphs, types
};

struct TensorView {
  /// Value fields, for `present` and `bytes` scans.
  enum Field : uint32_t {
    kFloatData = 4,
    kInt32Data = 5,
    kStringData = 6,
    kInt64Data = 7,
    kRawData = 9,
    kDoubleData = 10,
    kUint64Data = 11
  };
  std::string_view name;
  int64_t type = 0;
  Dims dims;
  Bytes bytes;           ///< the whole message; typed values are read from it
  uint32_t present = 0;  ///< bit n: value field n occurs
  std::string_view raw;
  bool external = false;
  bool segment = false;
  std::vector<Entry> external_data;
};

struct SparseView {
  Bytes values_bytes, indices_bytes;
  bool has_values = false, has_indices = false;
  Dims dims;
};

struct ValueInfoView {
  std::string_view name;
  Bytes type_bytes;
  bool has_type = false;
};

struct FunctionView {
  std::string_view name, domain, overload, doc;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<Bytes> attribute_defaults, nodes;
  std::vector<OpsetView> opsets;
};

/// Decodes one message level per call, so nothing recurses. Each call counts against limits.objects.
class Decoder {
 public:
  Decoder(std::string_view file, const Limits& limits) : file_(file), limits_(limits) {}

  ModelView model();
  GraphView graph(Bytes b);
  void node(Bytes b, NodeView* out);  ///< reuses the vectors of *out
  void attribute(Bytes b, AttrView* out);
  TensorView tensor(Bytes b);
  SparseView sparse(Bytes b);
  ValueInfoView value_info(Bytes b);
  FunctionView function(Bytes b);

  Reader reader(Bytes b, const char* message) const { return {b, file_.data(), message}; }
  void count_object();
  /// A name field: UTF-8 of bounded length.
  std::string_view name(Reader& r, const char* what) const;
  const Limits& limits() const { return limits_; }
  std::string_view file() const { return file_; }

 private:
  Entry entry(Bytes b);
  OpsetView opset(Bytes b);
  Bytes once(Reader& r, const char* what, bool* seen) const;

  std::string_view file_;
  Limits limits_;
  int64_t objects_ = 0;
};

}  // namespace tenon::onnx
