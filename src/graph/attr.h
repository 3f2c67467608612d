// Attributes of a node, as imported.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/value_type.h"
#include "tenon/value.h"

namespace tenon::graph {

/// ONNX attribute kinds except GRAPH(S), which become regions. Sparse tensors are Values of kind kSparse.
using AttrValue = std::variant<int64_t, float, std::string, Value, ValueType, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, std::vector<Value>, std::vector<ValueType>>;

struct Attr {
  std::string name;
  AttrValue value;
};

/// Attributes of one node in name order of import; lookups are linear (a node has few).
class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<Attr> l) : items_(l) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }
  const AttrValue* find(std::string_view name) const;
  // Typed getters: the default when absent; kInvalidGraph error that names attribute and kinds when of another kind.
  int64_t get_int(std::string_view name, int64_t def) const;
  float get_float(std::string_view name, float def) const;
  std::string_view get_string(std::string_view name, std::string_view def) const;
  std::span<const int64_t> get_ints(std::string_view name) const;  ///< empty when absent
  std::span<const float> get_floats(std::string_view name) const;  ///< empty when absent
  std::span<const std::string> get_strings(std::string_view name) const;
  const Value* get_tensor(std::string_view name) const;  ///< null when absent
  const ValueType* get_type(std::string_view name) const;

  void set(std::string name, AttrValue value);
  void erase(std::string_view name);
  std::span<const Attr> items() const { return items_; }
  bool empty() const { return items_.empty(); }

 private:
  std::vector<Attr> items_;
};

/// Bitwise equality of contents: kind, element type, dims and bytes; items of containers likewise.
bool same_contents(const Value& a, const Value& b);
uint64_t hash_contents(const Value& v);
/// Bitwise equality of attributes (tensors by contents), in any order.
bool same_attrs(const Attrs& a, const Attrs& b);

}  // namespace tenon::graph
