// Wire reader: bounds, wire types, UTF-8.
#include "onnx/wire.h"

#include <gtest/gtest.h>

#include "support/onnx_builder.h"
#include "tenon/error.h"

namespace tenon::onnx::wire_test {
namespace {

using test::Proto;

std::string error_of(std::string_view bytes, void (*read)(Reader&)) {
  Reader r(bytes, bytes.data(), "Message");
  try {
    while (r.next()) read(r);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidProtobuf);
    return e.what();
  }
  return "";
}
void skip(Reader& r) { r.skip(); }

TEST(Reader, ReadsEveryWireType) {
  const Proto p = Proto().i(1, -2).f(2, 1.5f).d(3, 0.25).b(4, "caf\xc3\xa9").i(70000, 7);
  Reader r(p.s, p.s.data(), "Message");
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.integer("a"), -2);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.real("b"), 1.5f);
  ASSERT_TRUE(r.next());
  std::vector<double> doubles;
  r.doubles("c", [&](double d) { doubles.push_back(d); });
  EXPECT_EQ(doubles, std::vector<double>{0.25});
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.text("d"), "caf\xc3\xa9");
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.field(), 70000u);
  EXPECT_EQ(r.integer("e"), 7);
  EXPECT_FALSE(r.next());
}

TEST(Reader, PackedAndSingleValuesMix) {
  const Proto p = Proto().i(1, 5).b(1, Proto().varint(300).varint(~uint64_t{0}).s);
  Reader r(p.s, p.s.data(), "Message");
  std::vector<int64_t> v;
  while (r.next()) r.integers("ints", [&](int64_t x) { v.push_back(x); });
  EXPECT_EQ(v, (std::vector<int64_t>{5, 300, -1}));
}

TEST(Reader, RefusesBrokenBytes) {
  const struct {
    const char* what;
    std::string bytes;
    const char* expected;
  } kCases[] = {
      {"cut tag", "\x80", "cut off"},
      {"cut varint", "\x08\xff\xff", "cut off"},
      {"endless varint", std::string("\x08") + std::string(11, '\xff'), "more than 10 bytes"},
      {"cut fixed32", std::string("\x0d\0\0", 3), "cut off"},
      {"cut fixed64", std::string("\x09\0\0\0\0", 5), "cut off"},
      {"length past the end",
       "\x0a\x05"
       "abc",
       "5 bytes announced, 3 left"},
      {"length of 2^63", Proto().varint(0x0a).varint(uint64_t{1} << 63).s, "announced"},
      {"length of 2^32 + 1", Proto().varint(0x0a).varint((uint64_t{1} << 32) + 1).s + "a", "announced"},
      {"field 0", std::string("\0\0", 2), "field number 0"},
      {"field over 2^29", Proto().varint(uint64_t{1} << 35).s + "a", "field number"},
      {"group", "\x0b", "wire type 3"},
      {"wire type 6", "\x0e", "wire type 6"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const std::string e = error_of(c.bytes, skip);
    EXPECT_NE(e.find(c.expected), std::string::npos) << e;
    EXPECT_NE(e.find("Message"), std::string::npos) << e;
  }
}

TEST(Reader, SaysWhereAndWhatWasExpected) {
  const Proto p = Proto().i(1, 1).i(2, 3);
  const std::string e = error_of(p.s, [](Reader& r) {
    if (r.field() == 1)
      r.skip();
    else
      r.text("name");
  });
  EXPECT_EQ(e, "not a valid ONNX model: Message.name at byte 2: wire type varint found, expected length-delimited");
  const std::string packed = error_of(Proto().b(1, "12345").s, [](Reader& r) { r.floats("f", [](float) {}); });
  EXPECT_NE(packed.find("cut off"), std::string::npos) << packed;
}

/// By the definition: lead byte and length, then the code point's value.
bool well_formed(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const auto byte = [&](size_t k) -> uint32_t { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0; };
    const uint32_t lead = byte(i);
    const size_t n = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (n == 0) return false;
    uint32_t point = n == 1 ? lead : lead & (0x7fu >> n);
    for (size_t k = 1; k < n; ++k) {
      if (byte(i + k) >> 6 != 2) return false;
      point = point << 6 | (byte(i + k) & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += n;
  }
  return true;
}

TEST(Utf8, AcceptsOnlyWellFormed) {
  for (const char* good :
       {"", "abc", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(valid_utf8(good)) << quote_name(good);
  for (const char* bad : {"\x80", "\xc1\x80", "\xc2", "\xe0\x9f\x80", "\xed\xa0\x80", "\xe1\x80", "\xf0\x8f\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(valid_utf8(bad)) << quote_name(bad);
    EXPECT_TRUE(well_formed(quote_name(bad))) << quote_name(bad);
  }
}

TEST(Utf8, AgreesWithTheDefinitionAtEveryBorder) {
  const std::string_view borders =
      "\x20\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff";
  std::vector<std::string> all{""};
  for (size_t at = 0, end = 1, length = 1; length <= 4; ++length, at = end, end = all.size())
    for (size_t i = at; i < end; ++i)
      for (char c : borders) all.push_back(all[i] + c);
  EXPECT_GT(all.size(), 300'000u);
  for (const std::string& s : all) ASSERT_EQ(valid_utf8(s), well_formed(s)) << quote_name(s);
}

TEST(QuoteName, EscapesAndCuts) {
  EXPECT_EQ(quote_name("\x1f \x7f~\xc3\xa9"), "\"\\x1f \\x7f~\xc3\xa9\"");
  EXPECT_EQ(quote_name("a\n\xff"), "\"a\\x0a\\xff\"");
  const std::string cut = quote_name(std::string(1000, 'x'));
  EXPECT_LT(cut.size(), 110u);
  EXPECT_TRUE(cut.ends_with("...\""));
}

}  // namespace
}  // namespace tenon::onnx::wire_test
