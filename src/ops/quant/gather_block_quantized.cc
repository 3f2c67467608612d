// com.microsoft GatherBlockQuantized: slices of `data` along gather_axis as (code - zero point) scale, where blocks of
// block_size along quantize_axis share a scale. uint8 data holds codes of `bits` bits, the first in the low bits.
#include "ops/convert.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::gather_block_quantized {
namespace {

enum In : size_t { kData, kIndices, kScales, kZeros };

struct Form {
  int64_t gather, quantize, block, bits, per;  ///< per: codes in an element of data

  Form(const graph::Attrs& attrs, DType data)
      : gather(attrs.get_int("gather_axis", 0)),
        quantize(attrs.get_int("quantize_axis", 1)),
        block(attrs.get_int("block_size", 128)),
        bits(attrs.get_int("bits", 4)),
        per(1) {
    if (block < 16 || (block & (block - 1)) != 0)
      fail("attribute block_size is {}, expected a power of two of at least 16", block);
    if (data != DType::kUint8) return;
    if (bits != 2 && bits != 4 && bits != 8) fail("attribute bits is {}, expected 2, 4 or 8", bits);
    per = 8 / bits;
  }
  void resolve(size_t rank) {
    gather = resolve_axis(gather, rank), quantize = resolve_axis(quantize, rank);
    if (per > 1 && quantize != static_cast<int64_t>(rank) - 1)
      fail("quantize_axis is {}, expected the last one: uint8 data holds several codes in an element", quantize);
    if (gather == quantize) fail("gather_axis and quantize_axis are both {}", gather);
  }
};

void infer(InferContext& c) {
  Form f(c.attrs(), c.dtype(kData));
  const DType t = c.dtype(kScales);
  if (!c.has_rank(kData) || !c.has_rank(kIndices)) return c.set_unranked(0, t);
  Dims d = c.dims(kData);
  f.resolve(d.size());
  const auto gather = static_cast<size_t>(f.gather), quantize = static_cast<size_t>(f.quantize);
  d.back() = c.sym.mul(d.back(), f.per);
  const auto check = [&](size_t i, int64_t per, const char* what) {
    expect_rank(c, i, d.size());
    for (size_t k = 0; c.has_rank(i) && k < d.size(); ++k) {
      const int64_t blocks = k == quantize ? c.sym.ceil_div(d[k], f.block) : d[k];
      expect_equal(c, c.dims(i)[k], k + 1 == d.size() ? c.sym.ceil_div(blocks, per) : blocks, what);
    }
  };
  check(kScales, 1, "dims of scales, and of data divided by block_size along quantize_axis");
  check(kZeros, f.per, "dims of zero_points, and of the blocks of data");
  Dims out(std::span<const int64_t>(d).first(gather));
  out.append(c.dims(kIndices));
  out.append(std::span<const int64_t>(d).subspan(gather + 1));
  limit_elements(out);
  c.set(0, t, std::move(out));
}

class GatherBlockQuantized final : public Kernel {
 public:
  explicit GatherBlockQuantized(const NodeInfo& n)
      : form_(n.attrs, n.dtype(kData)), table_(kernels::kernels_for(n.isa)) {
    // Codes of uint8 data are around the middle of their range.
    default_zero_ = n.dtype(kData) == DType::kUint8 ? static_cast<float>(int64_t{1} << (form_.bits - 1)) : 0;
  }

  void run(KernelContext& c) const override {
    const TensorRef &data = c.input(kData), &indices = c.input(kIndices), &y = c.output(0);
    if (y.count == 0) return;
    Form f = form_;
    f.resolve(data.rank);
    const TensorRef codes = addressable(c, data);
    const auto gather = static_cast<size_t>(f.gather), quantize = static_cast<size_t>(f.quantize),
               last = size_t{data.rank} - 1;
    const float* scales = load_f32(c, kScales, table_);
    const float* zeros = c.has_input(kZeros) && f.per == 1 ? scratch_zeros(c) : nullptr;
    const uint8_t* packed = c.has_input(kZeros) && f.per > 1 ? c.input(kZeros).as<uint8_t>() : nullptr;
    const F32Result out(c, y, table_);
    const int64_t inner = extent(codes.dims(), gather + 1, codes.rank) * f.per, n = data.dim[gather];
    const bool along_rows = quantize == last;
    const int64_t width = data.dim[last] * f.per, blocks = c.input(kScales).dim[quantize];
    const int64_t below = extent(data.dims(), quantize + 1, data.rank);
    const int64_t mask = (int64_t{1} << f.bits) - 1, zero_width = (blocks + f.per - 1) / f.per;
    const auto unpacked = [&](const uint8_t* p, int64_t i) {
      return static_cast<float>(p[i / f.per] >> i % f.per * f.bits & mask);
    };
    c.par.loop(y.count / inner, static_cast<double>(inner) * 2, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        const int64_t at = resolve_index(int_at(indices, s % indices.count), n);
        const int64_t base = (s / indices.count * n + at) * inner;  // of the slice, in values
        const auto* from = codes.as<uint8_t>() + base / f.per;
        float* to = out.data() + s * inner;
        for (int64_t i = 0, run = 0; i < inner; i += run) {  // stretches with one scale, or with one scale each
          const int64_t flat = base + i, place = along_rows ? flat % width : flat % below;
          run = std::min(along_rows ? std::min(f.block - place % f.block, width - place) : below - place, inner - i);
          const int64_t scale =
              along_rows
                  ? flat / width * blocks + place / f.block
                  : (flat / (below * data.dim[quantize]) * blocks + flat / below % data.dim[quantize] / f.block) *
                            below +
                        place;
          const int64_t step = along_rows ? 0 : 1;
          const float zero = packed ? unpacked(packed + scale / blocks * zero_width, scale % blocks) : default_zero_;
          for (int64_t j = 0; j < run; ++j) {
            const float code = f.per > 1                    ? unpacked(from, i + j)
                               : data.dtype == DType::kInt4 ? static_cast<float>(((from[i + j] & 15) ^ 8) - 8)
                                                            : static_cast<float>(from[i + j]);
            to[i + j] = (code - (zeros ? zeros[scale + j * step] : zero)) * scales[scale + j * step];
          }
        }
      }
    });
    out.store(c);
  }

 private:
  static const float* scratch_zeros(KernelContext& c) {
    const TensorRef& z = c.input(kZeros);
    float* out = c.scratch<float>(z.count);
    Converter(z.dtype, DType::kFloat).run(c.par, z.data, out, z.count);
    return out;
  }

  Form form_;
  float default_zero_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kCodes = dtype_set({DType::kInt4, DType::kUint4, DType::kUint8});
constexpr DTypeSet kFloats = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"data", kCodes, "T1"},
                        {"indices", kIndexSet, "Tind"},
                        {"scales", kFloats, "T2"},
                        {"zero_points", kCodes, "T1", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kFloats, "T2"}};
constexpr AttrDef kAttrs[] = {int_attr("bits", 4), int_attr("block_size", 128), int_attr("gather_axis", 0),
                              int_attr("quantize_axis", 1)};
constexpr OpDef kOps[] = {
    {"GatherBlockQuantized", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<GatherBlockQuantized>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gather_block_quantized
