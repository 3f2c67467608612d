// UTF-8 strings: code points and simple case mapping, independent of any locale of the machine.
#pragma once
#include <string>
#include <string_view>

namespace tenon::ops {

/// Upper or lower case of one code point: alphabets of Latin, Greek, Cyrillic and Armenian script, one to one.
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);
/// Every code point mapped; bytes that are no UTF-8 stay as they are.
std::string map_case(std::string_view s, char32_t (*map)(char32_t));
/// Length in bytes of the code point at the start of a non-empty string, and the code point itself; an invalid byte is
/// one unit with code 0xfffd.
size_t decode(std::string_view s, char32_t* code);

}  // namespace tenon::ops
