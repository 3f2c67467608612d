// npy.cc: numpy's array files: "\x93NUMPY", version, a Python dict {'descr', 'fortran_order', 'shape'}, the data.
#include <algorithm>
#include <cstring>

#include "base/dtype.h"
#include "base/file.h"
#include "base/shape.h"
#include "files.h"

namespace tenon::cli {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  char order = '|', kind = 0;  ///< of descr: '<f4' is order '<', kind 'f', width 4
  size_t width = 0;
  bool fortran = false;
  std::vector<int64_t> dims;
  size_t data = 0;  ///< offset of the data
};

// The text of the dict is written by numpy, so a search for its keys is enough; all else is refused.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::string_view after(std::string_view key) const {
    const size_t at = text_.find(key);
    if (at == text_.npos) bad("a header with 'descr', 'fortran_order' and 'shape'");
    std::string_view rest = text_.substr(at + key.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" :"), rest.size()));
    return rest;
  }
  std::string_view quoted(std::string_view key) const {
    std::string_view rest = after(key);
    if (rest.starts_with('[')) fail(ErrorCode::kNotImplemented, "{}: arrays of records have no ONNX type", where_);
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"')) bad("a quoted descr");
    const size_t end = rest.find(rest[0], 1);
    if (end == rest.npos) bad("a quoted descr");
    return rest.substr(1, end - 1);
  }
  std::vector<int64_t> shape() const {
    std::string_view rest = after("'shape'");
    const size_t end = rest.find(')');
    if (!rest.starts_with('(') || end == rest.npos) bad("a shape in parentheses");
    std::vector<int64_t> dims;
    for (size_t i = 1; i < end;) {
      if (rest[i] == ' ' || rest[i] == ',') {
        ++i;
        continue;
      }
      int64_t d = 0;
      const size_t first = i;
      for (; i < end && rest[i] >= '0' && rest[i] <= '9' && i - first < 18; ++i) d = d * 10 + (rest[i] - '0');
      if (i == first) bad("a shape of numbers");
      dims.push_back(d);
    }
    return dims;
  }
  [[noreturn]] void bad(const char* expected) const { fail("{}: expected {} in an .npy header", where_, expected); }

 private:
  std::string_view text_;
  const std::string& where_;
};

Header parse_header(std::span<const uint8_t> bytes, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 12) fail("{}: expected an .npy file, found none of its magic", where);
  const int major = bytes[6];
  const size_t wide = major == 1 ? 2 : 4;
  if (major < 1 || major > 3) fail(ErrorCode::kNotImplemented, "{}: .npy version {}; 1 to 3 are known", where, major);
  size_t length = 0;
  for (size_t i = 0; i < wide; ++i) length |= size_t{bytes[8 + i]} << (8 * i);
  Header h;
  h.data = 8 + wide + length;
  if (h.data > text.size())
    fail("{}: expected a header of {} bytes, the file ends after {}", where, length, text.size());
  const HeaderText dict(text.substr(8 + wide, length), where);
  std::string_view descr = dict.quoted("'descr'");
  if (descr.size() < 2) dict.bad("a type");
  h.order = descr[0];
  h.kind = descr[1];
  if (h.kind == 'O') fail("{}: pickled Python objects are refused; save strings as a numpy text array", where);
  for (char c : descr.substr(2)) {
    if (c < '0' || c > '9' || h.width > (size_t{1} << 32)) fail("{}: numpy type '{}' has no ONNX type", where, descr);
    h.width = h.width * 10 + static_cast<size_t>(c - '0');
  }
  h.fortran = dict.after("'fortran_order'").starts_with("True");
  h.dims = dict.shape();
  return h;
}

DType type_of(const Header& h, DType expected) {
  switch (h.kind) {
    case 'f':
      return h.width == 4   ? DType::kFloat
             : h.width == 8 ? DType::kDouble
             : h.width == 2 ? DType::kFloat16
                            : DType::kUndefined;
    case 'i':
      return h.width == 8   ? DType::kInt64
             : h.width == 4 ? DType::kInt32
             : h.width == 2 ? DType::kInt16
             : h.width == 1 ? DType::kInt8
                            : DType::kUndefined;
    case 'u':
      return h.width == 8   ? DType::kUint64
             : h.width == 4 ? DType::kUint32
             : h.width == 2 ? DType::kUint16
             : h.width == 1 ? DType::kUint8
                            : DType::kUndefined;
    case 'b':
      return DType::kBool;
    case 'c':
      return h.width == 8 ? DType::kComplex64 : h.width == 16 ? DType::kComplex128 : DType::kUndefined;
    case 'U':
    case 'S':
      return DType::kString;
    case 'V': {
      const bool fits = h.width == 2 ? expected == DType::kBFloat16
                                     : h.width == 1 && (is_packed(expected) || contains(kSmallFloatSet, expected));
      return fits ? expected : DType::kUndefined;
    }
    default:
      return DType::kUndefined;
  }
}

