// describe.cc: values and times as text and JSON.
#include "describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/dtype.h"
#include "base/shape.h"

namespace tenon::cli {
namespace {

constexpr int64_t kFirst = 8;  ///< elements that a description shows

std::string element_text(const Value& v, int64_t i) {
  if (v.dtype() == DType::kString) {
    const std::string& s = v.string_data()[i];
    return "\"" + (s.size() > 40 ? s.substr(0, 40) + "..." : s) + "\"";
  }
  if (v.dtype() == DType::kBool) return number_at(v, i) != 0 ? "true" : "false";
  return fmt::format("{:.6g}", number_at(v, i));
}

std::string first_elements(const Value& v) {
  if (v.dtype() != DType::kString && !is_numeric(v.dtype())) return fmt::format("{} bytes", v.bytes());
  std::string out = "[";
  for (int64_t i = 0; i < std::min(v.count(), kFirst); ++i) out += (i ? ", " : "") + element_text(v, i);
  return out + (v.count() > kFirst ? ", ...]" : "]");
}

nlohmann::json element_json(const Value& v, int64_t i) {
  if (v.dtype() == DType::kString) return v.string_data()[i];
  if (v.dtype() == DType::kBool) return number_at(v, i) != 0;
  const double x = number_at(v, i);
  if (!std::isfinite(x)) return fmt::format("{}", x);  // JSON has no NaN
  if (is_int(v.dtype())) return static_cast<int64_t>(x);
  return x;
}

}  // namespace

bool is_numeric(DType t) { return is_float(t) || is_int(t) || t == DType::kBool; }

double number_at(const Value& v, int64_t i) {
  switch (v.dtype()) {
    case DType::kBool:
      return v.as<bool>()[i] ? 1 : 0;
    case DType::kFloat16:
      return to_float(v.as<Half>()[i]);
    case DType::kBFloat16:
      return to_float(v.as<BFloat16>()[i]);
    default:
      return visit<NumericTypes>(v.dtype(), [&]<class T>() { return static_cast<double>(v.as<T>()[i]); });
  }
}

std::optional<Summary> summarize(const Value& v) {
  if (!v.is_tensor() || v.count() == 0 || !is_numeric(v.dtype())) return std::nullopt;
  Summary s;
  double sum = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < v.count(); ++i) {
    const double x = number_at(v, i);
    if (!std::isfinite(x)) {
      ++s.not_finite;
      continue;
    }
    s.min = finite ? std::min(s.min, x) : x;
    s.max = finite ? std::max(s.max, x) : x;
    sum += x;
    ++finite;
  }
  if (finite) s.mean = sum / static_cast<double>(finite);
  return s;
}

std::string type_text(const Value& v) {
  switch (v.kind()) {
    case ValueKind::kNone:
      return "nothing";
    case ValueKind::kTensor:
      return std::string(dtype_name(v.dtype())) + to_string(v.dims());
    case ValueKind::kSequence:
      return fmt::format("sequence of {}", v.items().size());
    case ValueKind::kMap:
      return fmt::format("map of {}", v.items()[0].count());
    case ValueKind::kOptional:
      return v.items().empty() ? "empty optional" : "optional " + type_text(v.items()[0]);
    case ValueKind::kSparse:
      return "sparse " + std::string(dtype_name(v.dtype())) + to_string(v.dims());
    case ValueKind::kOpaque:
      return "opaque";
  }
  return "?";
}

std::string type_text(const NodeArg& a) {
  std::string out = a.kind == ValueKind::kTensor ? std::string(dtype_name(a.dtype)) : a.type;
  if (a.kind != ValueKind::kTensor) return out;
  if (!a.shape) return out + " of unknown rank";
  out += '[';
  for (size_t i = 0; i < a.shape->size(); ++i) {
    const DimInfo& d = (*a.shape)[i];
    out += (i ? "," : "") + (d.value ? std::to_string(*d.value) : d.symbol.empty() ? "?" : d.symbol);
  }
  return out + "]";
}

std::string describe(std::string_view name, const Value& v) {
  std::string out = fmt::format("{}: {}", name, type_text(v));
  if (v.is_tensor()) {
    if (const auto s = v.dtype() == DType::kBool ? std::nullopt : summarize(v)) {
      out += fmt::format("  min {:.6g}  mean {:.6g}  max {:.6g}", s->min, s->mean, s->max);
      if (s->not_finite) out += fmt::format("  not finite {}", s->not_finite);
    }
    return out + "  " + first_elements(v);
  }
  if (v.kind() == ValueKind::kMap) {
    out += "  {";
    for (int64_t i = 0; i < std::min(v.items()[0].count(), kFirst); ++i)
      out += (i ? ", " : "") + element_text(v.items()[0], i) + ": " + element_text(v.items()[1], i);
    return out + (v.items()[0].count() > kFirst ? ", ...}" : "}");
  }
  for (size_t i = 0; i < std::min(v.items().size(), static_cast<size_t>(kFirst)); ++i)
    out += "\n" + describe(fmt::format("  {}[{}]", name, i), v.items()[i]);
  if (v.items().size() > kFirst) out += fmt::format("\n  ... {} more", v.items().size() - kFirst);
  return out;
}

nlohmann::json describe_json(std::string_view name, const Value& v) {
  nlohmann::json j{{"name", name}};
  if (v.is_tensor()) {
    j["type"] = dtype_name(v.dtype());
    j["shape"] = std::vector<int64_t>(v.dims().begin(), v.dims().end());
    if (const auto s = summarize(v))
      j.update({{"min", s->min}, {"mean", s->mean}, {"max", s->max}, {"not_finite", s->not_finite}});
    if (v.dtype() == DType::kString || is_numeric(v.dtype())) {
      auto& first = j["first"] = nlohmann::json::array();
      for (int64_t i = 0; i < std::min(v.count(), kFirst); ++i) first.push_back(element_json(v, i));
    }
    return j;
  }
  j["type"] = type_text(v);
  auto& items = j["items"] = nlohmann::json::array();
  for (size_t i = 0; i < v.items().size(); ++i)
    items.push_back(
        describe_json(v.kind() == ValueKind::kMap ? (i ? "values" : "keys") : std::to_string(i), v.items()[i]));
  return j;
}

nlohmann::json to_json(const NodeArg& a) {
  nlohmann::json j{{"name", a.name}, {"type", a.type}, {"shape", nullptr}};
  if (!a.shape) return j;
  j["shape"] = nlohmann::json::array();
  for (const DimInfo& d : *a.shape) {
    if (d.value)
      j["shape"].push_back(*d.value);
    else if (d.symbol.empty())
      j["shape"].push_back(nullptr);
    else
      j["shape"].push_back(d.symbol);
  }
  return j;
}

std::string milliseconds(double ms) {
  if (ms >= 1000) return fmt::format("{:.3g} s", ms / 1000);
  if (ms < 0.1) return fmt::format("{:.3g} us", ms * 1000);
  return fmt::format("{:.3g} ms", ms);
}

std::string count_text(double n) {
  for (const auto& [unit, size] : {std::pair{" G", 1e9}, {" M", 1e6}, {" k", 1e4}})
    if (n >= size) return fmt::format("{:.3g}{}", n / (size == 1e4 ? 1e3 : size), unit);
  return fmt::format("{:.0f}", n);
}

std::string bytes_text(double n) {
  for (const auto& [unit, size] : {std::pair{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}})
    if (n >= size) return fmt::format("{:.3g} {}", n / size, unit);
  return fmt::format("{:.0f} B", n);
}

}  // namespace tenon::cli
