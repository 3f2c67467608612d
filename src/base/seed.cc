// Seeds of random operators that the model gives none: a SplitMix64 sequence, mix(start + n * golden ratio).
#include "base/seed.h"

#include <atomic>
#include <random>

namespace tenon {
namespace {

constexpr uint64_t kStep = 0x9e3779b97f4a7c15;  // odd, so that the sequence has its full period

uint64_t system_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}
std::atomic<uint64_t>& state() {
  static std::atomic<uint64_t> s{system_seed()};
  return s;
}

}  // namespace

void set_default_seed(uint64_t seed) noexcept { state() = seed; }

uint64_t next_seed() noexcept {
  uint64_t x = state().fetch_add(kStep) + kStep;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace tenon
