// One account per session; the packed bytes themselves belong to the process.
#include "session/memory.h"

#include "base/error.h"
#include "base/value_data.h"
#include "memory/accounted.h"
#include "session/config_keys.h"

namespace tenon::session {

SessionMemory::SessionMemory(const SessionOptions& options, std::shared_ptr<Env> env) : env_(std::move(env)) {
  const int64_t limit = config_int(options.config, "tenon.memory_limit_bytes", 0);
  if (limit < 0) fail("tenon.memory_limit_bytes: {} found, expected >= 0 (0 = no limit)", limit);
  account_ = std::make_shared<MemoryAccount>(static_cast<size_t>(limit));
  if (config_bool(options.config, "session.use_env_allocators", false))
    if (auto shared = registered_allocator()) {
      allocator_ = std::make_shared<memory::Accounted>(std::move(shared), account_);
      return;
    }
  memory::ArenaOptions arena;
  arena.pooled = options.enable_cpu_mem_arena;
  arena.account = account_;
  allocator_ = arena_ = std::make_shared<memory::Arena>(arena);
}

void SessionMemory::charge_weights(size_t bytes, const char* what) {
  if (!account_->take(bytes)) fail_out_of_memory(bytes, what);
  weights_ += bytes;
}

std::shared_ptr<const void> SessionMemory::packed(const Value& weight, std::string_view kind, size_t bytes,
                                                  FunctionRef<void(void*)> fill) {
  bool charged = false;
  auto out = env_->weights.packed(weight, kind, bytes, [&](void* p) {
    charge_weights(bytes, "a packed weight");  // before its pages are touched
    charged = true;
    fill(p);
  });
  if (seen_.insert(out.get()).second && !charged) charge_weights(bytes, "a packed weight");
  return out;
}

void SessionMemory::share_constants(graph::Graph& g) {
  constexpr size_t kWorthIt = size_t{4} << 10;
  for (graph::ValueId v = 0; v < g.value_limit(); ++v) {
    if (!g.is_constant(v)) continue;
    const Value& data = g.constant(v);
    if (ValueAccess::data(data)->source) ValueAccess::give_back(data, 1);  // what the passes have read of a file
    if (!data.is_tensor() || data.bytes() < kWorthIt || !ValueAccess::data(data)->releasable) continue;
    g.edit_value(v).data = env_->weights.shared(data);
  }
}

void SessionMemory::charge_constants(const plan::Plan& p) {
  for (const auto& [slot, value] : p.constants)
    if (!p.slots[slot].packed && value.is_tensor() && seen_.insert(value.data()).second)
      charge_weights(value.bytes(), "the constants of the model");
  for (const auto& r : p.regions) charge_constants(*r);
}

MemoryUse SessionMemory::use() const {
  MemoryUse u;
  u.limit = account_->limit();
  u.used = account_->used();
  u.peak = account_->peak();
  u.weights = weights_;
  u.arena = allocator_->stats();
  return u;
}

}  // namespace tenon::session
