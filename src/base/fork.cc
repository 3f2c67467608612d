// A counter that the child's side of fork() raises.
#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace tenon {
namespace {

constinit std::atomic<int> g_generation{0};
constinit pthread_once_t g_once = PTHREAD_ONCE_INIT;

}  // namespace

int fork_generation() noexcept {
  pthread_once(&g_once, [] { pthread_atfork(nullptr, nullptr, [] { g_generation.fetch_add(1); }); });
  return g_generation.load(std::memory_order_relaxed);
}

}  // namespace tenon
