// com.microsoft.nchwc MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool: the ONNX ops on blocked
// channels.
#include "ops/nchwc.h"
#include "ops/nn/pool.h"
#include "ops/relayout.h"

namespace tenon::ops::nchwc_pool {
namespace {

using Blocked = Relayout<KernelOf, nchwc::Layout, 1>;

template <int kSince>
std::unique_ptr<const Kernel> make_pool(const NodeInfo& info) {
  NodeInfo inner{info.op,      info.name,      kSince,     info.attrs, info.inputs,
                 info.outputs, info.constants, info.store, info.isa};
  return std::make_unique<const Blocked>(builtin_ops().find("", info.op, kSince)->make(inner));
}
void infer_window(InferContext& c) {
  nchwc::expect_blocked(c);
  infer_pool(c);
}
void infer_global(InferContext& c) {
  nchwc::expect_blocked(c);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  c.set(0, c.dtype(0), {c.dims(0)[0], c.dims(0)[1], 1, 1});
}

constexpr Port kIn[] = {{"X", kFloat32Set}}, kOut[] = {{"Y", kFloat32Set}};
constexpr AttrDef kMax[] = {string_attr("auto_pad", "NOTSET"),           int_attr("ceil_mode", 0),
                            optional_attr("dilations", AttrKind::kInts), required_attr("kernel_shape", AttrKind::kInts),
                            optional_attr("pads", AttrKind::kInts),      int_attr("storage_order", 0),
                            optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAverage[] = {string_attr("auto_pad", "NOTSET"),
                                int_attr("ceil_mode", 0),
                                int_attr("count_include_pad", 0),
                                optional_attr("dilations", AttrKind::kInts),
                                required_attr("kernel_shape", AttrKind::kInts),
                                optional_attr("pads", AttrKind::kInts),
                                optional_attr("strides", AttrKind::kInts)};
constexpr const char* kDomain = "com.microsoft.nchwc";
constexpr OpDef kOps[] = {
    {"MaxPool", kDomain, 1, 0, kIn, kOut, kMax, infer_window, make_pool<12>},
    {"AveragePool", kDomain, 1, 0, kIn, kOut, kAverage, infer_window, make_pool<19>},
    {"GlobalMaxPool", kDomain, 1, 0, kIn, kOut, {}, infer_global, make_pool<1>},
    {"GlobalAveragePool", kDomain, 1, 0, kIn, kOut, {}, infer_global, make_pool<1>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::nchwc_pool
