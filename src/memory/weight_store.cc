// Packs under a latch per entry, so that other weights can be packed meanwhile; an entry goes with its last holder.
#include "memory/weight_store.h"

#include <fmt/core.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <random>

#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"
#include "base/fork_mutex.h"
#include "base/pages.h"
#include "base/value_data.h"

namespace tenon::memory {
namespace {

using Hash = std::array<uint64_t, 2>;

struct Key {
  Hash contents{};  ///< or the address in a shared mapping
  std::string kind;
  auto operator<=>(const Key&) const = default;
};

uint64_t mix(uint64_t a, uint64_t b) {
  const auto wide = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(wide) ^ static_cast<uint64_t>(wide >> 64);
}

/// Secret per process, so that nobody can prepare two weights with the same hash.
const std::array<uint64_t, 8>& secrets() {
  static const auto made = [] {
    std::random_device source;
    std::array<uint64_t, 8> s;
    for (uint64_t& x : s) x = (static_cast<uint64_t>(source()) << 32 | source()) | 1;
    return s;
  }();
  return made;
}

/// Two independent hashes of 64 bits over the same bytes.
Hash hash_bytes(const void* data, size_t n) {
  const auto& k = secrets();
  const auto* p = static_cast<const unsigned char*>(data);
  uint64_t lanes[4] = {k[0] ^ n, k[1], k[2] + n, k[3]};
  const auto step = [&](const unsigned char* at) {
    uint64_t w[4];
    std::memcpy(w, at, sizeof w);
    lanes[0] = mix(w[0] ^ k[4], w[1] ^ lanes[0]);
    lanes[1] = mix(w[2] ^ k[5], w[3] ^ lanes[1]);
    lanes[2] = mix(w[0] ^ k[6], w[3] ^ lanes[2]);
    lanes[3] = mix(w[2] ^ k[7], w[1] ^ lanes[3]);
  };
  for (; n >= 32; n -= 32, p += 32) step(p);
  unsigned char tail[32] = {};
  if (n) std::memcpy(tail, p, n);
  step(tail);
  return {mix(lanes[0] ^ k[1], lanes[1] ^ k[2]), mix(lanes[2] ^ k[3], lanes[3] ^ k[0])};
}

}  // namespace

struct WeightStore::State {
  struct Entry {
    OwnedForkMutex latch;
    std::weak_ptr<const void> held;
  };
  OwnedForkMutex mutex;
  std::map<Key, std::shared_ptr<Entry>> entries;

  std::shared_ptr<Entry> entry(const Key& key) {
    std::lock_guard lock(mutex);
    auto& slot = entries[key];
    if (!slot) slot = std::make_shared<Entry>();
    return slot;
  }
  /// Removes an entry that nobody holds, unless somebody is about to fill it.
  void forget(const Key& key) {
    std::lock_guard lock(mutex);
    const auto it = entries.find(key);
    if (it != entries.end() && it->second.use_count() == 1 && it->second->held.expired()) entries.erase(it);
  }
};

namespace {

/// `file` is what keeps an address in a mapping unique; null for a hash of the contents.
Key key_of(const Value& weight, std::string_view kind, std::shared_ptr<const FileBytes>* file) {
  ValueData* d = ValueAccess::data(weight);
  Key key;
  key.kind = fmt::format("{} {} {}", kind, dtype_name(weight.dtype()), to_string(weight.dims()));
  if (d->source && d->file->shared()) {
    *file = d->file;
    key.contents = {reinterpret_cast<uintptr_t>(d->source), 0};
    key.kind += " mapped";
    return key;
  }
  if (d->hash == Hash{}) d->hash = hash_bytes(weight.data(), weight.bytes());
  key.contents = d->hash;
  return key;
}

}  // namespace

WeightStore::WeightStore() : state_(std::make_shared<State>()) {}
WeightStore::~WeightStore() = default;

std::shared_ptr<const void> WeightStore::packed(const Value& weight, std::string_view kind, size_t bytes,
                                                FunctionRef<void(void*)> fill) {
  std::shared_ptr<const FileBytes> file;
  const Key key = key_of(weight, kind, &file);
  const auto entry = state_->entry(key);
  std::lock_guard latch(entry->latch);
  if (auto held = entry->held.lock()) return held;
  const size_t size = (bytes + 63) / 64 * 64 + 64;
  void* p = allocate_block(size);
  if (!p) fail_out_of_memory(size, "a packed weight");
  std::shared_ptr<void> made(p, [size, file, key, state = state_](void* q) {
    free_block(q, size);
    state->forget(key);
  });
  ValueAccess::load(weight);
  fill(p);
  entry->held = made;
  return made;
}

Value WeightStore::shared(const Value& weight) {
  std::shared_ptr<const FileBytes> file;
  const Key key = key_of(weight, "original", &file);
  if (file) return weight;
  const auto entry = state_->entry(key);
  std::lock_guard latch(entry->latch);
  auto held = entry->held.lock();
  if (!held) {
    auto* original = new Value(weight);
    held = std::shared_ptr<const void>(original->data(), [original, key, state = state_](const void*) {
      delete original;
      state->forget(key);
    });
    entry->held = held;
  }
  return ValueAccess::share(weight.dtype(), weight.dims(), std::move(held), ValueAccess::data(weight)->hash);
}

size_t WeightStore::entries() const {
  std::lock_guard lock(state_->mutex);
  return state_->entries.size();
}

}  // namespace tenon::memory
