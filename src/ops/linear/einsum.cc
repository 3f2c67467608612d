// Einsum: sums of products over labelled dims, e.g. "bij,bjk->bik", contracted pairwise from the left as matrix
// products.
#include <algorithm>
#include <array>

#include "kernels/gemm.h"
#include "kernels/gemm_generic.h"
#include "kernels/table.h"
#include "kernels/transpose.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::einsum {
namespace {

constexpr int kLetters = 52, kMaxRank = 32, kMaxLabels = kLetters + kMaxRank;
constexpr int kEllipsis = -1;
using Labels = std::vector<int8_t>;

/// Labels of each operand and of the result, in order; kEllipsis where "..." stands.
struct Equation {
  std::vector<Labels> inputs;
  Labels output;
  explicit Equation(std::string_view text);
};

int8_t label_of(char ch) {
  if (ch >= 'a' && ch <= 'z') return static_cast<int8_t>(ch - 'a' + 26);
  if (ch >= 'A' && ch <= 'Z') return static_cast<int8_t>(ch - 'A');  // upper case sorts first
  fail("attribute equation: '{}' found, expected letters, \"...\", ',' and \"->\"", ch);
}

Labels parse_term(std::string_view text) {
  Labels out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text[i] != '.') {
      out.push_back(label_of(text[i]));
      continue;
    }
    if (text.substr(i, 3) != "...") fail("attribute equation: '.' found outside of \"...\"");
    if (std::count(out.begin(), out.end(), kEllipsis)) fail("attribute equation: \"...\" twice in one term");
    out.push_back(kEllipsis);
    i += 2;
  }
  return out;
}

