// RandomValues: contents for inputs that nobody has given.
#pragma once
#include <random>
#include <span>
#include <string>

#include "tenon/value.h"

namespace tenon::session {

class RandomValues {
 public:
  explicit RandomValues(uint64_t seed) : engine_(seed) {}

  /// Floats in [0, 1); bytes over their whole range; wider integers 0 or 1, which are indices, lengths and masks of
  /// every model; strings of one letter. Throws kNotImplemented naming the input for other element types.
  Value tensor(DType t, std::span<const int64_t> dims, const std::string& input);

 private:
  float uniform() { return static_cast<float>(engine_() >> 40) * 0x1p-24f; }
  template <class T>
  T number();
  std::mt19937_64 engine_;
};

}  // namespace tenon::session
