// Symbols: hash-consed canonical polynomials over atoms, with intervals.
#include "base/symbols.h"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/shape.h"

namespace tenon {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();  // as a bound: none
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxTerms = 64, kMaxDegree = 16, kMaxTable = size_t{1} << 20, kMaxText = 400;
constexpr int kMaxDepth = 48;  // of nested atoms: evaluation and printing recurse that deep

using Monomial = std::vector<int64_t>;  // sorted atom handles, repeated for powers; empty = the constant term
struct Term {
  Monomial atoms;
  int64_t coefficient;
};
/// Terms in descending order of monomials (higher degree first, then by handles), no zero coefficients.
using Poly = std::vector<Term>;

bool precedes(const Monomial& a, const Monomial& b) {
  if (a.size() != b.size()) return a.size() > b.size();
  return a < b;
}

struct Range {
  int64_t lo = kMin, hi = kMax;
};
using Wide = __int128;
int64_t saturate(Wide v) { return v <= kMin ? kMin : v >= kMax ? kMax : static_cast<int64_t>(v); }
bool finite(int64_t v) { return v != kMin && v != kMax; }

int64_t add_bound(int64_t a, int64_t b, int64_t infinite) {
  return finite(a) && finite(b) ? saturate(Wide{a} + b) : infinite;
}
int64_t times(int64_t a, int64_t b) {  // 0 * infinity = 0: a bound of a product of finite unknowns
  if (a == 0 || b == 0) return 0;
  if (!finite(a) || !finite(b)) return (a < 0) == (b < 0) ? kMax : kMin;
  return saturate(Wide{a} * b);
}
Range range_product(Range a, Range b) {
  const int64_t p[] = {times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi)};
  return {*std::min_element(p, p + 4), *std::max_element(p, p + 4)};
}

int64_t floor_quotient(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }
int64_t floor_remainder(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r;
}
/// True when the value can be an integer handle.
bool representable(Wide v) { return v >= Wide{kSymbolEnd} && v <= Wide{kMax}; }

struct KeyHash {
  size_t operator()(const std::vector<int64_t>& key) const {
    uint64_t h = key.size();
    for (int64_t x : key) h = (h ^ static_cast<uint64_t>(x)) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
    return h;
  }
};

}  // namespace

struct Symbols::Impl {
  enum Kind : uint8_t { kName, kFresh, kPoly, kDiv, kMod, kSmaller, kLarger, kBroadcast };
  struct Entry {
    Kind kind;
    int depth = 0;
    Range range;
    std::string name;      // kName, kFresh
    Poly poly;             // kPoly
    int64_t a = 0, b = 0;  // operands of the other kinds
  };
  std::deque<Entry> entries;
  std::unordered_map<std::vector<int64_t>, int64_t, KeyHash> interned;
  std::map<std::string, int64_t, std::less<>> names;
  int64_t unstored = 0;  // fresh symbols made after the table was full

  const Entry* entry(int64_t handle) const {
    const auto id = static_cast<size_t>(symbol_id(handle));
    return id < entries.size() ? &entries[id] : nullptr;
  }
  int depth(int64_t v) const {
    const Entry* e = is_symbol(v) ? entry(v) : nullptr;
    return e ? e->depth : 0;
  }
  Range range(int64_t v) const {
    if (!is_symbol(v)) return {v, v};
    const Entry* e = entry(v);
    return e ? e->range : Range{};
  }
  int64_t store(Entry e) {
    if (entries.size() >= kMaxTable) return symbol_of(static_cast<int64_t>(kMaxTable) + unstored++);
    entries.push_back(std::move(e));
    return symbol_of(static_cast<int64_t>(entries.size()) - 1);
  }
  int64_t fresh(std::string_view hint, Range r) {
    Entry e{kFresh, 0, r, std::string(hint), {}, 0, 0};
    return store(std::move(e));
  }
  int64_t overflow() { return fresh("big", {}); }

  Poly poly_of(int64_t v) const {
    if (!is_symbol(v)) return v == 0 ? Poly{} : Poly{{{}, v}};
    const Entry* e = entry(v);
    return e && e->kind == kPoly ? e->poly : Poly{{{v}, 1}};
  }

