// Buffers with guard pages, pools, and distances between floats, for kernel tests.
#include "support/kernel_data.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace tenon::test {

namespace {
constexpr int kPattern = 0xff;
}

GuardedBytes::GuardedBytes(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t body = (bytes + page - 1) / page * page + page;
  map_bytes_ = body + page;
  void* map = mmap(nullptr, map_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || mprotect(static_cast<char*>(map) + body, page, PROT_NONE) != 0) std::abort();
  map_ = static_cast<uint8_t*>(map);
  before_ = body - bytes;
  std::memset(map_, kPattern, body);
}

GuardedBytes::~GuardedBytes() {
  if (!map_) return;
  EXPECT_TRUE(std::all_of(map_, map_ + before_, [](uint8_t b) { return b == kPattern; }))
      << "something wrote before the first byte of a buffer";
  munmap(map_, map_bytes_);
}

Guarded<float> random_floats(int64_t n, uint64_t seed, float lo, float hi) {
  Random random(seed);
  Guarded<float> out(n);
  for (float& v : out) v = random.uniform(lo, hi);
  return out;
}

std::span<const Parallel> parallels() {
  static const std::vector<Parallel>& all = *[] {
    auto* list = new std::vector<Parallel>;
    for (int threads : {1, 2, 8}) {
      ThreadPool::Options options;
      options.threads = threads;
      list->push_back({new ThreadPool(options), nullptr});
    }
    return list;
  }();
  return all;
}

int64_t ulp_distance(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b) ? 0 : INT64_MAX;
  auto line = [](float x) {
    const int32_t i = std::bit_cast<int32_t>(x);
    return i < 0 ? -static_cast<int64_t>(i & 0x7fffffff) : static_cast<int64_t>(i);
  };
  return std::abs(line(a) - line(b));
}

}  // namespace tenon::test
