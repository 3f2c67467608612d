// The broadcast driver: equal shapes and scalars go straight to the row kernel, everything else through merged axes.
#include "ops/map.h"

#include <limits>

namespace tenon::ops {
namespace {

template <class T>
void load_row(const void* from, void* to, int64_t n) {
  kernels::to_float_row(static_cast<const T*>(from), static_cast<float*>(to), n);
}
template <class T>
void store_row(const void* from, void* to, int64_t n) {
  kernels::from_float_row(static_cast<const float*>(from), static_cast<T*>(to), n);
}

struct alignas(64) Tile {
  char bytes[kTile * 8];
};

const char* at(const void* p, int64_t i, uint8_t size) { return static_cast<const char*>(p) + i * size; }
char* at(void* p, int64_t i, uint8_t size) { return static_cast<char*>(p) + i * size; }

}  // namespace

ConvertRow load_as_float(DType t) {
  if (t == DType::kFloat16) return &load_row<Half>;
  if (t == DType::kBFloat16) return &load_row<BFloat16>;
  return nullptr;
}
ConvertRow store_from_float(DType t) {
  if (t == DType::kFloat16) return &store_row<Half>;
  if (t == DType::kBFloat16) return &store_row<BFloat16>;
  return nullptr;
}

UnaryMap float_unary_map(DType t, double cost, kernels::UnaryRow simd, kernels::ActivationRow activation) {
  UnaryMap m;
  m.simd = simd;
  m.activation = activation;
  m.load = load_as_float(t);
  m.store = store_from_float(t);
  m.x_size = m.y_size = static_cast<uint8_t>(dtype_size(t));
  m.cost = cost;
  return m;
}

BinaryMap float_binary_map(DType t, double cost, kernels::Binary f, Isa isa) {
  BinaryMap m;
  m.simd = kernels::binary_rows(f, kernels::kernels_for(isa));
  m.load_a = m.load_b = load_as_float(t);
  m.store = store_from_float(t);
  m.a_size = m.b_size = m.z_size = static_cast<uint8_t>(dtype_size(t));
  m.cost = cost;
  return m;
}

void UnaryMap::run_row(const void* x, void* y, int64_t n) const {
  if (simd)
    simd(static_cast<const float*>(x), static_cast<float*>(y), n);
  else if (activation)
    activation(static_cast<const float*>(x), static_cast<float*>(y), n, static_cast<float>(p[0]),
               static_cast<float>(p[1]));
  else
    row(x, y, n, p);
}

void UnaryMap::run(const Parallel& par, const void* x, void* y, int64_t n) const {
  par.loop(n, cost, [&](int64_t begin, int64_t end) {
    if (!load && !store) {
      run_row(at(x, begin, x_size), at(y, begin, y_size), end - begin);
      return;
    }
    Tile tx, ty;
    for (int64_t i = begin; i < end; i += kTile) {
      const int64_t k = std::min(kTile, end - i);
      const void* from = at(x, i, x_size);
      void* to = at(y, i, y_size);
      if (load) {
        load(from, tx.bytes, k);
        from = tx.bytes;
      }
      run_row(from, store ? ty.bytes : to, k);
      if (store) store(ty.bytes, to, k);
    }
  });
}

void BinaryMap::compute(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n) const {
  if (!simd.vv) {
    row(a, sa, b, sb, z, n, p);
    return;
  }
  const float *x = static_cast<const float*>(a), *y = static_cast<const float*>(b);
  float* out = static_cast<float*>(z);
  if (sa && sb) {
    simd.vv(x, y, out, n);
  } else if (sa) {
    simd.vs(x, y, out, n);
  } else if (sb) {
    simd.sv(x, y, out, n);
  } else {
    simd.vv(x, y, out, 1);
    std::fill(out + 1, out + n, out[0]);
  }
}

void BinaryMap::run_row(const void* a, int64_t sa, const void* b, int64_t sb, void* z, int64_t n) const {
  if (!load_a && !load_b && !store) {
    compute(a, sa, b, sb, z, n);
    return;
  }
  Tile ta, tb, tz;
  if (load_a && sa == 0) load_a(a, ta.bytes, 1);
  if (load_b && sb == 0) load_b(b, tb.bytes, 1);
  for (int64_t i = 0; i < n; i += kTile) {
    const int64_t k = std::min(kTile, n - i);
    const void *pa = at(a, i * sa, a_size), *pb = at(b, i * sb, b_size);
    if (load_a) {
      if (sa) load_a(pa, ta.bytes, k);
      pa = ta.bytes;
    }
    if (load_b) {
      if (sb) load_b(pb, tb.bytes, k);
      pb = tb.bytes;
    }
    void* out = at(z, i, z_size);
    compute(pa, sa, pb, sb, store ? tz.bytes : out, k);
    if (store) store(tz.bytes, out, k);
  }
}

void BinaryMap::run(const Parallel& par, const TensorRef& a, const TensorRef& b, const TensorRef& z) const {
  const int64_t n = z.count, sa = a.count == n, sb = b.count == n;
  // An operand with as many elements as the result differs from it in axes of one element only.
  if ((sa || a.count == 1) && (sb || b.count == 1)) {
    par.loop(n, cost, [&](int64_t begin, int64_t end) {
      run_row(at(a.data, begin * sa, a_size), sa, at(b.data, begin * sb, b_size), sb, at(z.data, begin, z_size),
              end - begin);
    });
    return;
  }
  const Nest nest(z.dims(), {a.dims(), b.dims()});
  par.loop(n, cost, [&](int64_t begin, int64_t end) {
    nest.each(begin, end, [&](const int64_t* offset, int64_t out, int64_t count) {
      run_row(at(a.data, offset[0], a_size), nest.stride[0][0] != 0, at(b.data, offset[1], b_size),
              nest.stride[1][0] != 0, at(z.data, out, z_size), count);
    });
  });
}

Nest::Nest(std::span<const int64_t> out, std::initializer_list<std::span<const int64_t>> operands) {
  int64_t step[kMax] = {1, 1, 1};
  unsigned merged = 0;  // which operands are broadcast along the axis built last
  for (size_t axis = 0; axis < out.size(); ++axis) {
    const int64_t d = out[out.size() - 1 - axis];
    if (d == 1) continue;
    int64_t by[kMax] = {0, 0, 0};
    unsigned fixed = 0;
    int o = 0;
    for (std::span<const int64_t> dims : operands) {
      const int64_t own = axis < dims.size() ? dims[dims.size() - 1 - axis] : 1;
      if (own == 1)
        fixed |= 1u << o;
      else
        by[o] = step[o];
      step[o++] *= own;
    }
    if (rank > 0 && fixed == merged) {
      dim[rank - 1] *= d;
      continue;
    }
    if (rank == kMaxRank)
      fail(ErrorCode::kNotImplemented, "broadcasting to {} over more than {} alternating axes", to_string(out),
           kMaxRank);
    merged = fixed;
    dim[rank] = d;
    for (o = 0; o < kMax; ++o) stride[o][rank] = by[o];
    ++rank;
  }
  if (rank > 0) return;
  rank = 1;
  dim[0] = 1;
  for (auto& s : stride) s[0] = 0;
}

void UnaryKernel::run(KernelContext& c) const {
  const TensorRef& x = c.input(0);
  map_.run(c.par, x.data, c.output(0).data, x.count);
}

void BinaryKernel::run(KernelContext& c) const {
  const TensorRef& a = c.input(0);
  TensorRef b = c.input(1);
  if (axis_ < 0 || b.count == 1) {
    map_.run(c.par, a, b, c.output(0));
    return;
  }
  Dims dims(b.dims());
  while (dims.size() + static_cast<size_t>(axis_) < a.rank) dims.push_back(1);
  b.dim = dims.data();
  b.rank = static_cast<uint32_t>(dims.size());
  map_.run(c.par, a, b, c.output(0));
}

int64_t legacy_axis(const NodeInfo& n) {
  if (n.since >= 7 || n.attrs.get_int("broadcast", 0) == 0) return -1;
  const int64_t axis = n.attrs.get_int("axis", -1);
  const bool known = n.has_input(0) && n.inputs[0]->has_rank;
  return axis < 0 && known && n.attrs.has("axis") ? axis + static_cast<int64_t>(n.inputs[0]->dims.size()) : axis;
}

void infer_like(InferContext& c) { c.set_type(0, c.type(0)); }
void infer_like(InferContext& c, DType out) {
  ValueType t = c.type(0);
  t.elem = out;
  c.set_type(0, std::move(t));
}

void infer_legacy(InferContext& c, DType out) {
  infer_like(c, out);
  if (!c.has_rank(0) || !c.has_rank(1)) return;
  const Dims &a = c.dims(0), &b = c.dims(1);
  const auto refuse = [&] {
    fail("shapes {} and {} do not fit: opset {} wants equal shapes, or broadcast=1 and B's shape inside A's at `axis`",
         c.sym.to_string(a), c.sym.to_string(b), c.since());
  };
  bool single = true;
  for (int64_t d : b) single = single && !differ(d, 1);
  if (single && c.attrs().get_int("broadcast", 0) != 0) return;
  if (b.size() > a.size()) refuse();
  size_t at = a.size() - b.size();
  if (c.attrs().get_int("broadcast", 0) == 0) {
    if (at != 0) refuse();
  } else if (c.attrs().has("axis")) {
    at = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), a.size()));
    if (at + b.size() > a.size()) refuse();
  }
  for (size_t i = 0; i < b.size(); ++i)
    if (differ(a[at + i], b[i]) && b[i] != 1) refuse();
}

