// com.microsoft MurmurHash3: the 32-bit form of the x86 variant over the bytes of each element.
#include <cstring>

#include "ops/move.h"

namespace tenon::ops::murmur_hash3 {
namespace {

constexpr uint32_t rotate(uint32_t x, int r) { return x << r | x >> (32 - r); }
uint32_t scramble(uint32_t k) { return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u; }

uint32_t hash(const void* data, size_t bytes, uint32_t seed) {
  const auto* p = static_cast<const uint8_t*>(data);
  uint32_t h = seed;
  size_t i = 0;
  for (; i + 4 <= bytes; i += 4) {
    uint32_t k;
    std::memcpy(&k, p + i, 4);
    h = rotate(h ^ scramble(k), 13) * 5 + 0xe6546b64u;
  }
  uint32_t tail = 0;
  for (size_t j = bytes; j-- > i;) tail = tail << 8 | p[j];
  if (i < bytes) h ^= scramble(tail);
  h ^= static_cast<uint32_t>(bytes);
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

struct MurmurHash3 final : Kernel {
  explicit MurmurHash3(const NodeInfo& n) : seed(static_cast<uint32_t>(n.attrs.get_int("seed", 0))) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    auto* y = c.output(0).out<uint32_t>();
    c.par.loop(x.count, 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (x.dtype == DType::kString) {
          const std::string& s = x.as<std::string>()[i];
          y[i] = hash(s.data(), s.size(), seed);
        } else {
          y[i] = hash(element(x.data, x.dtype, i), dtype_size(x.dtype), seed);
        }
      }
    });
  }
  uint32_t seed;
};

void infer(InferContext& c) {
  ValueType t = c.type(0);
  t.elem = c.attrs().get_int("positive", 1) ? DType::kUint32 : DType::kInt32;
  c.set_type(0, std::move(t));
}

constexpr DTypeSet kTypes = kWideSet | kStringSet | RealFloats::set;
constexpr Port kIn[] = {{"X", kTypes, "T1"}};
constexpr Port kOut[] = {{"Y", dtype_set({DType::kInt32, DType::kUint32}), "T2"}};
constexpr AttrDef kAttrs[] = {int_attr("positive", 1), int_attr("seed", 0)};
constexpr OpDef kOps[] = {{"MurmurHash3", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<MurmurHash3>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::murmur_hash3
