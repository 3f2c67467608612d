// Types, tensors and attribute values in the text form: printing and parsing of what is not structure.
#pragma once
#include <string>

#include "base/symbols.h"
#include "graph/attr.h"
#include "graph/text_lexer.h"

namespace tenon::graph::text {

// Printing.
std::string print_type(const ValueType& t, const Symbols& symbols);
/// "{1, 2, 3}"; over 16 elements "{... 4096 elements, hash 1f}" unless `full`.
std::string print_elements(const Value& v, bool full);
std::string print_attr(const AttrValue& v, const Symbols& symbols, bool full);

// Parsing; all throw Lexer::error.
bool accept(Lexer& lex, std::string_view punct_or_name);
void expect(Lexer& lex, std::string_view punct_or_name);
/// A plain or quoted name.
std::string parse_name(Lexer& lex, const char* what);
ValueType parse_type(Lexer& lex, Symbols& symbols);
/// "{...}" for a tensor of `t`, whose dims must be integers.
Value parse_elements(Lexer& lex, const ValueType& t);
AttrValue parse_attr(Lexer& lex, Symbols& symbols);

}  // namespace tenon::graph::text
