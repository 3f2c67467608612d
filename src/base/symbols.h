// Symbols: dimensions that are not known yet, as interned canonical integer expressions.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tenon {

/// An int64 is a symbol when it lies in the lowest 2^40 values: no real size, index or step is there.
inline constexpr int64_t kSymbolBase = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kSymbolEnd = kSymbolBase + (int64_t{1} << 40);
constexpr bool is_symbol(int64_t v) noexcept { return v < kSymbolEnd; }
constexpr int64_t symbol_id(int64_t v) noexcept { return v - kSymbolBase; }
constexpr int64_t symbol_of(int64_t id) noexcept { return kSymbolBase + id; }

/// Table of expressions over named unknowns. Equal expressions have equal handles, so dims compare with ==.
/// Canonical form: a polynomial with integer coefficients over atoms (names and floor_div / mod / min / max of
/// polynomials). Every operation accepts plain integers and symbols mixed; integers in, integer out.
/// Bounded: a result of over 64 terms, a coefficient overflow or a table of over 2^20 entries gives a fresh symbol.
/// Named symbols are >= 0 (dimensions) unless made with `any_sign`. Not thread-safe; one table per graph.
class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  int64_t named(std::string_view name);          ///< same name, same symbol
  int64_t fresh(std::string_view hint = "unk");  ///< a new unknown dimension, equal to nothing else
  int64_t fresh_any_sign(std::string_view hint = "unk");

  int64_t add(int64_t a, int64_t b);
  int64_t sub(int64_t a, int64_t b);
  int64_t mul(int64_t a, int64_t b);
  int64_t floor_div(int64_t a,
                    int64_t b);  ///< Python's //; exact when b divides every term; b == 0 gives a fresh symbol
  int64_t ceil_div(int64_t a, int64_t b);
  int64_t trunc_div(int64_t a, int64_t b);  ///< C's /, ONNX's integer Div; equals floor_div where both are known >= 0
  int64_t mod(int64_t a, int64_t b);        ///< Python's %
  int64_t min(int64_t a, int64_t b);
  int64_t max(int64_t a, int64_t b);
  int64_t product(std::span<const int64_t> dims);
  /// Broadcast of two dims: equal, or the one that is not 1, or a symbol; -1 when both are integers that do not match.
  int64_t broadcast(int64_t a, int64_t b);

  /// Bounds that hold for every value of the unknowns (int64 min/max when none is known).
  int64_t lower_bound(int64_t a) const;
  int64_t upper_bound(int64_t a) const;
  /// Value of `a` when the unknown with handle `unknown` of each pair has the paired value; a symbol when some are
  /// missing.
  struct Binding {
    int64_t unknown;
    int64_t value;
  };
  int64_t evaluate(int64_t a, std::span<const Binding> bindings);
  /// True when `a` is a single unknown (a name or a fresh one), not an expression.
  bool is_unknown(int64_t a) const;
  bool is_fresh(int64_t a) const;          ///< made by fresh(): no name of the model stands behind it
  std::unique_ptr<Symbols> clone() const;  ///< same handles, same meaning

  std::string to_string(int64_t a) const;  ///< "batch", "2*seq + 1", "7"
  std::string to_string(std::span<const int64_t> dims) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenon
