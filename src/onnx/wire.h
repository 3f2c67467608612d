// Reader: the fields of one protobuf message, bounded, without copies; every error states message, field and offset.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::onnx {

/// Wire types that messages of ONNX use.
enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Lengths are 64-bit. A known field with the wrong wire type is an error, unknown fields are skipped by the caller.
/// All errors are kInvalidProtobuf.
class Reader {
 public:
  /// `origin` is the start of the file, for offsets in messages; `message` names what is read ("NodeProto").
  Reader(std::string_view bytes, const char* origin, const char* message)
      : p_(bytes.data()), end_(bytes.data() + bytes.size()), origin_(origin), message_(message) {}

  /// Moves to the next field; false at the end of the message.
  bool next();
  uint32_t field() const { return field_; }
  Wire wire() const { return wire_; }
  void skip();

  // Value of the current field; `what` is its name.
  int64_t integer(const char* what);
  float real(const char* what);
  std::string_view bytes(const char* what);
  std::string_view text(const char* what);  ///< UTF-8
  /// Appends f(value) for each value of a repeated scalar, packed or not.
  template <class F>
  void integers(const char* what, F f);
  template <class F>
  void floats(const char* what, F f);
  template <class F>
  void doubles(const char* what, F f);

  [[noreturn]] void fail(const char* what, std::string_view problem) const;

 private:
  uint64_t varint(const char** p, const char* end, const char* what) const;
  void expect(Wire wire, const char* what) const;
  template <class T>
  T fixed(const char** p, const char* end, const char* what) const;
  template <class T, class F>
  void fixed_values(Wire single, const char* what, F f);

  const char* p_;
  const char* end_;
  const char* origin_;
  const char* message_;
  const char* field_start_ = nullptr;
  uint32_t field_ = 0;
  Wire wire_ = Wire::kVarint;
};

bool valid_utf8(std::string_view s) noexcept;
/// "name" in quotes for messages: control characters and bad UTF-8 escaped, cut at 100 bytes.
std::string quote_name(std::string_view name);

template <class F>
void Reader::integers(const char* what, F f) {
  if (wire_ == Wire::kVarint) return f(integer(what));
  const std::string_view packed = bytes(what);
  const char* p = packed.data();
  const char* end = p + packed.size();
  while (p != end) f(static_cast<int64_t>(varint(&p, end, what)));
}

template <class T>
T Reader::fixed(const char** p, const char* end, const char* what) const {
  if (end - *p < static_cast<std::ptrdiff_t>(sizeof(T))) fail(what, "the value is cut off");
  T v;
  __builtin_memcpy(&v, *p, sizeof v);
  *p += sizeof v;
  return v;
}

template <class T, class F>
void Reader::fixed_values(Wire single, const char* what, F f) {
  if (wire_ == single) return f(fixed<T>(&p_, end_, what));
  const std::string_view packed = bytes(what);
  const char* p = packed.data();
  const char* end = p + packed.size();
  while (p != end) f(fixed<T>(&p, end, what));
}

template <class F>
void Reader::floats(const char* what, F f) {
  fixed_values<float>(Wire::kFixed32, what, f);
}

template <class F>
void Reader::doubles(const char* what, F f) {
  fixed_values<double>(Wire::kFixed64, what, f);
}

}  // namespace tenon::onnx
