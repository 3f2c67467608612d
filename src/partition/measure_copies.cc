// Copies of some sizes, and a line through their times.
#include "partition/measure_copies.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "partition/copies.h"
#include "partition/stopwatch.h"

namespace tenon::partition {
namespace measure_copies_impl {
namespace {

constexpr Device kHost;
constexpr CostTable::Route kEstimate{10'000, 0.1, true};
constexpr int64_t kSizes[] = {64, 8 << 10, 128 << 10, 2 << 20};
constexpr size_t kLargest = 2 << 20;

/// Memory for one end of a copy.
class Block {
 public:
  Block(const ep::Placed& p, const Device& d, size_t bytes) {
    if (d == kHost) {
      host_.resize(bytes);
      data_ = host_.data();
      return;
    }
    for (const ep::Instance& i : p.providers)
      if (!allocator_ && i.provider->device() == d) allocator_ = i.provider->allocator();
    data_ = allocator_ ? allocator_->alloc(bytes, 64, nullptr) : nullptr;
    if (!data_) fail_out_of_memory(bytes, "a copy that is to be measured");
  }
  ~Block() {
    if (allocator_) allocator_->free(data_);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  void* data() const { return data_; }

 private:
  std::vector<char> host_;
  std::shared_ptr<Allocator> allocator_;
  void* data_ = nullptr;
};

CostTable::Route measure(const Block& source, const Device& from, const Block& target, const Device& to,
                         ep::Provider* provider, ep::DataTransfer& transfer) {
  // Least squares with the relative error: small copies count as much as large ones.
  double s = 0, sx = 0, sxx = 0, sy = 0, sxy = 0;
  for (int64_t n : kSizes) {
    const ops::TensorRef a{source.data(), &n, 1, DType::kUint8, n}, b{target.data(), &n, 1, DType::kUint8, n};
    int64_t best = INT64_MAX;
    for (int round = 0; round < (provider && provider->simulated_clock() ? 1 : 4); ++round) {
      const Stopwatch watch(provider);
      transfer.copy(a, from, b, to, nullptr);
      best = std::min(best, watch.ns());
    }
    const double x = static_cast<double>(n), y = static_cast<double>(best), w = 1 / std::max(y * y, 1.0);
    s += w;
    sx += w * x;
    sxx += w * x * x;
    sy += w * y;
    sxy += w * x * y;
  }
  const double determinant = s * sxx - sx * sx;
  const double slope = determinant > 0 ? std::max(0.0, (s * sxy - sx * sy) / determinant) : 0;
  const double latency = std::max(0.0, (sy - slope * sx) / s);
  return {static_cast<int64_t>(latency + 0.5), slope, true};
}

}  // namespace
}  // namespace measure_copies_impl

std::vector<Device> memories_of(const ep::Placed& p) {
  std::vector<Device> out{{}};
  for (const ep::Instance& i : p.providers)
    if (std::ranges::find(out, i.provider->device()) == out.end()) out.push_back(i.provider->device());
  return out;
}

MeasuredRoutes measure_copies(const ep::Placed& p, const std::vector<Device>& memories) {
  using measure_copies_impl::Block;
  MeasuredRoutes out;
  std::vector<std::unique_ptr<Block>> sources(memories.size()), targets(memories.size());
  const auto block = [&](std::vector<std::unique_ptr<Block>>& blocks, size_t m) -> const Block& {
    if (!blocks[m]) blocks[m] = std::make_unique<Block>(p, memories[m], measure_copies_impl::kLargest);
    return *blocks[m];
  };
  for (size_t a = 0; a < memories.size(); ++a) {
    for (size_t b = 0; b < memories.size(); ++b) {
      out.routes.emplace_back();
      if (a == b) continue;
      const auto [key, transfer] = copy_performer(p, memories[a], memories[b]);
      if (!transfer) {
        out.routes.back().direct = false;
        continue;
      }
      try {
        out.routes.back() = measure_copies_impl::measure(block(sources, a), memories[a], block(targets, b), memories[b],
                                                         p.find(key), *transfer);
      } catch (const std::exception& e) {
        out.routes.back() = measure_copies_impl::kEstimate;
        out.notes.push_back(fmt::format("a copy by {} could not be measured: {}", key, e.what()));
      }
    }
  }
  return out;
}

}  // namespace tenon::partition