  /// Handle of a sum of terms in any order.
  int64_t handle_of(Poly p) {
    std::sort(p.begin(), p.end(), [](const Term& x, const Term& y) { return precedes(x.atoms, y.atoms); });
    Poly sum;
    for (Term& t : p) {
      if (!sum.empty() && sum.back().atoms == t.atoms) {
        if (__builtin_add_overflow(sum.back().coefficient, t.coefficient, &sum.back().coefficient)) return overflow();
      } else {
        if (!sum.empty() && sum.back().coefficient == 0) sum.pop_back();
        sum.push_back(std::move(t));
      }
    }
    if (!sum.empty() && sum.back().coefficient == 0) sum.pop_back();
    if (sum.empty()) return 0;
    if (sum.size() > kMaxTerms) return overflow();
    if (sum.size() == 1 && sum[0].atoms.empty())
      return representable(sum[0].coefficient) ? sum[0].coefficient : overflow();
    if (sum.size() == 1 && sum[0].atoms.size() == 1 && sum[0].coefficient == 1) return sum[0].atoms[0];

    std::vector<int64_t> key{kPoly};
    Range r{0, 0};
    int deepest = 0;
    for (const Term& t : sum) {
      if (t.atoms.size() > kMaxDegree) return overflow();
      key.push_back(t.coefficient);
      key.push_back(static_cast<int64_t>(t.atoms.size()));
      Range term{t.coefficient, t.coefficient};
      for (int64_t atom : t.atoms) {
        key.push_back(atom);
        term = range_product(term, range(atom));
        deepest = std::max(deepest, depth(atom));
      }
      r = {add_bound(r.lo, term.lo, kMin), add_bound(r.hi, term.hi, kMax)};
    }
    if (const auto it = interned.find(key); it != interned.end()) return it->second;
    const int64_t id = store({kPoly, deepest, r, {}, std::move(sum), 0, 0});
    if (entry(id)) interned.emplace(std::move(key), id);
    return id;
  }

  int64_t atom(Kind kind, int64_t a, int64_t b, Range r) {
    const int d = std::max(depth(a), depth(b)) + 1;
    if (d > kMaxDepth) return fresh("deep", r);
    std::vector<int64_t> key{kind, a, b};
    if (const auto it = interned.find(key); it != interned.end()) return it->second;
    const int64_t id = store({kind, d, r, {}, {}, a, b});
    if (entry(id)) interned.emplace(std::move(key), id);
    return id;
  }

  int64_t sum(int64_t a, int64_t b, int64_t factor_b) {
    if (!is_symbol(a) && !is_symbol(b)) {
      const Wide v = Wide{a} + Wide{b} * factor_b;
      return representable(v) ? static_cast<int64_t>(v) : overflow();
    }
    Poly p = poly_of(a);
    for (Term& t : poly_of(b)) {
      if (__builtin_mul_overflow(t.coefficient, factor_b, &t.coefficient)) return overflow();
      p.push_back(std::move(t));
    }
    return handle_of(std::move(p));
  }

  int64_t mul(int64_t a, int64_t b) {
    if (!is_symbol(a) && !is_symbol(b)) {
      const Wide v = Wide{a} * b;
      return representable(v) ? static_cast<int64_t>(v) : overflow();
    }
    const Poly x = poly_of(a), y = poly_of(b);
    if (x.size() * y.size() > kMaxTerms * 4) return overflow();
    Poly p;
    for (const Term& s : x) {
      for (const Term& t : y) {
        Term r;
        if (__builtin_mul_overflow(s.coefficient, t.coefficient, &r.coefficient)) return overflow();
        r.atoms.resize(s.atoms.size() + t.atoms.size());
        std::merge(s.atoms.begin(), s.atoms.end(), t.atoms.begin(), t.atoms.end(), r.atoms.begin());
        p.push_back(std::move(r));
      }
    }
    return handle_of(std::move(p));
  }

  /// t / d when it is exact.
  static bool divide(const Term& t, const Term& d, Term* q) {
    if (d.coefficient == 0 || t.coefficient % d.coefficient != 0) return false;
    if (!std::includes(t.atoms.begin(), t.atoms.end(), d.atoms.begin(), d.atoms.end())) return false;
    q->coefficient = t.coefficient / d.coefficient;
    q->atoms.clear();
    std::set_difference(t.atoms.begin(), t.atoms.end(), d.atoms.begin(), d.atoms.end(), std::back_inserter(q->atoms));
    return true;
  }