void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// Code points of UTF-8; bytes that are no UTF-8 stand for themselves.
std::vector<uint32_t> code_points(std::string_view s) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<uint8_t>(s[i]);
    const size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    uint32_t point = n == 1 ? c : n ? c & (0xff >> (n + 1)) : c;
    bool good = n > 0 && i + n <= s.size();
    for (size_t k = 1; good && k < n; ++k) {
      const auto next = static_cast<uint8_t>(s[i + k]);
      good = next >> 6 == 2;
      point = point << 6 | (next & 0x3f);
    }
    out.push_back(good ? point : c);
    i += good ? n : 1;
  }
  return out;
}

std::string item_text(const uint8_t* p, const Header& h, bool swap) {
  std::string s;
  if (h.kind == 'S') {
    s.assign(reinterpret_cast<const char*>(p), h.width);
    s.resize(s.find_last_not_of('\0') + 1);  // numpy pads with zeros
    return s;
  }
  std::vector<uint32_t> points(h.width);
  for (size_t i = 0; i < h.width; ++i) {
    uint32_t c;
    std::memcpy(&c, p + 4 * i, 4);
    points[i] = swap ? __builtin_bswap32(c) : c;
  }
  while (!points.empty() && points.back() == 0) points.pop_back();
  for (uint32_t c : points) append_utf8(s, c);
  return s;
}

// Calls f(source index) for each element of the C order of `dims`.
template <class F>
void each_source(const Header& h, int64_t count, F f) {
  if (!h.fortran || h.dims.size() < 2) {
    for (int64_t i = 0; i < count; ++i) f(i, i);
    return;
  }
  const size_t rank = h.dims.size();
  std::vector<int64_t> at(rank, 0), stride(rank, 1);
  for (size_t k = 1; k < rank; ++k) stride[k] = stride[k - 1] * h.dims[k - 1];
  for (int64_t i = 0; i < count; ++i) {
    int64_t from = 0;
    for (size_t k = 0; k < rank; ++k) from += at[k] * stride[k];
    f(i, from);
    for (size_t k = rank; k-- > 0;) {
      if (++at[k] < h.dims[k]) break;
      at[k] = 0;
    }
  }
}

std::string shape_tuple(std::span<const int64_t> dims) {
  std::string s = "(";
  for (size_t i = 0; i < dims.size(); ++i) s += std::to_string(dims[i]) + (i + 1 < dims.size() ? ", " : "");
  return s + (dims.size() == 1 ? ",)" : ")");
}

std::string descr_of(DType t) {
  switch (t) {
    case DType::kFloat:
      return "<f4";
    case DType::kDouble:
      return "<f8";
    case DType::kFloat16:
      return "<f2";
    case DType::kInt8:
      return "|i1";
    case DType::kInt16:
      return "<i2";
    case DType::kInt32:
      return "<i4";
    case DType::kInt64:
      return "<i8";
    case DType::kUint8:
      return "|u1";
    case DType::kUint16:
      return "<u2";
    case DType::kUint32:
      return "<u4";
    case DType::kUint64:
      return "<u8";
    case DType::kBool:
      return "|b1";
    case DType::kComplex64:
      return "<c8";
    case DType::kComplex128:
      return "<c16";
    case DType::kBFloat16:
      return "<V2";
    default:
      return "|V1";
  }
}

std::string with_header(const std::string& descr, std::span<const int64_t> dims) {
  std::string dict = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape_tuple(dims) + ", }";
  constexpr size_t kPrefix = 10;  // data starts at a multiple of 64
  dict.append((64 - (kPrefix + dict.size() + 1) % 64) % 64, ' ');
  dict += '\n';
  std::string out(kMagic);
  out += '\1';
  out += '\0';
  out += static_cast<char>(dict.size() & 0xff);
  out += static_cast<char>(dict.size() >> 8);
  return out + dict;
}

std::string format_strings(const Value& v) {
  std::vector<std::vector<uint32_t>> points;
  size_t width = 1;
  for (const std::string& s : v.string_data()) {
    points.push_back(code_points(s));
    width = std::max(width, points.back().size());
  }
  std::string out = with_header("<U" + std::to_string(width), v.dims());
  for (const auto& p : points) {
    out.append(reinterpret_cast<const char*>(p.data()), p.size() * 4);
    out.append((width - p.size()) * 4, '\0');
  }
  return out;
}

}  // namespace

std::string read_file(const std::string& path) {
  const File file = File::open(path);
  const auto content = FileBytes::read(file, 0, file.size());
  return {reinterpret_cast<const char*>(content->bytes().data()), content->bytes().size()};
}

