// Conversion of whole tensors between element types, by ONNX's rules of Cast.
#pragma once
#include "ops/kernel.h"
#include "ops/small_float.h"

namespace tenon::ops {

struct ConvertOptions {
  bool saturate = true;  ///< float8 targets
  ScaleRounding rounding = ScaleRounding::kUp;
};

/// Elements of type `from` to type `to`, both of any type but complex. Integers wrap; floats beyond an integer type's
/// range give some value of that type (never undefined behaviour); strings that are no numbers are an error.
class Converter {
 public:
  Converter(DType from, DType to, ConvertOptions options = {});
  /// y may be x where both types have elements of one size.
  void run(const Parallel& par, const void* x, void* y, int64_t n) const;

 private:
  using Load = void (*)(DType from, const void* x, void* tile, int64_t n);
  using Store = void (*)(const Converter& c, const void* tile, void* y, int64_t n);
  template <class C>
  static Store store_of(DType to);
  template <class C, class T>
  static void store_numbers(const Converter& c, const void* tile, void* y, int64_t n);
  template <class C>
  static void store_small(const Converter& c, const void* tile, void* y, int64_t n);
  template <class C>
  static void store_packed(const Converter& c, const void* tile, void* y, int64_t n);
  template <class C>
  static void store_strings(const Converter& c, const void* tile, void* y, int64_t n);

  DType from_, to_;
  ConvertOptions options_;
  Load load_ = nullptr;    ///< null: the stored type is the one that store_ reads
  Store store_ = nullptr;  ///< null: load_ writes the result
};

/// "0.1", "1e+20", "NaN", "-INF": floats with eight digits, doubles with as many as they need.
std::string number_to_string(float x);
std::string number_to_string(double x);
/// Whole numbers exactly, anything else that reads as a float; error when it does not.
double string_to_number(const std::string& s);
int64_t string_to_integer(const std::string& s);

}  // namespace tenon::ops