  /// a = quotient * b + remainder, with as much in the quotient as divides exactly.
  void split(int64_t a, int64_t b, int64_t* quotient, int64_t* remainder) {
    const Poly divisor = poly_of(b);
    Poly rest = poly_of(a), q, r;
    if (divisor.size() == 1) {
      for (Term& t : rest) {
        Term exact;
        if (divide(t, divisor[0], &exact)) {
          q.push_back(std::move(exact));
        } else if (!is_symbol(b) && b > 0) {  // c*m = (c/b)*b*m + (c%b)*m
          if (const int64_t whole = floor_quotient(t.coefficient, b)) q.push_back({t.atoms, whole});
          r.push_back({t.atoms, floor_remainder(t.coefficient, b)});
        } else {
          r.push_back(std::move(t));
        }
      }
      *quotient = handle_of(std::move(q));
      *remainder = handle_of(std::move(r));
      return;
    }
    // Long division by the leading term; only an exact one is of use.
    int64_t left = a;
    for (size_t steps = 0; left != 0 && steps < kMaxTerms; ++steps) {
      Term exact;
      const Poly p = poly_of(left);
      if (!divide(p[0], divisor[0], &exact)) break;
      q.push_back(exact);
      left = sum(left, mul(handle_of({exact}), b), -1);
    }
    *quotient = left == 0 ? handle_of(std::move(q)) : 0;
    *remainder = left == 0 ? 0 : a;
  }

  int64_t floor_div(int64_t a, int64_t b) {
    if (b == 0) return fresh("div0", {});
    if (!is_symbol(a) && !is_symbol(b)) {
      if (a == kMin && b == -1) return overflow();
      return floor_quotient(a, b);
    }
    if (b == 1) return a;
    if (!is_symbol(b) && b < 0) return b == kMin ? overflow() : floor_div(sum(0, a, -1), -b);
    int64_t q, r;
    split(a, b, &q, &r);
    if (r == 0) return q;
    const Range x = range(r), y = range(b);
    if (x.lo >= 0 && finite(x.hi) && x.hi < y.lo) return q;  // 0 <= r < b
    Range bounds;
    if (y.lo >= 1) {
      if (finite(x.lo)) bounds.lo = x.lo >= 0 ? (finite(y.hi) ? x.lo / y.hi : 0) : floor_quotient(x.lo, y.lo);
      if (finite(x.hi)) bounds.hi = x.hi >= 0 ? floor_quotient(x.hi, y.lo) : -1;
    } else if (x.lo >= 0 && y.lo >= 0) {
      bounds = {0, x.hi};  // the divisor is not 0 where the quotient exists
    }
    // floor(floor(x / m) / n) = floor(x / (m*n)) for positive integers.
    if (const Entry* e = is_symbol(r) ? entry(r) : nullptr;
        e && e->kind == kDiv && !is_symbol(b) && !is_symbol(e->b) && e->b > 0) {
      const Wide both = Wide{e->b} * b;
      if (representable(both)) return sum(q, floor_div(e->a, static_cast<int64_t>(both)), 1);
    }
    return sum(q, atom(kDiv, r, b, bounds), 1);
  }

  int64_t mod(int64_t a, int64_t b) {
    if (b == 0) return fresh("mod0", {});
    if (!is_symbol(a) && !is_symbol(b)) return b == -1 ? 0 : floor_remainder(a, b);
    int64_t q, r;
    split(a, b, &q, &r);
    if (r == 0) return 0;
    const Range x = range(r), y = range(b);
    if (x.lo >= 0 && finite(x.hi) && x.hi < y.lo) return r;
    Range bounds;
    if (y.lo >= 0) bounds = {0, finite(y.hi) ? y.hi - 1 : kMax};
    return atom(kMod, r, b, bounds);
  }

