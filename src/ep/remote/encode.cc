// Tensors → a request.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "ep/remote/protocol.h"

namespace tenon::ep::remote {
namespace {

std::string quoted(const std::string& text, std::string_view input) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::kEpFail, "input {} holds a string that is not UTF-8, which JSON cannot carry (binary=1 can)",
         input);
  }
}

template <class T>
void add_values(std::string& to, const Input& in) {
  const T* data = in.tensor.as<T>();
  for (int64_t i = 0; i < in.tensor.count; ++i) {
    if (i) to += ',';
    if constexpr (std::is_same_v<T, std::string>) {
      to += quoted(data[i], in.name);
    } else if constexpr (std::is_integral_v<T>) {
      fmt::format_to(std::back_inserter(to), "{}", data[i]);
    } else {
      using Number = std::conditional_t<std::is_same_v<T, double>, double, float>;
      Number v;
      if constexpr (std::is_same_v<T, Number>)
        v = data[i];
      else
        v = to_float(data[i]);
      if (!std::isfinite(v))
        fail(ErrorCode::kEpFail, "input {} holds {}, which JSON cannot carry (binary=1 can)", in.name, v);
      fmt::format_to(std::back_inserter(to), "{}", v);
    }
  }
}

using Types = Join<NumericTypes, TypeList<bool, Half, BFloat16, std::string>>;

/// Each string: its length in four bytes, little-endian, then its bytes.
std::string packed_strings(const Input& in) {
  std::string out;
  for (int64_t i = 0; i < in.tensor.count; ++i) {
    const std::string& s = in.tensor.as<std::string>()[i];
    if (s.size() > UINT32_MAX) fail(ErrorCode::kEpFail, "input {} holds a string of {} bytes", in.name, s.size());
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(s.size() >> shift & 0xff);
    out += s;
  }
  return out;
}

}  // namespace

void encode(std::span<const Input> inputs, std::span<const std::string> outputs, bool binary, EncodedRequest& to) {
  to = {};
  to.strings.reserve(inputs.size());  // the views stay where they are
  to.body.emplace_back();             // the JSON
  std::string& json = to.json;
  json = "{\"inputs\":[";
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Input& in = inputs[i];
    json += fmt::format("{}{{\"name\":{},\"datatype\":\"{}\",\"shape\":[", i ? "," : "", quoted(in.name, in.name),
                        protocol_name(in.tensor.dtype));
    for (size_t d = 0; d < in.tensor.rank; ++d) json += fmt::format("{}{}", d ? "," : "", in.tensor.dim[d]);
    json += ']';
    if (binary) {
      std::span<const char> bytes(in.tensor.as<char>(), in.tensor.bytes());
      if (in.tensor.dtype == DType::kString) bytes = to.strings.emplace_back(packed_strings(in));
      json += fmt::format(",\"parameters\":{{\"binary_data_size\":{}}}}}", bytes.size());
      to.body.push_back(bytes);
    } else {
      json += ",\"data\":[";
      visit<Types>(in.tensor.dtype, [&]<class T>() { add_values<T>(json, in); });
      json += "]}";
    }
  }
  json += "],\"outputs\":[";
  for (size_t j = 0; j < outputs.size(); ++j)
    json += fmt::format("{}{{\"name\":{}{}}}", j ? "," : "", quoted(outputs[j], outputs[j]),
                        binary ? ",\"parameters\":{\"binary_data\":true}" : "");
  json += "]}";
  if (binary) to.json_bytes = json.size();
  to.body[0] = json;
}

}  // namespace tenon::ep::remote
