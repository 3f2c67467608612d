// Tensors of any element type from and to raw bits, for tests of ops that move elements.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/shape.h"
#include "tenon/value.h"

namespace tenon::test {

/// Elements of `bits` as 64-bit words (complex128: the first half twice); strings as decimal numbers, bools
/// as one bit.
inline Value raw_tensor(DType t, std::vector<int64_t> dims, const std::vector<uint64_t>& words) {
  Value v = Value::tensor(t, dims);
  if (static_cast<size_t>(v.count()) != words.size()) fail("raw_tensor: {} words", words.size());
  auto* bytes = static_cast<uint8_t*>(v.mutable_data());
  for (size_t i = 0; i < words.size(); ++i) {
    if (t == DType::kString) {
      v.as_mutable<std::string>()[i] = "a longer string than fits inline: " + std::to_string(words[i]);
      continue;
    }
    const size_t bits = static_cast<size_t>(dtype_bits(t)), size = bits / 8;
    if (size == 0) {
      const size_t at = i * bits;
      if (at % 8 == 0) bytes[at / 8] = 0;
      bytes[at / 8] = static_cast<uint8_t>(bytes[at / 8] | (words[i] & ((1u << bits) - 1)) << at % 8);
    } else {
      for (size_t b = 0; b < size; ++b)
        bytes[i * size + b] = static_cast<uint8_t>(t == DType::kBool ? words[i] & 1 : words[i] >> 8 * (b % 8));
    }
  }
  return v;
}

/// 0, 1, 2, ... as far as the bits go.
inline Value counting_tensor(DType t, std::vector<int64_t> dims, uint64_t first = 0) {
  std::vector<uint64_t> words(static_cast<size_t>(element_count(dims)));
  for (size_t i = 0; i < words.size(); ++i) words[i] = first + i;
  return raw_tensor(t, std::move(dims), words);
}

/// Inverse of raw_tensor: the low 64 bits of each element, numbers of strings.
inline std::vector<uint64_t> raw_words(const Value& v) {
  std::vector<uint64_t> out;
  const auto* bytes = static_cast<const uint8_t*>(v.data());
  for (size_t i = 0; i < static_cast<size_t>(v.count()); ++i) {
    if (v.dtype() == DType::kString) {
      const std::string& s = v.string_data()[i];
      out.push_back(s.empty() ? 0 : std::stoull(s.substr(s.rfind(' ') + 1)));
      continue;
    }
    const size_t bits = static_cast<size_t>(dtype_bits(v.dtype())), size = bits / 8;
    uint64_t word = 0;
    if (size == 0)
      word = bytes[i * bits / 8] >> i * bits % 8 & ((1u << bits) - 1);
    else
      for (size_t b = 0; b < size && b < 8; ++b) word |= static_cast<uint64_t>(bytes[i * size + b]) << 8 * b;
    out.push_back(word);
  }
  return out;
}

/// `words` as elements of type t keep them.
inline std::vector<uint64_t> truncated(DType t, std::vector<uint64_t> words) {
  const int bits = t == DType::kBool ? 1 : dtype_bits(t);
  if (t != DType::kString && bits < 64)
    for (auto& w : words) w &= (uint64_t{1} << bits) - 1;
  return words;
}

/// Calls f(t) for every type of the set.
template <class F>
void for_each_type(DTypeSet set, F&& f) {
  for (int i = 1; i < kNumDTypes; ++i)
    if (contains(set, static_cast<DType>(i))) f(static_cast<DType>(i));
}

}  // namespace tenon::test
