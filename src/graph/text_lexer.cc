// Cuts the text form into tokens; quotes names and strings.
#include "graph/text_lexer.h"

#include "base/error.h"

namespace tenon::graph::text {
namespace {

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
int hex_digit(char c) {
  if (digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

void Lexer::error(const Token& at, std::string_view expected) {
  fail(ErrorCode::kInvalidGraph, "graph text, line {}, column {}: expected {}, found {}", at.line, at.column, expected,
       at.kind == TokenKind::kEnd ? std::string("the end") : "\"" + at.text + "\"");
}

void Lexer::skip_space() {
  for (;;) {
    const char c = at(pos_);
    if (c == '#') {
      while (pos_ < text_.size() && at(pos_) != '\n') step();
    } else if (pos_ < text_.size() && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      step();
    } else {
      return;
    }
  }
}

void Lexer::advance() {
  skip_space();
  token_ = {TokenKind::kEnd, "", line_, column_};
  if (pos_ >= text_.size()) return;
  const char c = at(pos_);
  const auto grab = [&] {
    token_.text += at(pos_);
    step();
  };
  if (letter(c)) {
    token_.kind = TokenKind::kName;
    while (letter(at(pos_)) || digit(at(pos_)) || at(pos_) == '.') grab();
  } else if (digit(c)) {
    token_.kind = TokenKind::kNumber;
    if (c == '0' && at(pos_ + 1) == 'x') {
      grab(), grab();
      while (hex_digit(at(pos_)) >= 0) grab();
      return;
    }
    while (digit(at(pos_)) || at(pos_) == '.') grab();
    if (at(pos_) == 'e' || at(pos_) == 'E') {
      grab();
      if (at(pos_) == '+' || at(pos_) == '-') grab();
      while (digit(at(pos_))) grab();
    }
  } else if (c == '"') {
    token_.kind = TokenKind::kString;
    step();
    while (at(pos_) != '"') {
      if (pos_ >= text_.size()) error(token_, "a closing quote");
      if (at(pos_) != '\\') {
        grab();
        continue;
      }
      step();
      const char escaped = at(pos_);
      if (escaped == 'x' && hex_digit(at(pos_ + 1)) >= 0 && hex_digit(at(pos_ + 2)) >= 0) {
        token_.text += static_cast<char>(hex_digit(at(pos_ + 1)) * 16 + hex_digit(at(pos_ + 2)));
        step(), step(), step();
      } else if (pos_ < text_.size()) {
        token_.text += escaped == 'n' ? '\n' : escaped;
        step();
      }
    }
    step();
  } else {
    token_.kind = TokenKind::kPunct;
    grab();
    if (c == '/' && at(pos_) == '/') grab();
  }
}

bool is_plain_name(std::string_view s) {
  if (s.empty() || !letter(s[0])) return false;
  for (char c : s)
    if (!letter(c) && !digit(c) && c != '.') return false;
  return true;
}

std::string quote_name(std::string_view s) { return is_plain_name(s) && s != "_" ? std::string(s) : quote_string(s); }

std::string quote_string(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 32) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace tenon::graph::text
