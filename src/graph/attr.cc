// Attributes: lookup by name with checked kinds, and bitwise equality.
#include "graph/attr.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace tenon::graph {
namespace {

constexpr const char* kKindNames[] = {"int",  "float",  "string",  "tensor",  "type",
                                      "ints", "floats", "strings", "tensors", "types"};
static_assert(std::size(kKindNames) == std::variant_size_v<AttrValue>);

template <class T>
const T* typed(const Attrs& attrs, std::string_view name) {
  const AttrValue* v = attrs.find(name);
  if (!v) return nullptr;
  if (const T* t = std::get_if<T>(v)) return t;
  fail(ErrorCode::kInvalidGraph, "attribute \"{}\": expected {}, found {}", name, kKindNames[AttrValue(T()).index()],
       kKindNames[v->index()]);
}

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

struct SameAttr {
  template <class T>
  bool operator()(const T& a, const T& b) const {
    return a == b;
  }
  bool operator()(float a, float b) const { return same_bits(a, b); }
  bool operator()(const std::vector<float>& a, const std::vector<float>& b) const {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_bits);
  }
  bool operator()(const Value& a, const Value& b) const { return same_contents(a, b); }
  bool operator()(const std::vector<Value>& a, const std::vector<Value>& b) const {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_contents);
  }
  template <class T, class U>
  bool operator()(const T&, const U&) const {
    return false;
  }
};

uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

uint64_t hash_bytes(uint64_t h, const void* data, size_t bytes) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (; bytes >= 8; bytes -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    h = mix(h, word);
  }
  uint64_t tail = 0;
  if (bytes) std::memcpy(&tail, p, bytes);
  return mix(h, tail + bytes);
}

}  // namespace

const AttrValue* Attrs::find(std::string_view name) const {
  for (const Attr& a : items_)
    if (a.name == name) return &a.value;
  return nullptr;
}

int64_t Attrs::get_int(std::string_view name, int64_t def) const {
  const auto* v = typed<int64_t>(*this, name);
  return v ? *v : def;
}
float Attrs::get_float(std::string_view name, float def) const {
  const auto* v = typed<float>(*this, name);
  return v ? *v : def;
}
std::string_view Attrs::get_string(std::string_view name, std::string_view def) const {
  const auto* v = typed<std::string>(*this, name);
  return v ? std::string_view(*v) : def;
}
std::span<const int64_t> Attrs::get_ints(std::string_view name) const {
  const auto* v = typed<std::vector<int64_t>>(*this, name);
  return v ? std::span<const int64_t>(*v) : std::span<const int64_t>();
}
std::span<const float> Attrs::get_floats(std::string_view name) const {
  const auto* v = typed<std::vector<float>>(*this, name);
  return v ? std::span<const float>(*v) : std::span<const float>();
}
std::span<const std::string> Attrs::get_strings(std::string_view name) const {
  const auto* v = typed<std::vector<std::string>>(*this, name);
  return v ? std::span<const std::string>(*v) : std::span<const std::string>();
}
const Value* Attrs::get_tensor(std::string_view name) const { return typed<Value>(*this, name); }
const ValueType* Attrs::get_type(std::string_view name) const { return typed<ValueType>(*this, name); }

void Attrs::set(std::string name, AttrValue value) {
  for (Attr& a : items_) {
    if (a.name == name) {
      a.value = std::move(value);
      return;
    }
  }
  items_.push_back({std::move(name), std::move(value)});
}

void Attrs::erase(std::string_view name) {
  std::erase_if(items_, [&](const Attr& a) { return a.name == name; });
}

bool same_contents(const Value& a, const Value& b) {
  if (a.kind() != b.kind() || a.dtype() != b.dtype()) return false;
  if (!a) return true;
  const auto da = a.dims(), db = b.dims();
  if (!std::equal(da.begin(), da.end(), db.begin(), db.end())) return false;
  if (a.is_tensor()) {
    if (a.dtype() == DType::kString) {
      const auto sa = a.string_data(), sb = b.string_data();
      return std::equal(sa.begin(), sa.end(), sb.begin(), sb.end());
    }
    return a.data() == b.data() || a.bytes() == 0 || std::memcmp(a.data(), b.data(), a.bytes()) == 0;
  }
  const auto ia = a.items(), ib = b.items();
  return std::equal(ia.begin(), ia.end(), ib.begin(), ib.end(), same_contents);
}

uint64_t hash_contents(const Value& v) {
  uint64_t h = mix(static_cast<uint64_t>(v.kind()), static_cast<uint64_t>(v.dtype()));
  if (!v) return h;
  for (int64_t d : v.dims()) h = mix(h, static_cast<uint64_t>(d));
  if (v.is_tensor()) {
    if (v.bytes() && !v.data()) return h;  // given back after packing
    if (v.dtype() != DType::kString) return hash_bytes(h, v.data(), v.bytes());
    for (const std::string& s : v.string_data()) h = hash_bytes(h, s.data(), s.size());
    return h;
  }
  for (const Value& item : v.items()) h = mix(h, hash_contents(item));
  return h;
}

bool same_attrs(const Attrs& a, const Attrs& b) {
  if (a.items().size() != b.items().size()) return false;
  return std::all_of(a.items().begin(), a.items().end(), [&](const Attr& x) {
    const AttrValue* y = b.find(x.name);
    return y && std::visit(SameAttr{}, x.value, *y);
  });
}

}  // namespace tenon::graph
