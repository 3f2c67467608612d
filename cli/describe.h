// describe.h: values and times as text and JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tenon/session.h"

namespace tenon::cli {

/// True when number_at works: every integer, bool and floating-point type but those below 8 bits a float can have.
bool is_numeric(DType t);
/// Element `i` of a tensor of such a type; int64 values over 2^53 are rounded.
double number_at(const Value& tensor, int64_t i);

struct Summary {
  double min = 0, max = 0, mean = 0;  ///< of the finite elements
  int64_t not_finite = 0;
};
/// Nothing for empty tensors and types without numbers.
std::optional<Summary> summarize(const Value& tensor);

/// "float[1,10]", "seq of 3", "map of 2".
std::string type_text(const Value& value);
/// "float[batch,3]" of a declared input or output.
std::string type_text(const NodeArg& arg);
/// One or more lines: type, min, mean, max and the first elements.
std::string describe(std::string_view name, const Value& value);
nlohmann::json describe_json(std::string_view name, const Value& value);
nlohmann::json to_json(const NodeArg& arg);

std::string milliseconds(double ms);  ///< three significant digits, "0.00123 ms", "12.3 ms"
std::string count_text(double n);     ///< "1234", "1.23 M", "4.5 G"
std::string bytes_text(double n);     ///< "17 B", "1.2 MB"

}  // namespace tenon::cli
