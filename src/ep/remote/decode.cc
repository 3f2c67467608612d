// An answer → tensors. Everything in it is checked: a server may send anything.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "ep/remote/protocol.h"

namespace tenon::ep::remote {
namespace {

using nlohmann::json;

template <class... A>
[[noreturn]] void bad(fmt::format_string<A...> format, A&&... args) {
  fail(ErrorCode::kEpFail, "the server's answer is not usable: {}", fmt::format(format, std::forward<A>(args)...));
}

Dims dims_of(const json& t, const std::string& name) {
  const auto shape = t.find("shape");
  if (shape == t.end() || !shape->is_array()) bad("output {} has no shape", name);
  std::vector<int64_t> dims;
  int64_t count = 1;
  for (const json& d : *shape) {
    const int64_t n = d.is_number_integer() ? d.get<int64_t>() : -1;
    if (n < 0 || __builtin_mul_overflow(count, n, &count)) bad("output {} has shape {}", name, shape->dump());
    dims.push_back(n);
  }
  return Dims(std::span<const int64_t>(dims));
}

/// "data" may be flat or nested like the shape.
void flatten(const json& data, const std::string& name, std::vector<const json*>& out, int depth = 0) {
  constexpr int kDeepest = 64;
  if (depth > kDeepest) bad("output {}: data nested more than {} deep", name, kDeepest);
  for (const json& e : data) {
    if (e.is_array())
      flatten(e, name, out, depth + 1);
    else
      out.push_back(&e);
  }
}

template <class T>
T element(const json& e, const std::string& name) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (e.is_string()) return e.get<std::string>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (e.is_boolean()) return e.get<bool>();
    if (e == 0 || e == 1) return e == 1;
  } else if constexpr (std::is_integral_v<T>) {
    if (e.is_number_unsigned() && std::in_range<T>(e.get<uint64_t>())) return static_cast<T>(e.get<uint64_t>());
    if (e.is_number_integer() && !e.is_number_unsigned() && std::in_range<T>(e.get<int64_t>()))
      return static_cast<T>(e.get<int64_t>());
  } else {
    double v = 0;
    if (e.is_null())  // how JSON writers say NaN
      v = std::numeric_limits<double>::quiet_NaN();
    else if (e.is_number())
      v = e.get<double>();
    else
      bad("output {}: {} found, expected a number", name, e.dump().substr(0, 60));
    if constexpr (std::is_same_v<T, Half>)
      return to_half(static_cast<float>(v));
    else if constexpr (std::is_same_v<T, BFloat16>)
      return to_bfloat16(static_cast<float>(v));
    else
      return static_cast<T>(v);
  }
  bad("output {}: {} found, expected a value of type {}", name,
      e.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60), protocol_name(DTypeOf<T>::value));
}

using Types = Join<NumericTypes, TypeList<bool, Half, BFloat16, std::string>>;

Value value_of(const json& data, const Expected& e, const Dims& dims) {
  std::vector<const json*> flat;
  if (!data.is_array()) bad("output {}: its data is no array", e.name);
  flatten(data, e.name, flat);
  if (static_cast<int64_t>(flat.size()) != element_count(dims))
    bad("output {}: {} values for {}", e.name, flat.size(), described(e.dtype, dims));
  Value v = Value::tensor(e.dtype, dims);
  visit<Types>(e.dtype, [&]<class T>() {
    T* to = static_cast<T*>(v.mutable_data());
    for (const json* j : flat) *to++ = element<T>(*j, e.name);
  });
  return v;
}

Value unpacked_strings(std::string_view bytes, const Expected& e, const Dims& dims) {
  const int64_t count = element_count(dims);
  if (count > static_cast<int64_t>(bytes.size() / 4))
    bad("output {}: {} bytes for {}", e.name, bytes.size(), described(e.dtype, dims));
  std::vector<std::string> items;
  while (!bytes.empty()) {
    uint32_t n = 0;
    if (bytes.size() >= 4)
      for (int k = 3; k >= 0; --k) n = n << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(k)]);
    if (bytes.size() < 4 || bytes.size() - 4 < n) bad("output {}: string {} is cut off", e.name, items.size());
    items.emplace_back(bytes.substr(4, n));
    bytes.remove_prefix(4 + size_t{n});
  }
  if (static_cast<int64_t>(items.size()) != count)
    bad("output {}: {} strings for {}", e.name, items.size(), described(e.dtype, dims));
  return Value::strings(dims, std::move(items));
}

Output one(const json& t, const Expected& e, const std::string_view* bytes) {
  const auto datatype = t.find("datatype");
  const std::string found = datatype != t.end() && datatype->is_string() ? datatype->get<std::string>() : "no datatype";
  Output out{dims_of(t, e.name), {}, {}};
  if (found != protocol_name(e.dtype))
    bad("output {}: {} found, expected {}", e.name, found, described(e.dtype, out.dims));
  if (!bytes) {
    const auto data = t.find("data");
    if (data == t.end()) bad("output {} has no data", e.name);
    out.value = value_of(*data, e, out.dims);
  } else if (e.dtype == DType::kString) {
    out.value = unpacked_strings(*bytes, e, out.dims);
  } else {
    if (storage_bytes(e.dtype, element_count(out.dims)) != bytes->size())
      bad("output {}: {} bytes for {}", e.name, bytes->size(), described(e.dtype, out.dims));
    if (e.dtype == DType::kBool)
      for (char c : *bytes)
        if (c & ~1) bad("output {}: byte {} found, expected a BOOL of 0 or 1", e.name, static_cast<int>(c));
    out.bytes = *bytes;
  }
  return out;
}

}  // namespace

std::vector<Output> decode(std::string_view body, size_t json_bytes, std::span<const Expected> expected) {
  if (json_bytes != SIZE_MAX && json_bytes > body.size())
    bad("it has {} bytes, its header says {} of JSON alone", body.size(), json_bytes);
  const std::string_view text = body.substr(0, std::min(json_bytes, body.size()));
  std::string_view rest = body.substr(text.size());
  const json j = json::parse(text.begin(), text.end(), nullptr, false);
  if (!j.is_object() || !j.contains("outputs") || !j["outputs"].is_array())
    bad("no JSON with outputs: {}", text.empty() ? "it is empty" : error_text(text));
  std::vector<Output> out(expected.size());
  std::vector<bool> seen(expected.size());
  std::string names;
  for (const json& t : j["outputs"]) {
    if (!t.is_object() || !t.contains("name") || !t["name"].is_string()) bad("an output without a name");
    const std::string name = t["name"].get<std::string>();
    names += (names.empty() ? "" : ", ") + name;
    std::string_view bytes;
    bool binary = false;
    if (const auto p = t.find("parameters"); p != t.end() && p->is_object() && p->contains("binary_data_size")) {
      const json& size = (*p)["binary_data_size"];
      const uint64_t n = size.is_number_unsigned() ? size.get<uint64_t>() : UINT64_MAX;
      if (n > rest.size()) bad("output {} has {} bytes, {} are left", name, size.dump(), rest.size());
      bytes = rest.substr(0, n);
      rest.remove_prefix(n);
      binary = true;
    }
    for (size_t k = 0; k < expected.size(); ++k) {
      if (expected[k].name != name || seen[k]) continue;
      out[k] = one(t, expected[k], binary ? &bytes : nullptr);
      seen[k] = true;
    }
  }
  for (size_t k = 0; k < expected.size(); ++k)
    if (!seen[k]) bad("there is no output {}, only: {}", expected[k].name, names.empty() ? "none" : names);
  return out;
}

}  // namespace tenon::ep::remote
