// Einsum: sums of products over labelled dims, e.g. "bij,bjk->bik", contracted pairwise from the left as matrix
// products.
#include <algorithm>
#include <array>

#include "ops/infer.h"
#include "ops/linear/contraction.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::einsum {
namespace {

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

constexpr AttrDef kAttrs[] = {required_attr("equation", AttrKind::kString)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"Inputs", T, "T", PortUse::kVariadic}}, kOut[] = {{"Output", T}};
};
constexpr OpDef kRow = {.name = "Einsum", .attrs = kAttrs, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports<kOldNumericSet>>(kRow, 12, 27), row_of<Ports<kNumericSet>>(kRow, 28, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::einsum