void write_file(const std::string& path, std::string_view bytes) {
  FileWriter file(path);
  file.write(std::as_bytes(std::span(bytes)));
  file.commit();
}

Value parse_npy(std::span<const uint8_t> bytes, const std::string& where, DType expected) {
  const Header h = parse_header(bytes, where);
  const DType t = type_of(h, expected);
  if (t == DType::kUndefined) {
    if (h.kind == 'V' && expected != DType::kUndefined)
      fail("{}: expected {}, found opaque elements of {} bytes", where, dtype_name(expected), h.width);
    fail(ErrorCode::kNotImplemented, "{}: numpy type {}{}{} has no ONNX type", where, h.order, h.kind, h.width);
  }
  const size_t width = h.kind == 'U' ? h.width * 4 : h.width;
  const int64_t count = element_count(h.dims);
  const auto have = bytes.size() - h.data;
  if (width && static_cast<uint64_t>(count) > have / width)
    fail("{}: expected {} elements of {} bytes for shape {}, found {} bytes", where, count, width, to_string(h.dims),
         have);
  const uint8_t* from = bytes.data() + h.data;
  const bool swap = h.order == '>';
  Value v = Value::tensor(t, h.dims);
  if (t == DType::kString) {
    auto to = v.as_mutable<std::string>();
    each_source(h, count, [&](int64_t i, int64_t s) { to[i] = item_text(from + s * width, h, swap); });
    return v;
  }
  if (is_packed(t)) {
    auto* to = static_cast<uint8_t*>(v.mutable_data());
    const int bits = dtype_bits(t), per_byte = 8 / bits, mask = (1 << bits) - 1;
    std::fill_n(to, v.bytes(), uint8_t{0});
    each_source(h, count, [&](int64_t i, int64_t s) {
      to[i / per_byte] |= static_cast<uint8_t>((from[s] & mask) << (i % per_byte * bits));
    });
    return v;
  }
  auto* to = static_cast<uint8_t*>(v.mutable_data());
  const size_t part = h.kind == 'c' ? width / 2 : width;  // what a swap turns round
  if (!swap && !h.fortran) {
    std::copy_n(from, v.bytes(), to);
    return v;
  }
  each_source(h, count, [&](int64_t i, int64_t s) {
    uint8_t* p = to + static_cast<size_t>(i) * width;
    std::copy_n(from + static_cast<size_t>(s) * width, width, p);
    for (size_t k = 0; swap && k < width; k += part) std::reverse(p + k, p + k + part);
  });
  return v;
}

std::string format_npy(const Value& v) {
  if (v.dtype() == DType::kString) return format_strings(v);
  std::string out = with_header(descr_of(v.dtype()), v.dims());
  if (!is_packed(v.dtype())) {
    out.append(static_cast<const char*>(v.data()), v.bytes());
    return out;
  }
  const auto* from = static_cast<const uint8_t*>(v.data());
  const int bits = dtype_bits(v.dtype()), per_byte = 8 / bits, mask = (1 << bits) - 1;
  for (int64_t i = 0; i < v.count(); ++i)  // ml_dtypes keeps the bits of one element per byte
    out += static_cast<char>((from[i / per_byte] >> (i % per_byte * bits)) & mask);
  return out;
}

NamedValues read_npz(const std::string& path, const std::function<DType(const std::string&)>& expected) {
  NamedValues out;
  for (auto& [member, bytes] : parse_zip(read_file(path), path)) {
    std::string name = member;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    Value v =
        parse_npy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, path + ": " + member, expected(name));
    out.emplace_back(std::move(name), std::move(v));
  }
  return out;
}

void write_npz(const std::string& path, const NamedValues& values) {
  std::vector<std::pair<std::string, std::string>> members;
  const std::function<void(const std::string&, const Value&)> add = [&](const std::string& name, const Value& v) {
    const auto items = v.items();
    switch (v.kind()) {
      case ValueKind::kTensor:
        members.emplace_back(name + ".npy", format_npy(v));
        break;
      case ValueKind::kSequence:
        for (size_t i = 0; i < items.size(); ++i) add(name + "." + std::to_string(i), items[i]);
        break;
      case ValueKind::kMap:
        add(name + ".keys", items[0]);
        add(name + ".values", items[1]);
        break;
      case ValueKind::kOptional:
        if (!items.empty()) add(name, items[0]);
        break;
      case ValueKind::kNone:
        break;
      default:
        fail(ErrorCode::kNotImplemented, "output '{}': sparse and opaque values are not written", name);
    }
  };
  for (const auto& [name, value] : values) add(name, value);
  write_file(path, format_zip(members));
}

}  // namespace tenon::cli
