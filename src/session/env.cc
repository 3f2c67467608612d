// Process-wide state of sessions; nothing here has a destructor that runs at exit.
#include "session/env.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/error.h"
#include "base/fork_mutex.h"
#include "tenon/allocator.h"
#include "tenon/session.h"

namespace tenon::session {
namespace {

std::atomic<int> g_threads{0};  // of the shared pool; 0 = ThreadPool's default
std::atomic<int> g_severity{static_cast<int>(Severity::kWarning)};

/// What `make` makes, one at a time, while somebody holds it. `held` is never destroyed.
template <class T, class Make>
std::shared_ptr<T> only_one(ForkMutex& mutex, std::weak_ptr<T>& held, Make make) {
  std::lock_guard lock(mutex);
  auto one = held.lock();
  if (!one) held = one = make();
  return one;
}

struct Registered {
  ForkMutex mutex;
  std::vector<std::shared_ptr<Allocator>> all;

  auto find(const Device& d) {
    return std::find_if(all.begin(), all.end(), [&](const auto& a) { return a->device() == d; });
  }
};

/// Not part of Env: allocators are registered before the first session.
Registered& registered() {
  static auto* r = new Registered;
  return *r;
}

std::string device_text(const Device& d) {
  static constexpr const char* kTypes[] = {"CPU", "GPU", "FPGA", "NPU"};
  return fmt::format("{} {}", kTypes[static_cast<size_t>(d.type)], d.id);
}

}  // namespace

std::shared_ptr<Env> env() {
  static constinit ForkMutex mutex;
  static auto* held = new std::weak_ptr<Env>;
  return only_one(mutex, *held, [] { return std::make_shared<Env>(); });
}

std::shared_ptr<ThreadPool> shared_pool() {
  static constinit ForkMutex mutex;
  static auto* held = new std::weak_ptr<ThreadPool>;
  return only_one(mutex, *held,
                  [] { return std::make_shared<ThreadPool>(ThreadPool::Options{.threads = g_threads.load()}); });
}

Severity default_severity() { return static_cast<Severity>(g_severity.load()); }
void set_default_severity(Severity s) { g_severity.store(static_cast<int>(s)); }

}  // namespace tenon::session

namespace tenon {

void set_global_thread_pool_sizes(int intra_op_num_threads, int inter_op_num_threads) {
  for (const auto& [name, n] : {std::pair("intra_op_num_threads", intra_op_num_threads),
                                std::pair("inter_op_num_threads", inter_op_num_threads)})
    if (n < 0) fail("{}: {} found, expected >= 0 (0 = the default)", name, n);
  const auto resolved = [](int n) { return n == 0 ? ThreadPool::default_threads() : n; };
  session::g_threads =
      inter_op_num_threads > 1 ? std::max(resolved(intra_op_num_threads), inter_op_num_threads) : intra_op_num_threads;
}

void create_and_register_allocator(const Device& device, const ArenaConfig& config) {
  if (device != Device{})
    fail(ErrorCode::kNotImplemented, "arenas are made for the host only, {} found", session::device_text(device));
  register_allocator(make_arena(config));
}

void register_allocator(std::shared_ptr<Allocator> a) {
  if (!a) fail("register_allocator: no allocator given");
  auto& r = session::registered();
  std::lock_guard lock(r.mutex);
  if (r.find(a->device()) != r.all.end())
    fail("an allocator is registered already for device {}; unregister it first", session::device_text(a->device()));
  r.all.push_back(std::move(a));
}

void unregister_allocator(const Device& device) {
  auto& r = session::registered();
  std::lock_guard lock(r.mutex);
  const auto it = r.find(device);
  if (it == r.all.end()) fail("no allocator is registered for device {}", session::device_text(device));
  r.all.erase(it);
}

std::shared_ptr<Allocator> registered_allocator(const Device& device) {
  auto& r = session::registered();
  std::lock_guard lock(r.mutex);
  const auto it = r.find(device);
  return it == r.all.end() ? nullptr : *it;
}

}  // namespace tenon