bool fits(DType t, int64_t v) {
  if (is_symbol(v)) return is_int(t);
  switch (t) {
    case DType::kBool:
      return v == 0 || v == 1;
    case DType::kInt64:
      return true;
    case DType::kUint64:
      return v >= 0;
    default:
      break;
  }
  if (!is_int(t)) return false;
  const int bits = dtype_bits(t);
  const bool is_signed = contains(SignedInts::set, t);
  const int64_t top = int64_t{1} << (is_signed ? bits - 1 : bits);
  return v < top && v >= (is_signed ? -top : 0);
}

std::optional<std::vector<int64_t>> derived_broadcast(InferContext& c, size_t i, const Dims& dims) {
  if (!c.has_rank(i)) return std::nullopt;
  int64_t total = 1;
  for (int64_t d : dims) {
    if (is_symbol(d) || d > 4096) return std::nullopt;
    total *= d;
    if (total > 4096) return std::nullopt;
  }
  auto v = c.data_ints(i);
  if (!v) return std::nullopt;
  if (static_cast<int64_t>(v->size()) == total) return v;
  std::vector<int64_t> out(static_cast<size_t>(total));
  if (total == 0) return out;
  for (int64_t d : c.dims(i))
    if (is_symbol(d)) return std::nullopt;
  if (static_cast<int64_t>(v->size()) != element_count(c.dims(i))) return std::nullopt;
  const Nest nest(dims, {std::span<const int64_t>(c.dims(i))});
  nest.each(0, total, [&](const int64_t* offset, int64_t at, int64_t n) {
    for (int64_t k = 0; k < n; ++k)
      out[static_cast<size_t>(at + k)] = (*v)[static_cast<size_t>(offset[0] + k * (nest.stride[0][0] != 0))];
  });
  return out;
}

