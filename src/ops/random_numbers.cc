// Philox rounds, and keys from seeds.
#include "ops/random_numbers.h"

#include <bit>

#include "base/seed.h"

namespace tenon::ops {
namespace {

// Spreads the bits of a seed over the key (the finalizer of splitmix64).
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

Seed::Seed(const graph::Attrs& attrs, bool integer) : fixed_(attrs.has("seed")) {
  if (!fixed_) {
    key_ = next_seed();
  } else if (integer) {
    key_ = static_cast<uint64_t>(attrs.get_int("seed", 0));
  } else {
    key_ = std::bit_cast<uint32_t>(attrs.get_float("seed", 0));
  }
}

uint64_t Seed::next() const { return mix(fixed_ ? key_ : key_ + runs_.fetch_add(1, std::memory_order_relaxed)); }

Philox::Block Philox::block(uint64_t counter) const {
  uint32_t c[4] = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0};
  auto k0 = static_cast<uint32_t>(key_), k1 = static_cast<uint32_t>(key_ >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
    const uint64_t a = uint64_t{0xd2511f53u} * c[0], b = uint64_t{0xcd9e8d57u} * c[2];
    const uint32_t x0 = static_cast<uint32_t>(b >> 32) ^ c[1] ^ k0, x2 = static_cast<uint32_t>(a >> 32) ^ c[3] ^ k1;
    c[1] = static_cast<uint32_t>(b);
    c[3] = static_cast<uint32_t>(a);
    c[0] = x0;
    c[2] = x2;
  }
  return {{c[0], c[1], c[2], c[3]}};
}

}  // namespace tenon::ops