  /// kSmaller or kLarger.
  int64_t extreme(Kind kind, int64_t a, int64_t b) {
    const bool larger = kind == kLarger;
    if (!is_symbol(a) && !is_symbol(b)) return larger ? std::max(a, b) : std::min(a, b);
    if (a == b) return a;
    const Range d = range(sum(a, b, -1));
    if (d.lo >= 0) return larger ? a : b;
    if (d.hi <= 0) return larger ? b : a;
    if (b < a) std::swap(a, b);
    const Range x = range(a), y = range(b);
    return atom(
        kind, a, b,
        larger ? Range{std::max(x.lo, y.lo), std::max(x.hi, y.hi)} : Range{std::min(x.lo, y.lo), std::min(x.hi, y.hi)});
  }

  bool broadcasts_over(int64_t whole, int64_t part) const {
    const Entry* e = is_symbol(whole) ? entry(whole) : nullptr;
    return e && e->kind == kBroadcast && (e->a == part || e->b == part);
  }
  int64_t broadcast(int64_t a, int64_t b) {
    if (a == b || b == 1) return a;
    if (a == 1) return b;
    if (!is_symbol(a) && !is_symbol(b)) return -1;
    if (!is_symbol(a)) return a;  // not 1, so the other one is 1 or equal
    if (!is_symbol(b)) return b;
    const Range x = range(a), y = range(b);
    if (x.lo >= 2 || broadcasts_over(a, b)) return a;
    if (y.lo >= 2 || broadcasts_over(b, a)) return b;
    if (b < a) std::swap(a, b);
    return atom(kBroadcast, a, b, {0, std::max(x.hi, y.hi)});
  }

  int64_t evaluate(int64_t v, const std::unordered_map<int64_t, int64_t>& bound,
                   std::unordered_map<int64_t, int64_t>& done) {
    if (!is_symbol(v)) return v;
    if (const auto it = done.find(v); it != done.end()) return it->second;
    const Entry* e = entry(v);
    int64_t result = v;
    if (!e || e->kind == kName || e->kind == kFresh) {
      if (const auto it = bound.find(v); it != bound.end()) result = it->second;
    } else if (e->kind == kPoly) {
      const Poly terms = e->poly;
      result = 0;
      for (const Term& t : terms) {
        int64_t term = t.coefficient;
        for (int64_t x : t.atoms) term = mul(term, evaluate(x, bound, done));
        result = sum(result, term, 1);
      }
    } else {
      const Kind kind = e->kind;
      const int64_t a = e->a, b = e->b, x = evaluate(a, bound, done), y = evaluate(b, bound, done);
      if (x != a || y != b) {
        result = kind == kDiv         ? floor_div(x, y)
                 : kind == kMod       ? mod(x, y)
                 : kind == kBroadcast ? broadcast(x, y)
                                      : extreme(kind, x, y);
        // Dims that do not broadcast have no value; the op that reads them reports the mismatch.
        if (kind == kBroadcast && result == -1) result = fresh("mismatch", {0, kMax});
      }
    }
    done.emplace(v, result);
    return result;
  }

  void print_atom(int64_t v, std::string& out) const {
    const Entry* e = is_symbol(v) ? entry(v) : nullptr;
    if (out.size() > kMaxText) {
      if (!out.ends_with("...")) out += "...";
    } else if (!is_symbol(v)) {
      out += std::to_string(v);
    } else if (!e) {
      out += "unk" + std::to_string(symbol_id(v));
    } else if (e->kind == kName) {
      out += e->name;
    } else if (e->kind == kFresh) {
      out += e->name + "__" + std::to_string(symbol_id(v));
    } else if (e->kind == kPoly) {
      print_poly(e->poly, out);
    } else if (e->kind == kDiv || e->kind == kMod) {
      out += "(";
      print_atom(e->a, out);
      out += e->kind == kDiv ? ")//(" : ")%(";
      print_atom(e->b, out);
      out += ")";
    } else {
      out += e->kind == kSmaller ? "min(" : e->kind == kLarger ? "max(" : "broadcast(";
      print_atom(e->a, out);
      out += ", ";
      print_atom(e->b, out);
      out += ")";
    }
  }
  void print_poly(const Poly& p, std::string& out) const {
    for (size_t i = 0; i < p.size(); ++i) {
      const Term& t = p[i];
      const bool negative = t.coefficient < 0;
      if (i > 0) out += negative ? " - " : " + ";
      if (i == 0 && negative) out += "-";
      const uint64_t size = negative ? 0 - static_cast<uint64_t>(t.coefficient) : static_cast<uint64_t>(t.coefficient);
      if (size != 1 || t.atoms.empty()) out += std::to_string(size);
      for (size_t k = 0; k < t.atoms.size(); ++k) {
        if (k > 0 || size != 1) out += "*";
        print_atom(t.atoms[k], out);
      }
    }
  }
};