void derive_binary(InferContext& c, DeriveOp op) {
  const auto& type = c.result(0);
  if (!type || !type->has_rank || !is_int(c.dtype(0))) {
    if (!type || !type->has_rank || c.dtype(0) != DType::kBool) return;
  }
  auto a = derived_broadcast(c, 0, type->dims);
  if (!a) return;
  const auto b = derived_broadcast(c, 1, type->dims);
  if (!b) return;
  for (size_t i = 0; i < a->size(); ++i) {
    const int64_t v = op(c.sym, (*a)[i], (*b)[i]);
    if (v == kUndecided) return;
    if (!is_symbol(v) && !fits(type->elem, v)) return;
    (*a)[i] = v;
  }
  c.set_ints(0, std::move(*a));
}

void derive_unary(InferContext& c, int64_t (*op)(Symbols& s, int64_t a)) {
  const auto& type = c.result(0);
  if (!type || !(is_int(c.dtype(0)) || c.dtype(0) == DType::kBool)) return;
  auto a = c.data_ints(0);
  if (!a) return;
  for (int64_t& x : *a) {
    x = op(c.sym, x);
    if (x == kUndecided || (!is_symbol(x) && !fits(type->elem, x))) return;
  }
  c.set_ints(0, std::move(*a));
}

}  // namespace tenon::ops