Equation::Equation(std::string_view text) {
  const size_t arrow = text.find("->");
  std::string_view left = text.substr(0, arrow);
  for (;;) {
    const size_t comma = left.find(',');
    inputs.push_back(parse_term(left.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    left = left.substr(comma + 1);
  }
  std::array<int, kLetters> seen{};
  bool ellipsis = false;
  for (const Labels& in : inputs)
    for (int8_t l : in)
      if (l == kEllipsis)
        ellipsis = true;
      else
        ++seen[static_cast<size_t>(l)];
  if (arrow == std::string_view::npos) {  // implicit form: labels that occur once, in order
    if (ellipsis) output.push_back(kEllipsis);
    for (int l = 0; l < kLetters; ++l)
      if (seen[static_cast<size_t>(l)] == 1) output.push_back(static_cast<int8_t>(l));
    return;
  }
  output = parse_term(text.substr(arrow + 2));
  for (size_t i = 0; i < output.size(); ++i) {
    if (output[i] != kEllipsis && seen[static_cast<size_t>(output[i])] == 0)
      fail("attribute equation: the result has a label that no operand has");
    if (std::count(output.begin(), output.end(), output[i]) > 1)
      fail("attribute equation: a label stands twice in the result");
  }
}

/// Label of each dim of an operand of `rank`. "..." becomes the labels after the letters, aligned at the last of them.
void spread(const Labels& term, size_t rank, int8_t* out) {
  const size_t named = term.size() - static_cast<size_t>(std::count(term.begin(), term.end(), kEllipsis));
  if (rank < named || (rank > named && named == term.size()))
    fail("operand of rank {} found, expected {} dims by the equation", rank, named);
  if (rank > kMaxRank) fail("operand of rank {} found, expected at most {}", rank, kMaxRank);
  size_t at = 0;
  for (int8_t l : term)
    if (l != kEllipsis)
      out[at++] = l;
    else
      for (size_t i = rank - named; i > 0; --i) out[at++] = static_cast<int8_t>(kMaxLabels - static_cast<int>(i));
}

void infer(InferContext& c) {
  const Equation e(c.attrs().get_string("equation", ""));
  if (e.inputs.size() != c.num_inputs())
    fail("{} operands, expected {} by the equation", c.num_inputs(), e.inputs.size());
  std::array<int64_t, kMaxLabels> dim;
  dim.fill(1);
  size_t spread_rank = 0;
  bool known = true;
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    if (!c.has_rank(i)) {
      known = false;
      continue;
    }
    int8_t labels[kMaxRank];
    spread(e.inputs[i], c.rank(i), labels);
    const auto dots = static_cast<size_t>(std::count(e.inputs[i].begin(), e.inputs[i].end(), kEllipsis));
    if (dots) spread_rank = std::max(spread_rank, c.rank(i) + 1 - e.inputs[i].size());
    for (size_t k = 0; k < c.rank(i); ++k) {
      int64_t& d = dim[static_cast<size_t>(labels[k])];
      const int64_t joined = c.sym.broadcast(d, c.dims(i)[k]);
      if (joined == -1)
        fail("operand {} has {} where other operands have {} elements under the same label", i, c.dims(i)[k], d);
      d = joined;
    }
  }
  if (!known) return c.set_unranked(0, c.dtype(0));
  Dims out;
  for (int8_t l : e.output)
    if (l != kEllipsis)
      out.push_back(dim[static_cast<size_t>(l)]);
    else
      for (size_t k = spread_rank; k > 0; --k) out.push_back(dim[static_cast<size_t>(kMaxLabels) - k]);
  c.set(0, c.dtype(0), std::move(out));
}

/// A strided tensor whose dims have labels; dims of 1 are left out.
template <class T>
struct View {
  const T* data = nullptr;
  int rank = 0;
  int8_t label[kMaxRank];
  int64_t dim[kMaxRank], step[kMaxRank];

  int find(int8_t l) const {
    for (int i = 0; i < rank; ++i)
      if (label[i] == l) return i;
    return -1;
  }
  void add(int8_t l, int64_t d, int64_t s) {
    label[rank] = l, dim[rank] = d, step[rank] = s;
    ++rank;
  }
};

/// Labels of a contiguous tensor in the order wanted.
struct Order {
  int rank = 0;
  int8_t label[kMaxLabels];
  int64_t dim[kMaxLabels], count = 1;
  void add(int8_t l, int64_t d) {
    label[rank] = l, dim[rank] = d;
    ++rank;
    count *= d;
  }
};

template <class T>
class Contraction {
 public:
  Contraction(KernelContext& c, const kernels::KernelTable& table) : c_(c), table_(table) {}

  View<T> operand(const TensorRef& t, const T* data, const Labels& term) const {
    int8_t labels[kMaxRank];
    spread(term, t.rank, labels);
    View<T> v;
    v.data = data;
    int64_t step = 1;
    for (size_t i = t.rank; i-- > 0;) {
      const int at = v.find(labels[i]);
      if (at >= 0) {
        if (v.dim[at] != t.dim[i]) fail("a repeated label has {} and {} elements", v.dim[at], t.dim[i]);
        v.step[at] += step;  // the diagonal
      } else if (t.dim[i] != 1) {
        v.add(labels[i], t.dim[i], step);
      }
      step *= t.dim[i];
    }
    return v;
  }

  /// Sums a over the labels that `kept` does not have.
  View<T> sum_out(const View<T>& a, const std::array<bool, kMaxLabels>& kept) const {
    Order order;
    int64_t outer = 1;
    for (bool keep : {true, false})
      for (int i = 0; i < a.rank; ++i)
        if (kept[static_cast<size_t>(a.label[i])] == keep) {
          order.add(a.label[i], a.dim[i]);
          if (keep) outer *= a.dim[i];
        }
    View<T> out;
    int summed = 0;
    for (int i = 0; i < order.rank; ++i) summed += kept[static_cast<size_t>(order.label[i])] ? 0 : 1;
    if (summed == 0) return a;
    const T* in = lay_out(a, order);
    T* to = c_.template scratch<T>(outer);
    const int64_t inner = outer > 0 ? order.count / outer : 0;
    c_.par.loop(outer, static_cast<double>(inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T sum = 0;
        for (int64_t j = 0; j < inner; ++j) sum = static_cast<T>(sum + in[i * inner + j]);
        to[i] = sum;
      }
    });
    order.rank -= summed;
    return dense(to, order);
  }

  /// Product of a and b, summed over the labels that `kept` does not have.
  View<T> multiply(const View<T>& a, const View<T>& b, const std::array<bool, kMaxLabels>& kept) const {
    Order batch, left, right, joined;
    for (int i = 0; i < a.rank; ++i) {
      const bool keep = kept[static_cast<size_t>(a.label[i])], both = b.find(a.label[i]) >= 0;
      (both ? keep ? batch : joined : left).add(a.label[i], a.dim[i]);
    }
    for (int i = 0; i < b.rank; ++i)
      if (a.find(b.label[i]) < 0) right.add(b.label[i], b.dim[i]);
    const int64_t m = left.count, n = right.count, k = joined.count;
    const T *pa = lay_out(a, join({batch, left, joined})), *pb = lay_out(b, join({batch, joined, right}));
    const Order result = join({batch, left, right});
    T* out = c_.template scratch<T>(result.count);
    if constexpr (std::is_same_v<T, float>) {
      kernels::GemmArgs g;
      g.m = m, g.n = n, g.k = k, g.a = pa, g.a_row = k, g.b = pb, g.b_row = n, g.c = out, g.ldc = n;
      kernels::gemm_batched(g, kernels::GemmBatch{batch.count, m * k, k * n, m * n}, c_.par, table_);
    } else {
      for (int64_t i = 0; i < batch.count; ++i) {
        kernels::GenericGemm<T> g;
        g.m = m, g.n = n, g.k = k, g.a = pa + i * m * k, g.a_row = k, g.b = pb + i * k * n, g.b_row = n;
        g.c = out + i * m * n, g.ldc = n;
        kernels::gemm_generic(g, c_.par);
      }
    }
    return dense(out, result);
  }

  /// Copies v into y with the dims `order`; labels that v lacks have one element.
  void copy_to(const View<T>& v, const Order& order, T* y) const {
    int64_t in[kMaxLabels], out[kMaxLabels], step = 1;
    for (int i = order.rank; i-- > 0;) {
      const int at = v.find(order.label[i]);
      in[i] = at >= 0 ? v.step[at] : 0;
      out[i] = step;
      step *= order.dim[i];
    }
    const auto rank = static_cast<size_t>(order.rank);
    kernels::copy_strided(v.data, {in, rank}, y, {out, rank}, {order.dim, rank}, sizeof(T), c_.par, table_);
  }

 private:
  static Order join(std::initializer_list<Order> parts) {
    Order out;
    for (const Order& p : parts)
      for (int i = 0; i < p.rank; ++i) out.add(p.label[i], p.dim[i]);
    return out;
  }
  static View<T> dense(const T* data, const Order& order) {
    View<T> v;
    v.data = data;
    int64_t step = 1;
    for (int i = order.rank; i-- > 0;) {
      v.add(order.label[i], order.dim[i], step);
      step *= order.dim[i];
    }
    return v;
  }
  /// v's elements in row-major `order`: as they lie where that is the order already.
  const T* lay_out(const View<T>& v, const Order& order) const {
    int64_t step = 1;
    bool fits = true;
    for (int i = order.rank; i-- > 0;) {
      fits = fits && v.step[v.find(order.label[i])] == step;
      step *= order.dim[i];
    }
    if (fits) return v.data;
    T* out = c_.template scratch<T>(order.count);
    copy_to(v, order, out);
    return out;
  }

  KernelContext& c_;
  const kernels::KernelTable& table_;
};

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : equation_(info.attrs.get_string("equation", "")), table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    if (y.count == 0) return;
    if (is_single(y.dtype)) {
      const F32Result out(c, y, table_);
      evaluate<float>(c, out.data(), [&](size_t i) { return load_f32(c, i, table_); });
      return out.store(c);
    }
    if (dtype_size(y.dtype) >= 4)
      return visit<TypeList<double, int32_t, int64_t, uint32_t, uint64_t>>(
          y.dtype, [&]<class T>() { evaluate<T>(c, y.out<T>(), [&](size_t i) { return c.input(i).as<T>(); }); });
    visit<TypeList<int8_t, int16_t, uint8_t, uint16_t>>(y.dtype, [&]<class T>() {
      // 32-bit arithmetic wraps to the same low bits.
      uint32_t* out = c.scratch<uint32_t>(y.count);
      evaluate<uint32_t>(c, out, [&](size_t i) {
        const TensorRef& t = c.input(i);
        uint32_t* wide = c.scratch<uint32_t>(t.count);
        for (int64_t j = 0; j < t.count; ++j) wide[j] = static_cast<uint32_t>(t.as<T>()[j]);
        return wide;
      });
      for (int64_t j = 0; j < y.count; ++j) y.out<T>()[j] = static_cast<T>(out[j]);
    });
  }

 private:
  template <class T, class Load>
  void evaluate(KernelContext& c, T* y, Load&& load) const {
    const Contraction<T> work(c, table_);
    const size_t n = equation_.inputs.size();
    // How many operands from i on have each label; the result counts too.
    std::array<int, kMaxLabels> later{};
    Order order;
    const TensorRef& out = c.output(0);
    size_t dots = out.rank + 1 - equation_.output.size(), at = 0;
    for (int8_t l : equation_.output)
      if (l != kEllipsis)
        order.add(l, out.dim[at++]);
      else
        for (size_t k = dots; k > 0; --k)
          order.add(static_cast<int8_t>(kMaxLabels - static_cast<int>(k)), out.dim[at++]);
    for (int i = 0; i < order.rank; ++i) ++later[static_cast<size_t>(order.label[i])];
    for (size_t i = 0; i < n; ++i) count(c, i, 1, later);

    View<T> result;
    for (size_t i = 0; i < n; ++i) {
      count(c, i, -1, later);
      View<T> v = work.operand(c.input(i), load(i), equation_.inputs[i]);
      std::array<bool, kMaxLabels> kept;
      for (size_t l = 0; l < kept.size(); ++l) kept[l] = later[l] > 0;
      std::array<bool, kMaxLabels> wanted = kept;  // labels of the other factor must survive until the product
      for (int k = 0; i > 0 && k < result.rank; ++k) wanted[static_cast<size_t>(result.label[k])] = true;
      v = work.sum_out(v, wanted);
      if (i == 0) {
        result = v;
        continue;
      }
      wanted = kept;
      for (int k = 0; k < v.rank; ++k) wanted[static_cast<size_t>(v.label[k])] = true;
      result = work.multiply(work.sum_out(result, wanted), v, kept);
    }
    work.copy_to(result, order, y);
  }

  void count(KernelContext& c, size_t i, int by, std::array<int, kMaxLabels>& later) const {
    int8_t labels[kMaxRank];
    spread(equation_.inputs[i], c.input(i).rank, labels);
    for (size_t k = 0; k < c.input(i).rank; ++k) later[static_cast<size_t>(labels[k])] += by;
  }

  Equation equation_;
  const kernels::KernelTable& table_;
};

constexpr Port kIn12[] = {{"Inputs", kOldNumericSet, "T", PortUse::kVariadic}};
constexpr Port kIn28[] = {{"Inputs", kNumericSet, "T", PortUse::kVariadic}};
constexpr Port kOut12[] = {{"Output", kOldNumericSet}}, kOut28[] = {{"Output", kNumericSet}};
constexpr AttrDef kAttrs[] = {required_attr("equation", AttrKind::kString)};
constexpr OpDef kOps[] = {
    {"Einsum", "", 12, 27, kIn12, kOut12, kAttrs, infer, make<Kernel>},
    {"Einsum", "", 28, 0, kIn28, kOut28, kAttrs, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::einsum
