// Types, tensors and attribute values in the text form.
#include "graph/text_literal.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/dtype.h"
#include "base/error.h"

namespace tenon::graph::text {
namespace {

constexpr int64_t kShown = 16;  // elements of a constant in the short form

template <class F>
std::string print_float(F f) {
  const auto bits = [&] {
    if constexpr (sizeof(F) == 4)
      return static_cast<uint64_t>(std::bit_cast<uint32_t>(f));
    else
      return std::bit_cast<uint64_t>(f);
  };
  // A NaN with a payload or a sign keeps its bits.
  if (std::isnan(f) && bits() != (sizeof(F) == 4 ? 0x7fc00000u : 0x7ff8000000000000u))
    return fmt::format("0x{:x}", bits());
  return fmt::format("{}", f);
}

/// Elements below a byte: code i of the packed bytes.
unsigned packed_code(const Value& v, int64_t i) {
  const int bits = dtype_bits(v.dtype());
  const int per_byte = 8 / bits;
  const auto byte = static_cast<const uint8_t*>(v.data())[i / per_byte];
  return (byte >> (i % per_byte * bits)) & ((1u << bits) - 1);
}

std::string print_element(const Value& v, int64_t i) {
  const auto at = static_cast<size_t>(i);
  switch (v.dtype()) {
    case DType::kFloat:
      return print_float(v.as<float>()[at]);
    case DType::kDouble:
      return print_float(v.as<double>()[at]);
    case DType::kFloat16:
      return print_float(to_float(v.as<Half>()[at]));
    case DType::kBFloat16:
      return print_float(to_float(v.as<BFloat16>()[at]));
    case DType::kString:
      return quote_string(v.string_data()[at]);
    case DType::kBool:
      return v.as<bool>()[at] ? "1" : "0";
    case DType::kComplex64:
      return print_float(v.as<std::complex<float>>()[at].real()) + ", " +
             print_float(v.as<std::complex<float>>()[at].imag());
    case DType::kComplex128:
      return print_float(v.as<std::complex<double>>()[at].real()) + ", " +
             print_float(v.as<std::complex<double>>()[at].imag());
    default:
      break;
  }
  if (is_packed(v.dtype())) return std::to_string(packed_code(v, i));
  if (!is_int(v.dtype())) return std::to_string(static_cast<const uint8_t*>(v.data())[i]);  // 8-bit floats: codes
  return visit<IntTypes>(v.dtype(), [&]<class T>() { return std::to_string(v.as<T>()[at]); });
}

bool is(const Token& t, std::string_view text) {
  return (t.kind == TokenKind::kPunct || t.kind == TokenKind::kName) && t.text == text;
}

template <class T>
T parse_scalar(Lexer& lex) {
  const bool negative = accept(lex, "-");
  const Token t = lex.take();
  std::string text = (negative ? "-" : "") + t.text;
  if (t.kind != TokenKind::kNumber && t.text != "inf" && t.text != "nan") Lexer::error(t, "a number");
  T value{};
  if (text.starts_with("0x")) {
    uint64_t bits = 0;
    std::from_chars(text.data() + 2, text.data() + text.size(), bits, 16);
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  if (r.ec != std::errc() || r.ptr != text.data() + text.size()) Lexer::error(t, "a number that fits the type");
  return value;
}

void parse_element(Lexer& lex, Value& v, int64_t i) {
  const auto at = static_cast<size_t>(i);
  const auto complex = [&]<class F>(F) {
    const F re = parse_scalar<F>(lex);
    expect(lex, ",");
    v.as_mutable<std::complex<F>>()[at] = {re, parse_scalar<F>(lex)};
  };
  switch (v.dtype()) {
    case DType::kFloat:
      v.as_mutable<float>()[at] = parse_scalar<float>(lex);
      return;
    case DType::kDouble:
      v.as_mutable<double>()[at] = parse_scalar<double>(lex);
      return;
    case DType::kFloat16:
      v.as_mutable<Half>()[at] = to_half(parse_scalar<float>(lex));
      return;
    case DType::kBFloat16:
      v.as_mutable<BFloat16>()[at] = to_bfloat16(parse_scalar<float>(lex));
      return;
    case DType::kComplex64:
      return complex(float{});
    case DType::kComplex128:
      return complex(double{});
    case DType::kString: {
      const Token t = lex.take();
      if (t.kind != TokenKind::kString) Lexer::error(t, "a string");
      v.as_mutable<std::string>()[at] = t.text;
      return;
    }
    case DType::kBool:
      v.as_mutable<bool>()[at] = accept(lex, "true") || (!accept(lex, "false") && parse_scalar<uint8_t>(lex) != 0);
      return;
    default:
      break;
  }
  if (is_packed(v.dtype())) {
    const int bits = dtype_bits(v.dtype());
    const int per_byte = 8 / bits;
    const unsigned code = parse_scalar<uint8_t>(lex) & ((1u << bits) - 1);
    auto& byte = static_cast<uint8_t*>(v.mutable_data())[i / per_byte];
    byte = static_cast<uint8_t>(byte | (code << (i % per_byte * bits)));
  } else if (!is_int(v.dtype())) {
    static_cast<uint8_t*>(v.mutable_data())[i] = parse_scalar<uint8_t>(lex);
  } else {
    visit<IntTypes>(v.dtype(), [&]<class T>() { v.as_mutable<T>()[at] = parse_scalar<T>(lex); });
  }
}

// Dimension expressions: sums of products of atoms; min, max and broadcast as calls.
int64_t parse_dim(Lexer& lex, Symbols& sym, int depth = 0) {
  if (depth > 60) Lexer::error(lex.peek(), "a dimension of less nesting");
  const auto atom = [&]() -> int64_t {
    if (accept(lex, "(")) {
      const int64_t v = parse_dim(lex, sym, depth + 1);
      expect(lex, ")");
      return v;
    }
    if (lex.peek().kind == TokenKind::kNumber) return parse_scalar<int64_t>(lex);
    if (accept(lex, "?")) return sym.fresh();
    const bool quoted = lex.peek().kind == TokenKind::kString;
    const std::string name = parse_name(lex, "a dimension");
    if (quoted || !(name == "min" || name == "max" || name == "broadcast") || !accept(lex, "(")) return sym.named(name);
    const int64_t a = parse_dim(lex, sym, depth + 1);
    expect(lex, ",");
    const int64_t b = parse_dim(lex, sym, depth + 1);
    expect(lex, ")");
    return name == "min" ? sym.min(a, b) : name == "max" ? sym.max(a, b) : sym.broadcast(a, b);
  };
  const auto product = [&] {
    int64_t v = accept(lex, "-") ? sym.sub(0, atom()) : atom();
    for (;;) {
      if (accept(lex, "*"))
        v = sym.mul(v, atom());
      else if (accept(lex, "//"))
        v = sym.floor_div(v, atom());
      else if (accept(lex, "%"))
        v = sym.mod(v, atom());
      else
        return v;
    }
  };
  int64_t v = product();
  for (;;) {
    if (accept(lex, "+"))
      v = sym.add(v, product());
    else if (accept(lex, "-"))
      v = sym.sub(v, product());
    else
      return v;
  }
}

std::string print_dim(int64_t d, const Symbols& symbols) {
  return symbols.is_unknown(d) ? quote_name(symbols.to_string(d)) : symbols.to_string(d);
}

Value parse_value(Lexer& lex, Symbols& symbols) {
  if (accept(lex, "sparse")) {
    const ValueType t = parse_type(lex, symbols);
    expect(lex, "(");
    Value values = parse_value(lex, symbols);
    expect(lex, ",");
    Value indices = parse_value(lex, symbols);
    expect(lex, ")");
    return Value::sparse(t.dims, std::move(values), std::move(indices));
  }
  const ValueType t = parse_type(lex, symbols);
  return parse_elements(lex, t);
}

std::string print_value(const Value& v, const Symbols& symbols, bool full) {
  if (v.kind() == ValueKind::kSparse) {
    return "sparse " + print_type(ValueType::tensor(v.items()[0].dtype(), Dims(v.dims())), symbols) + " (" +
           print_value(v.items()[0], symbols, full) + ", " + print_value(v.items()[1], symbols, full) + ")";
  }
  return print_type(type_of(v), symbols) + " " + print_elements(v, full);
}

template <class T, class F>
std::string print_list(const std::vector<T>& items, const char* kind, F&& print) {
  if (items.empty()) return std::string(kind) + "[]";
  std::string s = "[";
  for (size_t i = 0; i < items.size(); ++i) s += (i ? ", " : "") + print(items[i]);
  return s + "]";
}

}  // namespace

bool accept(Lexer& lex, std::string_view text) {
  if (!is(lex.peek(), text)) return false;
  lex.take();
  return true;
}

void expect(Lexer& lex, std::string_view text) {
  if (!accept(lex, text)) Lexer::error(lex.peek(), "\"" + std::string(text) + "\"");
}

std::string parse_name(Lexer& lex, const char* what) {
  const TokenKind k = lex.peek().kind;
  if (k != TokenKind::kName && k != TokenKind::kString) Lexer::error(lex.peek(), what);
  return lex.take().text;
}

std::string print_type(const ValueType& t, const Symbols& symbols) {
  switch (t.kind) {
    case ValueKind::kSequence:
      return "seq(" + print_type(*t.inner, symbols) + ")";
    case ValueKind::kOptional:
      return "optional(" + print_type(*t.inner, symbols) + ")";
    case ValueKind::kMap:
      return "map(" + std::string(dtype_name(t.elem)) + ", " + print_type(*t.inner, symbols) + ")";
    case ValueKind::kOpaque:
    case ValueKind::kNone:
      return "opaque";
    case ValueKind::kTensor:
    case ValueKind::kSparse:
      break;
  }
  std::string s = t.kind == ValueKind::kSparse ? "sparse " : "";
  s += dtype_name(t.elem);
  if (!t.has_rank) return s;
  s += "[";
  for (size_t i = 0; i < t.dims.size(); ++i) s += (i ? "," : "") + print_dim(t.dims[i], symbols);
  return s + "]";
}

ValueType parse_type(Lexer& lex, Symbols& symbols) {
  const auto inner = [&] {
    expect(lex, "(");
    ValueType t = parse_type(lex, symbols);
    expect(lex, ")");
    return t;
  };
  const auto elem = [&] {
    const Token t = lex.take();
    const DType d = t.kind == TokenKind::kName ? dtype_from_name(t.text) : DType::kUndefined;
    if (d == DType::kUndefined) Lexer::error(t, "an element type");
    return d;
  };
  if (accept(lex, "seq")) return ValueType::sequence(inner());
  if (accept(lex, "optional")) return ValueType::optional(inner());
  if (accept(lex, "map")) {
    expect(lex, "(");
    const DType key = elem();
    expect(lex, ",");
    ValueType value = parse_type(lex, symbols);
    expect(lex, ")");
    return ValueType::map(key, std::move(value));
  }
  ValueType t;
  if (accept(lex, "sparse")) t.kind = ValueKind::kSparse;
  t.elem = elem();
  if (!accept(lex, "[")) return t;
  t.has_rank = true;
  while (!accept(lex, "]")) {
    if (!t.dims.empty()) expect(lex, ",");
    t.dims.push_back(parse_dim(lex, symbols));
  }
  return t;
}

std::string print_elements(const Value& v, bool full) {
  if (!v.is_tensor()) return "{... no tensor}";
  if (!full && v.count() > kShown) return fmt::format("{{... {} elements, hash {:x}}}", v.count(), hash_contents(v));
  std::string s = "{";
  for (int64_t i = 0; i < v.count(); ++i) s += (i ? ", " : "") + print_element(v, i);
  return s + "}";
}

Value parse_elements(Lexer& lex, const ValueType& t) {
  if (!t.is_static()) Lexer::error(lex.peek(), "a type with known dimensions before the elements");
  Value v = Value::tensor(t.elem, t.dims);
  if (v.bytes() > 0) std::memset(v.mutable_data(), 0, v.bytes());
  expect(lex, "{");
  for (int64_t i = 0; i < v.count(); ++i) {
    if (i) expect(lex, ",");
    parse_element(lex, v, i);
  }
  expect(lex, "}");
  return v;
}

std::string print_attr(const AttrValue& v, const Symbols& symbols, bool full) {
  const auto real = [](float f) {
    std::string s = print_float(f);
    const bool plain = s.find_first_not_of("-0123456789") == std::string::npos;
    return plain ? s + ".0" : s;
  };
  const auto type = [&](const ValueType& t) { return "type(" + print_type(t, symbols) + ")"; };
  const auto tensor = [&](const Value& t) { return print_value(t, symbols, full); };
  switch (v.index()) {
    case 0:
      return std::to_string(std::get<int64_t>(v));
    case 1:
      return real(std::get<float>(v));
    case 2:
      return quote_string(std::get<std::string>(v));
    case 3:
      return tensor(std::get<Value>(v));
    case 4:
      return type(std::get<ValueType>(v));
    case 5:
      return print_list(std::get<std::vector<int64_t>>(v), "ints", [](int64_t i) { return std::to_string(i); });
    case 6:
      return print_list(std::get<std::vector<float>>(v), "floats", real);
    case 7:
      return print_list(std::get<std::vector<std::string>>(v), "strings", quote_string);
    case 8:
      return print_list(std::get<std::vector<Value>>(v), "tensors", tensor);
    default:
      return print_list(std::get<std::vector<ValueType>>(v), "types", type);
  }
}

AttrValue parse_attr(Lexer& lex, Symbols& symbols) {
  const Token first = lex.peek();
  if (first.kind == TokenKind::kString) return lex.take().text;
  if (accept(lex, "[")) {
    if (accept(lex, "]")) return std::vector<int64_t>{};
    std::vector<AttrValue> items;
    do items.push_back(parse_attr(lex, symbols));
    while (accept(lex, ","));
    expect(lex, "]");
    return std::visit(
        [&]<class T>(const T&) -> AttrValue {
          if constexpr (requires(std::vector<T> l) { AttrValue(l); }) {
            std::vector<T> list;
            for (AttrValue& i : items) {
              if (!std::holds_alternative<T>(i)) Lexer::error(first, "a list of one kind");
              list.push_back(std::move(std::get<T>(i)));
            }
            return list;
          } else {
            Lexer::error(first, "a list of scalars");
          }
        },
        AttrValue(items.front()));
  }
  if (first.kind == TokenKind::kName && first.text != "inf" && first.text != "nan") {
    const auto empty = [&](std::string_view kind) {
      if (first.text != kind) return false;
      lex.take();
      expect(lex, "[");
      expect(lex, "]");
      return true;
    };
    if (empty("ints")) return std::vector<int64_t>{};
    if (empty("floats")) return std::vector<float>{};
    if (empty("strings")) return std::vector<std::string>{};
    if (empty("tensors")) return std::vector<Value>{};
    if (empty("types")) return std::vector<ValueType>{};
    if (!accept(lex, "type")) return parse_value(lex, symbols);
    expect(lex, "(");
    ValueType t = parse_type(lex, symbols);
    expect(lex, ")");
    return t;
  }
  const bool negative = accept(lex, "-");
  const Token t = lex.take();
  const std::string text = (negative ? "-" : "") + t.text;
  Lexer number(text);
  if (t.kind == TokenKind::kNumber && t.text.find_first_not_of("0123456789") == std::string::npos)
    return parse_scalar<int64_t>(number);
  if (t.kind != TokenKind::kNumber && t.kind != TokenKind::kName) Lexer::error(t, "an attribute value");
  return parse_scalar<float>(number);
}

}  // namespace tenon::graph::text
