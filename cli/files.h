// files.h: tensors in files: numpy's .npy and .npz, and .pb (TensorProto, SequenceProto, OptionalProto).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/session.h"

namespace tenon::cli {

using NamedValues = std::vector<std::pair<std::string, Value>>;

/// Whole file; kNoSuchFile when it cannot be read.
std::string read_file(const std::string& path);
/// Appears whole or not at all.
void write_file(const std::string& path, std::string_view bytes);

/// One .npy file's bytes. Any order of bytes and axes; text as strings. numpy writes types of its extensions
/// (bfloat16, 8-bit floats, 4-bit integers) as opaque bytes: `expected` says which they are. Pickled objects are
/// refused. `where` starts messages.
Value parse_npy(std::span<const uint8_t> bytes, const std::string& where, DType expected = DType::kUndefined);
std::string format_npy(const Value& tensor);

/// Members of a zip archive: (name, bytes). Stored and deflated ones, checked against their CRC.
std::vector<std::pair<std::string, std::string>> parse_zip(std::string_view bytes, const std::string& where);
/// Stored members; each and the archive must stay below 4 GB.
std::string format_zip(const std::vector<std::pair<std::string, std::string>>& members);

/// Arrays of an .npz file, by name.
NamedValues read_npz(const std::string& path, const std::function<DType(const std::string&)>& expected);
/// Sequences become NAME.0, NAME.1, ...; maps NAME.keys and NAME.values; an empty optional is left out.
void write_npz(const std::string& path, const NamedValues& values);

}  // namespace tenon::cli
