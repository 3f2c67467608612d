// ONNX messages as bytes, for tests that need models which no library would write.
#pragma once
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::test {

/// A protobuf message under construction; every call appends one field.
struct Proto {
  std::string s;

  Proto& varint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) s += static_cast<char>(v | 0x80);
    s += static_cast<char>(v);
    return *this;
  }
  Proto& i(uint32_t field, int64_t v) { return varint(field << 3).varint(static_cast<uint64_t>(v)); }
  Proto& b(uint32_t field, std::string_view bytes) {
    varint(field << 3 | 2).varint(bytes.size());
    s += bytes;
    return *this;
  }
  Proto& m(uint32_t field, const Proto& p) { return b(field, p.s); }
  Proto& f(uint32_t field, float v) {
    varint(field << 3 | 5);
    s.append(reinterpret_cast<const char*>(&v), 4);
    return *this;
  }
  Proto& d(uint32_t field, double v) {
    varint(field << 3 | 1);
    s.append(reinterpret_cast<const char*>(&v), 8);
    return *this;
  }
};

using Names = std::vector<std::string>;
using Protos = std::vector<Proto>;

inline Proto opset(std::string_view domain, int64_t version) { return Proto().b(1, domain).i(2, version); }

/// TypeProto of a tensor. A dim below -1 is left unset, -1 is written as it is.
inline Proto tensor_type(int64_t elem, const std::vector<int64_t>& dims) {
  Proto shape;
  for (int64_t d : dims) shape.m(1, d < -1 ? Proto() : Proto().i(1, d));
  return Proto().m(1, Proto().i(1, elem).m(2, shape));
}
inline Proto value_info(std::string_view name, const Proto& type) { return Proto().b(1, name).m(2, type); }
inline Proto value(std::string_view name, int64_t elem = 1, const std::vector<int64_t>& dims = {2}) {
  return value_info(name, tensor_type(elem, dims));
}

inline Proto attr_int(std::string_view name, int64_t v) { return Proto().b(1, name).i(3, v).i(20, 2); }
inline Proto attr_float(std::string_view name, float v) { return Proto().b(1, name).f(2, v).i(20, 1); }
inline Proto attr_string(std::string_view name, std::string_view v) { return Proto().b(1, name).b(4, v).i(20, 3); }
inline Proto attr_tensor(std::string_view name, const Proto& t) { return Proto().b(1, name).m(5, t).i(20, 4); }
inline Proto attr_graph(std::string_view name, const Proto& g) { return Proto().b(1, name).m(6, g).i(20, 5); }
inline Proto attr_ref(std::string_view name, std::string_view parameter, int64_t type) {
  return Proto().b(1, name).b(21, parameter).i(20, type);
}
inline Proto attr_ints(std::string_view name, const std::vector<int64_t>& v) {
  Proto p = Proto().b(1, name).i(20, 7);
  for (int64_t x : v) p.i(8, x);
  return p;
}

inline Proto node(std::string_view op, const Names& inputs, const Names& outputs, const Protos& attrs = {},
                  std::string_view name = "n", std::string_view domain = "") {
  Proto p;
  for (const auto& x : inputs) p.b(1, x);
  for (const auto& x : outputs) p.b(2, x);
  p.b(3, name).b(4, op);
  for (const Proto& a : attrs) p.m(5, a);
  if (!domain.empty()) p.b(7, domain);
  return p;
}

/// TensorProto without data.
inline Proto tensor_head(std::string_view name, int64_t elem, const std::vector<int64_t>& dims) {
  Proto p;
  for (int64_t d : dims) p.i(1, d);
  p.i(2, elem);
  if (!name.empty()) p.b(8, name);
  return p;
}
inline Proto tensor_raw(std::string_view name, int64_t elem, const std::vector<int64_t>& dims, std::string_view raw) {
  return tensor_head(name, elem, dims).b(9, raw);
}
inline Proto tensor_floats(std::string_view name, const std::vector<int64_t>& dims, const std::vector<float>& v) {
  return tensor_raw(name, 1, dims, {reinterpret_cast<const char*>(v.data()), v.size() * 4});
}
inline Proto tensor_int64s(std::string_view name, const std::vector<int64_t>& dims, const std::vector<int64_t>& v) {
  return tensor_raw(name, 7, dims, {reinterpret_cast<const char*>(v.data()), v.size() * 8});
}

struct GraphParts {
  Protos nodes, inputs, outputs;
  Protos initializers = {}, sparse = {}, value_infos = {};
  std::string name = "g";
};
inline Proto graph_proto(const GraphParts& g) {
  Proto p;
  for (const Proto& x : g.nodes) p.m(1, x);
  p.b(2, g.name);
  for (const Proto& x : g.initializers) p.m(5, x);
  for (const Proto& x : g.inputs) p.m(11, x);
  for (const Proto& x : g.outputs) p.m(12, x);
  for (const Proto& x : g.value_infos) p.m(13, x);
  for (const Proto& x : g.sparse) p.m(15, x);
  return p;
}

struct ModelParts {
  int64_t ir = 8;
  Protos opsets = {opset("", 17)};
  Protos functions = {};
};
inline std::string model(const Proto& graph, const ModelParts& m = {}) {
  Proto p = Proto().i(1, m.ir).m(7, graph);
  for (const Proto& o : m.opsets) p.m(8, o);
  for (const Proto& f : m.functions) p.m(25, f);
  return p.s;
}
/// x: float[2] → nodes → y: float[2].
inline std::string small_model(const Protos& nodes, const Protos& initializers = {}, const ModelParts& m = {}) {
  return model(
      graph_proto({.nodes = nodes, .inputs = {value("x")}, .outputs = {value("y")}, .initializers = initializers}), m);
}

inline Proto function(std::string_view domain, std::string_view name, const Names& inputs, const Names& outputs,
                      const Protos& nodes, const Names& attributes = {}, const Protos& opsets = {opset("", 17)},
                      const Protos& defaults = {}, std::string_view overload = "") {
  Proto p = Proto().b(1, name).b(10, domain);
  for (const auto& x : inputs) p.b(4, x);
  for (const auto& x : outputs) p.b(5, x);
  for (const auto& x : attributes) p.b(6, x);
  for (const Proto& x : nodes) p.m(7, x);
  for (const Proto& x : opsets) p.m(9, x);
  for (const Proto& x : defaults) p.m(11, x);
  if (!overload.empty()) p.b(13, overload);
  return p;
}

}  // namespace tenon::test