Symbols::Symbols() : impl_(std::make_unique<Impl>()) {}
Symbols::~Symbols() = default;

std::unique_ptr<Symbols> Symbols::clone() const {
  auto copy = std::make_unique<Symbols>();
  *copy->impl_ = *impl_;
  return copy;
}

int64_t Symbols::named(std::string_view name) {
  if (const auto it = impl_->names.find(name); it != impl_->names.end()) return it->second;
  const int64_t id = impl_->store({Impl::kName, 0, {0, kMax}, std::string(name), {}, 0, 0});
  if (impl_->entry(id)) impl_->names.emplace(std::string(name), id);
  return id;
}
int64_t Symbols::fresh(std::string_view hint) { return impl_->fresh(hint, {0, kMax}); }
int64_t Symbols::fresh_any_sign(std::string_view hint) { return impl_->fresh(hint, {}); }

int64_t Symbols::add(int64_t a, int64_t b) { return impl_->sum(a, b, 1); }
int64_t Symbols::sub(int64_t a, int64_t b) { return impl_->sum(a, b, -1); }
int64_t Symbols::mul(int64_t a, int64_t b) { return impl_->mul(a, b); }
int64_t Symbols::floor_div(int64_t a, int64_t b) { return impl_->floor_div(a, b); }
int64_t Symbols::ceil_div(int64_t a, int64_t b) { return sub(0, floor_div(sub(0, a), b)); }
int64_t Symbols::trunc_div(int64_t a, int64_t b) {
  if (b == 0) return fresh_any_sign("div0");
  if (!is_symbol(a) && !is_symbol(b)) return b == -1 ? sub(0, a) : a / b;
  if (lower_bound(a) >= 0 && lower_bound(b) >= 0) return floor_div(a, b);
  int64_t q, r;
  impl_->split(a, b, &q, &r);
  return r == 0 ? q : fresh_any_sign("div");
}
int64_t Symbols::mod(int64_t a, int64_t b) { return impl_->mod(a, b); }
int64_t Symbols::min(int64_t a, int64_t b) { return impl_->extreme(Impl::kSmaller, a, b); }
int64_t Symbols::max(int64_t a, int64_t b) { return impl_->extreme(Impl::kLarger, a, b); }
int64_t Symbols::product(std::span<const int64_t> dims) {
  int64_t p = 1;
  for (int64_t d : dims) p = mul(p, d);
  return p;
}
int64_t Symbols::broadcast(int64_t a, int64_t b) { return impl_->broadcast(a, b); }

int64_t Symbols::lower_bound(int64_t a) const { return impl_->range(a).lo; }
int64_t Symbols::upper_bound(int64_t a) const { return impl_->range(a).hi; }

int64_t Symbols::evaluate(int64_t a, std::span<const Binding> bindings) {
  if (!is_symbol(a)) return a;
  std::unordered_map<int64_t, int64_t> bound, done;
  for (const Binding& b : bindings) bound.emplace(b.unknown, b.value);
  return impl_->evaluate(a, bound, done);
}

bool Symbols::is_unknown(int64_t a) const {
  if (!is_symbol(a)) return false;
  const auto* e = impl_->entry(a);
  return !e || e->kind == Impl::kName || e->kind == Impl::kFresh;
}
bool Symbols::is_fresh(int64_t a) const {
  if (!is_symbol(a)) return false;
  const auto* e = impl_->entry(a);
  return !e || e->kind == Impl::kFresh;
}

std::string Symbols::to_string(int64_t a) const {
  std::string s;
  impl_->print_atom(a, s);
  return s;
}
std::string Symbols::to_string(std::span<const int64_t> dims) const {
  std::string s = "[";
  for (size_t i = 0; i < dims.size(); ++i) s += (i ? "," : "") + to_string(dims[i]);
  return s + "]";
}

}  // namespace tenon
