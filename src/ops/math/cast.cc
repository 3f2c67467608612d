// Cast and CastLike: every element in another type (see Converter for the rules).
#include <algorithm>

#include "ops/convert.h"
#include "ops/map.h"
#include "ops/op.h"
#include "ops/rows.h"

namespace tenon::ops::cast {
namespace {

ScaleRounding rounding(const graph::Attrs& attrs) {
  const std::string_view mode = attrs.get_string("round_mode", "up");
  if (mode == "up") return ScaleRounding::kUp;
  if (mode == "down") return ScaleRounding::kDown;
  if (mode == "nearest") return ScaleRounding::kNearest;
  fail("attribute round_mode is '{}', expected 'up', 'down' or 'nearest'", mode);
}

class Cast final : public Kernel {
 public:
  explicit Cast(const NodeInfo& n)
      : converter_(n.dtype(0), n.outputs[0]->elem, {n.attrs.get_int("saturate", 1) != 0, rounding(n.attrs)}) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    converter_.run(c.par, x.data, c.output(0).data, x.count);
  }

 private:
  Converter converter_;
};

DType target(const InferContext& c) {
  const DTypeSet known = c.node().def->outputs[0].types;
  if (c.since() != 1) return dtype_attr(c.attrs(), "to", known, DType::kUndefined);
  std::string name(c.attrs().get_string("to", ""));
  for (char& ch : name) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch);
  const DType to = dtype_from_name(name);
  if (!contains(known, to)) fail("attribute to asks for '{}', expected one of: {}", name, dtype_set_names(known));
  return to;
}

void convert_to(InferContext& c, DType to) {
  rounding(c.attrs());
  ValueType type = c.type(0);
  type.elem = to;
  c.set_type(0, std::move(type));
  if (!is_int(to) && to != DType::kBool) return;
  auto v = c.data_ints(0);
  if (!v) return;
  for (int64_t& x : *v) {
    if (to == DType::kBool) {
      if (x != 0 && c.sym.lower_bound(x) <= 0 && c.sym.upper_bound(x) >= 0) return;
      x = x != 0;
    } else if (!is_symbol(x) && !fits(to, x)) {
      return;
    }
  }
  c.set_ints(0, std::move(*v));
}

void infer(InferContext& c) { convert_to(c, target(c)); }
void infer_like_target(InferContext& c) { convert_to(c, c.dtype(1)); }

constexpr DTypeSet kSet1 = dtype_set({DType::kFloat16, DType::kFloat, DType::kDouble, DType::kBool}) | kIntSet,
                   kSet9 = kSet1 | kStringSet, kSet13 = kSet9 | dtype_bit(DType::kBFloat16),
                   kSet19 = kSet13 | kFloat8Set, kSet21 = kSet19 | dtype_set({DType::kInt4, DType::kUint4}),
                   kSet23 = kSet21 | dtype_bit(DType::kFloat4E2M1), kSet24 = kSet23 | dtype_bit(DType::kFloat8E8M0),
                   kSet25 = kSet24 | dtype_set({DType::kInt2, DType::kUint2}),
                   kSet28 = kSet25 | dtype_set({DType::kFloat6E2M3, DType::kFloat6E3M2});

template <DTypeSet S>
constexpr Port kIn[] = {{"input", S, "T1"}};
template <DTypeSet S>
constexpr Port kInLike[] = {{"input", S, "T1"}, {"target_type", S, "T2"}};
template <DTypeSet S>
constexpr Port kOut[] = {{"output", S, "T2"}};
constexpr AttrDef kTo1[] = {required_attr("to", AttrKind::kString)};
constexpr AttrDef kTo6[] = {required_attr("to", AttrKind::kInt)};
constexpr AttrDef kTo19[] = {int_attr("saturate", 1), required_attr("to", AttrKind::kInt)};
constexpr AttrDef kTo24[] = {string_attr("round_mode", "up"), int_attr("saturate", 1),
                             required_attr("to", AttrKind::kInt)};
constexpr AttrDef kLike19[] = {int_attr("saturate", 1)};
constexpr AttrDef kLike24[] = {string_attr("round_mode", "up"), int_attr("saturate", 1)};

constexpr OpDef row(int since, int until, std::span<const Port> in, std::span<const Port> out,
                    std::span<const AttrDef> attrs) {
  const bool like = in.size() == 2;
  return {like ? "CastLike" : "Cast", "", since, until, in, out, attrs, like ? infer_like_target : infer, make<Cast>,
          Lowering::kKernel,          1};
}
constexpr OpDef kOps[] = {
    row(1, 5, kIn<kSet1>, kOut<kSet1>, kTo1),
    row(6, 8, kIn<kSet1>, kOut<kSet1>, kTo6),
    row(9, 12, kIn<kSet9>, kOut<kSet9>, kTo6),
    row(13, 18, kIn<kSet13>, kOut<kSet13>, kTo6),
    row(19, 20, kIn<kSet19>, kOut<kSet19>, kTo19),
    row(21, 22, kIn<kSet21>, kOut<kSet21>, kTo19),
    row(23, 23, kIn<kSet23>, kOut<kSet23>, kTo19),
    row(24, 24, kIn<kSet24>, kOut<kSet24>, kTo24),
    row(25, 27, kIn<kSet25>, kOut<kSet25>, kTo24),
    row(28, 0, kIn<kSet28>, kOut<kSet28>, kTo24),
    row(15, 18, kInLike<kSet13>, kOut<kSet13>, {}),
    row(19, 20, kInLike<kSet19>, kOut<kSet19>, kLike19),
    row(21, 22, kInLike<kSet21>, kOut<kSet21>, kLike19),
    row(23, 23, kInLike<kSet23>, kOut<kSet23>, kLike19),
    row(24, 24, kInLike<kSet24>, kOut<kSet24>, kLike24),
    row(25, 0, kInLike<kSet25>, kOut<kSet25>, kLike24),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::cast
