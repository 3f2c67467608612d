// First fit over a reserved address range whose book-keeping lives outside of it.
#include "memory/guarded.h"

#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace tenon::memory {
namespace {

constexpr size_t kPage = 4096;

struct Registry {
  ForkMutex mutex;
  std::vector<GuardedMemory*> memories;
  std::vector<std::pair<const char*, const char*>> ranges;
};
Registry& registry() {  // never destroyed: device memory may outlive static destructors
  static auto* r = new Registry;
  return *r;
}

}  // namespace

GuardedMemory::GuardedMemory(const Device& device, std::string name, size_t capacity)
    : device_(device), name_(std::move(name)), capacity_(capacity) {
  void* p = ::mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) fail_out_of_memory(capacity, "the address range of a test device");
  base_ = static_cast<char*>(p);
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  r.memories.push_back(this);
  r.ranges.emplace_back(base_, base_ + capacity);
}

GuardedMemory::~GuardedMemory() {
  Registry& r = registry();
  {
    std::lock_guard lock(r.mutex);
    const auto at = std::ranges::find(r.memories, this) - r.memories.begin();
    r.memories.erase(r.memories.begin() + at);
    r.ranges.erase(r.ranges.begin() + at);
  }
  ::munmap(base_, capacity_);
}

GuardedMemory* GuardedMemory::holding(const void* p) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  for (size_t i = 0; i < r.ranges.size(); ++i)
    if (p >= r.ranges[i].first && p < r.ranges[i].second) return r.memories[i];
  return nullptr;
}

void* GuardedMemory::alloc(size_t bytes, size_t alignment, void*) noexcept {
  bytes = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
  if (alignment > kPage) return nullptr;
  std::lock_guard lock(mutex_);
  size_t at = capacity_;
  for (auto& [offset, size] : free_) {
    const size_t aligned = (offset + alignment - 1) / alignment * alignment;
    if (aligned + bytes > offset + size) continue;
    at = aligned;
    const size_t end = offset + size, begin = offset;
    free_.erase(begin);
    if (aligned > begin) free_[begin] = aligned - begin;
    if (end > aligned + bytes) free_[aligned + bytes] = end - aligned - bytes;
    break;
  }
  if (at == capacity_) {
    at = (used_ + alignment - 1) / alignment * alignment;
    if (at + bytes > capacity_) return nullptr;
    if (at > used_) free_[used_] = at - used_;
    used_ = at + bytes;
    if (open_ > 0 && used_ > opened_) {
      const size_t upto = (used_ + kPage - 1) / kPage * kPage;
      ::mprotect(base_, upto, PROT_READ | PROT_WRITE);
      opened_ = upto;
    }
  }
  taken_[at] = bytes;
  ++stats_.num_allocs;
  stats_.in_use += static_cast<int64_t>(bytes);
  stats_.max_in_use = std::max(stats_.max_in_use, stats_.in_use);
  stats_.max_alloc_size = std::max(stats_.max_alloc_size, static_cast<int64_t>(bytes));
  stats_.total_allocated = static_cast<int64_t>(used_);
  return base_ + at;
}

void GuardedMemory::free(void* p) noexcept {
  if (!p) return;
  std::lock_guard lock(mutex_);
  const auto it = taken_.find(static_cast<size_t>(static_cast<char*>(p) - base_));
  if (it == taken_.end()) return;
  auto [at, bytes] = *it;
  taken_.erase(it);
  stats_.in_use -= static_cast<int64_t>(bytes);
  auto next = free_.lower_bound(at);
  if (next != free_.end() && next->first == at + bytes) {
    bytes += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == at) {
      before->second += bytes;
      return;
    }
  }
  free_[at] = bytes;
}

AllocatorStats GuardedMemory::stats() const noexcept {
  std::lock_guard lock(mutex_);
  return stats_;
}

void GuardedMemory::open() {
  std::lock_guard lock(mutex_);
  if (open_++ > 0 || used_ == 0) return;
  opened_ = (used_ + kPage - 1) / kPage * kPage;
  if (::mprotect(base_, opened_, PROT_READ | PROT_WRITE) != 0) fail_out_of_memory(opened_, "pages of a test device");
}

void GuardedMemory::close() {
  std::lock_guard lock(mutex_);
  if (--open_ > 0 || opened_ == 0) return;
  ::mprotect(base_, opened_, PROT_NONE);
  opened_ = 0;
}

}  // namespace tenon::memory
