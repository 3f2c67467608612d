// SessionMemory: what one session holds, counted in one account: packed weights, constants, arena and frames.
#pragma once
#include <memory>
#include <set>

#include "base/accounting.h"
#include "base/pack_store.h"
#include "graph/graph.h"
#include "memory/arena.h"
#include "plan/plan.h"
#include "session/env.h"
#include "tenon/session.h"

namespace tenon::session {

/// Packs through the process's store and charges the session for every copy that it holds, shared or not.
class SessionMemory final : public PackStore {
 public:
  /// Reads tenon.memory_limit_bytes, enable_cpu_mem_arena and session.use_env_allocators from effective options.
  SessionMemory(const SessionOptions& options, std::shared_ptr<Env> env);
  std::shared_ptr<const void> packed(const Value& weight, std::string_view kind, size_t bytes,
                                     FunctionRef<void(void*)> fill) override;
  /// Before planning: constants with memory of their own become those of other sessions with the same contents.
  void share_constants(graph::Graph& g);
  /// After planning: charges the constants whose bytes kernels read.
  void charge_constants(const plan::Plan& p);
  /// Throws the error of the limit when it refuses.
  void charge_weights(size_t bytes, const char* what);

  const std::shared_ptr<Allocator>& allocator() const { return allocator_; }
  /// The session's own arena; null when it uses an allocator of the environment.
  memory::Arena* arena() const { return arena_.get(); }
  MemoryUse use() const;

 private:
  std::shared_ptr<Env> env_;
  std::shared_ptr<MemoryAccount> account_;
  std::shared_ptr<memory::Arena> arena_;
  std::shared_ptr<Allocator> allocator_;
  std::set<const void*> seen_;  ///< packed copies and constants that were charged
  size_t weights_ = 0;
};

}  // namespace tenon::session
