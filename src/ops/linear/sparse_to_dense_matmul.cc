// com.microsoft SparseToDenseMatMul: Y = alpha A' B' with a sparse A [M, K] (coordinates) and a dense B.
#include <algorithm>

#include "ops/move.h"

namespace tenon::ops::sparse_to_dense_matmul {
namespace {

struct Form {
  bool trans_a, trans_b;
  float alpha;
  explicit Form(const graph::Attrs& attrs)
      : trans_a(attrs.get_int("transA", 0) != 0),
        trans_b(attrs.get_int("transB", 0) != 0),
        alpha(attrs.get_float("alpha", 1)) {}
};

void infer(InferContext& c) {
  const Form f(c.attrs());
  if (f.alpha != 1 && is_int(c.dtype(1))) fail("attribute alpha is {}, expected 1 with integers", f.alpha);
  const ValueType& a = c.type(0);
  if (a.elem != DType::kUndefined && a.elem != c.dtype(1))
    fail("A has {}, B has {}: expected one type", dtype_name(a.elem), dtype_name(c.dtype(1)));
  expect_rank(c, 1, 2);
  if (a.has_rank && a.dims.size() != 2) fail("A has shape {}, expected rank 2", c.sym.to_string(a.dims));
  Dims out{a.has_rank ? a.dims[f.trans_a ? 1 : 0] : c.fresh(),
           c.has_rank(1) ? c.dims(1)[f.trans_b ? 0 : 1] : c.fresh()};
  if (a.has_rank && c.has_rank(1))
    expect_equal(c, a.dims[f.trans_a ? 0 : 1], c.dims(1)[f.trans_b ? 1 : 0], "inner dims of A and B");
  c.set(0, c.dtype(1), std::move(out));
}

struct SparseToDenseMatMul final : Kernel {
  explicit SparseToDenseMatMul(const NodeInfo& n) : form(n.attrs) {}

  void run(KernelContext& c) const override {
    const Value a = c.input_value(0);
    if (a.kind() != ValueKind::kSparse) fail("A is no sparse tensor");
    const Value &values = a.items()[0], &indices = a.items()[1];
    const TensorRef& b = c.input(1);
    const int64_t k = b.dim[form.trans_b ? 1 : 0], columns = b.dim[form.trans_b ? 0 : 1];
    if (a.dims().size() != 2 || a.dims()[form.trans_a ? 0 : 1] != k || values.dtype() != b.dtype)
      fail("A is {} {}, expected {} with {} inner elements", dtype_name(values.dtype()), to_string(a.dims()),
           dtype_name(b.dtype), k);
    const int64_t rows = a.dims()[form.trans_a ? 1 : 0];
    const int64_t dims[] = {rows, columns};
    const TensorRef& y = c.output(0, b.dtype, dims);
    const bool linear = indices.dims().size() == 1;
    for (int64_t i = 0; i < values.count(); ++i)
      for (size_t d = 0; d < 2; ++d)
        if (const int64_t at = place(indices, linear, a.dims(), i, d); at < 0 || at >= a.dims()[d])
          fail("index {} of A is {}, expected [0, {})", i, at, a.dims()[d]);
    visit<Types>(b.dtype, [&]<class T>() {
      T* out = y.out<T>();
      std::fill_n(out, y.count, T{0});
      // Blocks of columns are independent of each other; the entries of A keep their order.
      c.par.loop(columns, static_cast<double>(values.count()), [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < values.count(); ++i) {
          const int64_t first = place(indices, linear, a.dims(), i, 0), second = place(indices, linear, a.dims(), i, 1);
          const int64_t row = form.trans_a ? second : first, p = form.trans_a ? first : second;
          T v = values.as<T>()[static_cast<size_t>(i)];
          if constexpr (std::is_floating_point_v<T>) v *= static_cast<T>(form.alpha);
          const T* from = b.as<T>() + (form.trans_b ? p : p * columns);
          const int64_t step = form.trans_b ? k : 1;
          for (int64_t j = begin; j < end; ++j) add(out[row * columns + j], v, from[j * step]);
        }
      });
    });
  }

 private:
  using Types = Join<RealFloats, TypeList<int32_t, int64_t, uint32_t, uint64_t>>;
  static int64_t place(const Value& indices, bool linear, std::span<const int64_t> dims, int64_t i, size_t d) {
    const int64_t* at = indices.as<int64_t>().data();
    if (!linear) return at[2 * i + static_cast<int64_t>(d)];
    if (dims[1] == 0) return -1;
    return d == 0 ? at[i] / dims[1] : at[i] % dims[1];
  }
  template <class T>
  static void add(T& sum, T a, T b) {
    if constexpr (std::is_integral_v<T>) {  // wraps around
      using U = std::make_unsigned_t<T>;
      sum = static_cast<T>(static_cast<U>(sum) + static_cast<U>(a) * static_cast<U>(b));
    } else {
      sum += a * b;
    }
  }

  Form form;
};

constexpr DTypeSet kTypes = RealFloats::set | kWideSet;
constexpr Port kIn[] = {{"A", kTypes, "T", PortUse::kSingle, kSparses}, {"B", kTypes, "T1"}};
constexpr Port kOut[] = {{"Y", kTypes, "T1"}};
constexpr AttrDef kAttrs[] = {float_attr("alpha", 1), int_attr("transA", 0), int_attr("transB", 0)};
constexpr OpDef kOps[] = {
    {"SparseToDenseMatMul", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<SparseToDenseMatMul>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sparse_to_dense_matmul
