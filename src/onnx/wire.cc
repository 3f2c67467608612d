// Protobuf fields by protozero's varint decoder.
#include "onnx/wire.h"

#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

#include "base/error.h"

namespace tenon::onnx {
namespace {

const char* wire_name(Wire w) {
  switch (w) {
    case Wire::kVarint:
      return "varint";
    case Wire::kFixed64:
      return "64-bit";
    case Wire::kBytes:
      return "length-delimited";
    case Wire::kFixed32:
      return "32-bit";
  }
  return "?";
}

/// Length of the UTF-8 sequence at p, or 0. Overlong forms, surrogates and code points past U+10FFFF are refused.
size_t sequence_length(const unsigned char* p, const unsigned char* end) {
  const auto tail = [&](int i) { return p + i < end && (p[i] & 0xC0) == 0x80; };
  if (p[0] < 0x80) return 1;
  if (p[0] >= 0xC2 && p[0] <= 0xDF) return tail(1) ? 2 : 0;
  if (p[0] >= 0xE0 && p[0] <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) return 0;
    return 3;
  }
  if (p[0] >= 0xF0 && p[0] <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

bool valid_utf8(std::string_view s) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(s.data());
  const auto* end = p + s.size();
  while (p != end) {
    const size_t n = sequence_length(p, end);
    if (n == 0) return false;
    p += n;
  }
  return true;
}

std::string quote_name(std::string_view name) {
  constexpr size_t kMost = 100;
  std::string out = "\"";
  const auto* p = reinterpret_cast<const unsigned char*>(name.data());
  const auto* end = p + name.size();
  while (p != end && out.size() < kMost) {
    const size_t n = sequence_length(p, end);
    if (n == 0 || *p < 0x20 || *p == 0x7f) {
      out += fmt::format("\\x{:02x}", *p++);
    } else {
      out.append(reinterpret_cast<const char*>(p), n);
      p += n;
    }
  }
  return out + (p == end ? "\"" : "...\"");
}

void Reader::fail(const char* what, std::string_view problem) const {
  const char* at = field_start_ ? field_start_ : p_;
  tenon::fail(ErrorCode::kInvalidProtobuf, "not a valid ONNX model: {}{}{} at byte {}: {}", message_, *what ? "." : "",
              what, at - origin_, problem);
}

uint64_t Reader::varint(const char** p, const char* end, const char* what) const {
  try {
    return protozero::decode_varint(p, end);
  } catch (const protozero::end_of_buffer_exception&) {
    fail(what, "the integer is cut off");
  } catch (const protozero::varint_too_long_exception&) {
    fail(what, "an integer has more than 10 bytes");
  }
}

bool Reader::next() {
  if (p_ == end_) return false;
  field_start_ = p_;
  const uint64_t tag = varint(&p_, end_, "");
  field_ = static_cast<uint32_t>(tag >> 3);
  if (tag >> 32 != 0 || field_ == 0) fail("", fmt::format("field number {} is not valid", tag >> 3));
  const auto wire = static_cast<unsigned>(tag & 7);
  if (wire == 3 || wire == 4 || wire > 5) fail("", fmt::format("field {} has unknown wire type {}", field_, wire));
  wire_ = static_cast<Wire>(wire);
  return true;
}

void Reader::expect(Wire wire, const char* what) const {
  if (wire_ != wire) fail(what, fmt::format("wire type {} found, expected {}", wire_name(wire_), wire_name(wire)));
}

void Reader::skip() {
  switch (wire_) {
    case Wire::kVarint:
      varint(&p_, end_, "");
      break;
    case Wire::kFixed64:
      fixed<uint64_t>(&p_, end_, "");
      break;
    case Wire::kBytes:
      bytes("");
      break;
    case Wire::kFixed32:
      fixed<uint32_t>(&p_, end_, "");
      break;
  }
}

int64_t Reader::integer(const char* what) {
  expect(Wire::kVarint, what);
  return static_cast<int64_t>(varint(&p_, end_, what));
}

float Reader::real(const char* what) {
  expect(Wire::kFixed32, what);
  return fixed<float>(&p_, end_, what);
}

std::string_view Reader::bytes(const char* what) {
  expect(Wire::kBytes, what);
  const uint64_t size = varint(&p_, end_, what);
  if (size > static_cast<uint64_t>(end_ - p_))
    fail(what, fmt::format("{} bytes announced, {} left in the message", size, end_ - p_));
  const std::string_view out(p_, static_cast<size_t>(size));
  p_ += size;
  return out;
}

std::string_view Reader::text(const char* what) {
  const std::string_view out = bytes(what);
  if (!valid_utf8(out)) fail(what, fmt::format("{} is not valid UTF-8", quote_name(out)));
  return out;
}

}  // namespace tenon::onnx
