// Types, metadata and error answers of the protocol.
#include "ep/remote/protocol.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace tenon::ep::remote {

using nlohmann::json;

namespace {

std::vector<Declared> tensors_of(const json& j, const char* key) {
  std::vector<Declared> out;
  const auto list = j.find(key);
  if (list == j.end() || !list->is_array()) return out;
  for (const json& t : *list) {
    if (!t.is_object() || !t.contains("name") || !t["name"].is_string()) continue;
    Declared d{t["name"].get<std::string>(), {}, {}};
    if (t.contains("datatype") && t["datatype"].is_string()) d.datatype = t["datatype"].get<std::string>();
    if (t.contains("shape") && t["shape"].is_array())
      for (const json& dim : t["shape"]) d.dims.push_back(dim.is_number_integer() ? dim.get<int64_t>() : -1);
    out.push_back(std::move(d));
  }
  return out;
}

json parsed(std::string_view body) { return json::parse(body.begin(), body.end(), nullptr, false); }

}  // namespace

std::string_view protocol_name(DType t) {
  switch (t) {
    case DType::kBool:
      return "BOOL";
    case DType::kUint8:
      return "UINT8";
    case DType::kUint16:
      return "UINT16";
    case DType::kUint32:
      return "UINT32";
    case DType::kUint64:
      return "UINT64";
    case DType::kInt8:
      return "INT8";
    case DType::kInt16:
      return "INT16";
    case DType::kInt32:
      return "INT32";
    case DType::kInt64:
      return "INT64";
    case DType::kFloat16:
      return "FP16";
    case DType::kBFloat16:
      return "BF16";
    case DType::kFloat:
      return "FP32";
    case DType::kDouble:
      return "FP64";
    case DType::kString:
      return "BYTES";
    default:
      return {};
  }
}

std::string described(DType t, std::span<const int64_t> dims) {
  std::string s(protocol_name(t));
  for (size_t i = 0; i < dims.size(); ++i) s += fmt::format("{}{}", i ? "," : "[", dims[i]);
  return s + (dims.empty() ? "[]" : "]");
}

ModelMetadata read_metadata(std::string_view body) {
  const json j = parsed(body);
  if (!j.is_object()) return {};
  return {tensors_of(j, "inputs"), tensors_of(j, "outputs")};
}

bool has_extension(std::string_view body, std::string_view name) {
  const json j = parsed(body);
  if (!j.is_object()) return false;
  const auto list = j.find("extensions");
  if (list == j.end() || !list->is_array()) return false;
  for (const json& e : *list)
    if (e.is_string() && e.get_ref<const std::string&>() == name) return true;
  return false;
}

std::string error_text(std::string_view body) {
  constexpr size_t kHead = 100, kTail = 300;  // a traceback says what happened at its end
  const json j = parsed(body);
  std::string text(body);
  for (const char* key : {"error", "detail", "message"}) {
    if (!j.is_object() || !j.contains(key)) continue;
    text = j[key].is_string() ? j[key].get<std::string>() : j[key].dump(-1, ' ', true, json::error_handler_t::replace);
    break;
  }
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (const size_t end = text.find_last_not_of(' '); end != std::string::npos) text.resize(end + 1);
  if (text.size() > kHead + kTail + 5) text.replace(kHead, text.size() - kHead - kTail, " ... ");
  return text;
}

}  // namespace tenon::ep::remote
