// Sums and pairwise products of strided tensors with labelled dims, as matrix products: the arithmetic of Einsum.
#pragma once
#include <array>

#include "kernels/gemm.h"
#include "kernels/gemm_generic.h"
#include "kernels/table.h"
#include "kernels/transpose.h"
#include "ops/einsum_equation.h"
#include "ops/kernel.h"

namespace tenon::ops::einsum {

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

}  // namespace tenon::ops::einsum
