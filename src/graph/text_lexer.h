// Tokens of the text form.
#pragma once
#include <string>
#include <string_view>

namespace tenon::graph::text {

enum class TokenKind : uint8_t {
  kEnd,
  kName,    ///< letters, digits, '_' and '.', not starting with a digit
  kString,  ///< text = unescaped contents
  kNumber,  ///< unsigned decimal, floating or 0x hex
  kPunct,   ///< one character, or "//"
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1, column = 1;
};

/// '#' starts a comment that ends with the line.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { advance(); }
  const Token& peek() const { return token_; }
  Token take() {
    Token t = std::move(token_);
    advance();
    return t;
  }
  /// Throws kInvalidGraph with line and column of `at`.
  [[noreturn]] static void error(const Token& at, std::string_view expected);

 private:
  void advance();
  void skip_space();
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  void step() {
    if (text_[pos_++] == '\n') {
      ++line_;
      column_ = 0;
    }
    ++column_;
  }
  std::string_view text_;
  size_t pos_ = 0;
  int line_ = 1, column_ = 1;
  Token token_;
};

bool is_plain_name(std::string_view s);
/// The name as it is, or quoted where the lexer would not read it as one name.
std::string quote_name(std::string_view s);
std::string quote_string(std::string_view s);

}  // namespace tenon::graph::text
