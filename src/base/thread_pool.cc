// Workers that share the blocks of loops. A loop is a record on its caller's stack; no allocation per loop.
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"
#include "base/float_mode.h"
#include "base/fork.h"
#include "base/fork_mutex.h"

namespace tenon {
namespace {

thread_local int t_depth = 0;  // > 0 while this thread runs a block: nested loops run inline

constinit ForkMutex g_renewal;

struct Loop {
  int64_t n, block;
  FunctionRef<void(int64_t, int64_t)> fn;
  const CancelToken* cancel;
  const unsigned float_mode = FloatMode::current();
  std::atomic<int64_t> next{0};
  std::atomic<int> inside{0};  // workers in it; changed under the pool's mutex
  std::exception_ptr error{};  // guarded by the pool's mutex
  Loop* after = nullptr;       // list of open loops

  bool open() const { return next.load(std::memory_order_relaxed) < n; }
};

/// Mutexes here are held for some instructions: going to sleep for one costs far more than a short wait.
void lock_soon(std::unique_lock<std::mutex>& lock) {
  for (int i = 0; i < 200; ++i) {
    if (lock.try_lock()) return;
    __builtin_ia32_pause();
  }
  lock.lock();
}

int cgroup_quota() {
  std::ifstream f("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(f >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::ceil(std::atof(quota.c_str()) / period)));
}

// ORT's affinity string: entries separated by ';', each a list of 1-based processors "1,2" or a range "1-4".
std::vector<cpu_set_t> parse_affinity(const std::string& text, size_t workers) {
  std::vector<cpu_set_t> sets;
  if (text.empty()) return sets;
  cpu_set_t current;
  CPU_ZERO(&current);
  const char* p = text.c_str();
  while (true) {
    char* end;
    const long first = std::strtol(p, &end, 10);
    long last = first;
    if (end == p) fail("intra_op thread affinity \"{}\": expected a processor number at \"{}\"", text, p);
    p = end;
    if (*p == '-') {
      last = std::strtol(++p, &end, 10);
      if (end == p) fail("intra_op thread affinity \"{}\": expected a processor number at \"{}\"", text, p);
      p = end;
    }
    if (first < 1 || last < first || last > CPU_SETSIZE)
      fail("intra_op thread affinity \"{}\": processor {}-{} is out of range", text, first, last);
    for (long c = first; c <= last; ++c) CPU_SET(static_cast<size_t>(c - 1), &current);
    if (*p == ',') {
      ++p;
      continue;
    }
    sets.push_back(current);
    CPU_ZERO(&current);
    if (*p == 0) break;
    if (*p++ != ';') fail("intra_op thread affinity \"{}\": unexpected character", text);
  }
  if (sets.size() != workers)
    fail("intra_op thread affinity \"{}\" has {} entries, expected one per worker ({})", text, sets.size(), workers);
  return sets;
}

}  // namespace

struct ThreadPool::Impl {
  explicit Impl(const Options& o, int n) : options(o), count(n), generation(fork_generation()) {
    const auto sets = parse_affinity(o.affinity, static_cast<size_t>(n - 1));
    workers.reserve(static_cast<size_t>(n));
    for (int i = 1; i < n; ++i) {
      try {
        workers.emplace_back([this] { work(); });
      } catch (const std::system_error& e) {
        stop();
        fail(ErrorCode::kFail, "cannot start thread {} of {}: {}", i, n - 1, e.what());
      }
      if (!sets.empty())
        pthread_setaffinity_np(workers.back().native_handle(), sizeof(cpu_set_t), &sets[static_cast<size_t>(i - 1)]);
    }
  }
  ~Impl() { stop(); }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    for (auto& w : workers) w.join();
    workers.clear();
  }

  void work() {
    t_depth = 1;
    std::unique_lock lock(mutex);
    while (true) {
      if (Loop* loop = pick()) {
        ++loop->inside;
        lock.unlock();
        std::exception_ptr e = run_blocks(*loop);
        lock_soon(lock);
        if (e && !loop->error) loop->error = e;
        if (loop->inside.fetch_sub(1, std::memory_order_acq_rel) == 1) done.notify_all();  // the loop may be gone now
        continue;
      }
      if (stopping) return;
      const uint64_t seen = posted.load(std::memory_order_relaxed);
      if (options.spin_us > 0) {
        lock.unlock();
        spin([&] { return posted.load(std::memory_order_acquire) != seen; });
        lock_soon(lock);
        if (posted.load(std::memory_order_relaxed) != seen) continue;
      }
      wake.wait(lock, [&] { return stopping || posted.load(std::memory_order_relaxed) != seen; });
    }
  }

  template <class F>
  void spin(F over) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(options.spin_us);
    while (!over() && std::chrono::steady_clock::now() < until) __builtin_ia32_pause();
  }

  Loop* pick() {
    for (Loop* l = loops; l; l = l->after)
      if (l->open()) return l;
    return nullptr;
  }

  // Runs blocks until none is left; an exception closes the loop.
  static std::exception_ptr run_blocks(Loop& loop) noexcept {
    const FloatMode mode(loop.float_mode);
    try {
      while (true) {
        const int64_t b = loop.next.fetch_add(loop.block, std::memory_order_relaxed);
        if (b >= loop.n) return nullptr;
        if (loop.cancel) loop.cancel->check();
        loop.fn(b, std::min(b + loop.block, loop.n));
      }
    } catch (...) {
      loop.next.store(loop.n, std::memory_order_relaxed);
      return std::current_exception();
    }
  }

  void run(Loop& loop) {
    std::unique_lock lock(mutex, std::defer_lock);
    lock_soon(lock);
    loop.after = loops;
    loops = &loop;
    posted.fetch_add(1, std::memory_order_release);
    lock.unlock();
    const int64_t blocks = (loop.n + loop.block - 1) / loop.block;
    if (blocks > 2)
      wake.notify_all();
    else
      wake.notify_one();
    ++t_depth;
    std::exception_ptr e = run_blocks(loop);
    --t_depth;
    lock_soon(lock);
    for (Loop** l = &loops; *l; l = &(*l)->after)
      if (*l == &loop) {
        *l = loop.after;
        break;
      }
    const auto empty = [&] { return loop.inside.load(std::memory_order_acquire) == 0; };
    if (options.spin_us > 0 && !empty()) {
      lock.unlock();
      spin(empty);
      lock_soon(lock);
    }
    done.wait(lock, empty);
    lock.unlock();
    if (!e) e = loop.error;
    if (e) std::rethrow_exception(e);
  }

  Options options;
  int count;
  int generation;
  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<uint64_t> posted{0};
  Loop* loops = nullptr;
  bool stopping = false;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(const Options& options) {
  if (options.threads < 0) fail("intra_op_num_threads: {} found, expected >= 0", options.threads);
  const int n = options.threads == 0 ? default_threads() : options.threads;
  impl_ = new Impl(options, n);
}

ThreadPool::~ThreadPool() {
  // After fork the workers of the parent do not exist here: joining them would wait for ever.
  Impl* impl = impl_.load();
  if (impl->generation == fork_generation()) delete impl;
}

int ThreadPool::threads() const noexcept { return impl_.load(std::memory_order_acquire)->count; }
int ThreadPool::spin_us() const noexcept { return impl_.load(std::memory_order_acquire)->options.spin_us; }

ThreadPool::Impl& ThreadPool::renewed() {
  const std::lock_guard lock(g_renewal);
  Impl* impl = impl_.load(std::memory_order_acquire);
  if (impl->generation != fork_generation()) {
    impl = new Impl(impl->options, impl->count);  // the parent's is left behind: its mutex may be locked for ever
    impl_.store(impl, std::memory_order_release);
  }
  return *impl;
}

void ThreadPool::parallel_for(int64_t n, double cost, const CancelToken* cancel,
                              FunctionRef<void(int64_t, int64_t)> fn) {
  const auto items = [cost](double ns) {
    return std::max<int64_t>(1, static_cast<int64_t>(ns / std::max(cost, 1e-3)));
  };
  // 256 blocks of a large loop keep the counter cold, unless polls would come too late; the rule depends on n and cost
  // alone.
  parallel_blocks(n, std::max(items(Parallel::kMinParallelNs), std::min(n / 256, items(Parallel::kPollNs))), cancel,
                  fn);
}

void ThreadPool::parallel_blocks(int64_t n, int64_t block, const CancelToken* cancel,
                                 FunctionRef<void(int64_t, int64_t)> fn) {
  if (n <= 0) return;
  block = std::max<int64_t>(block, 1);
  Impl* impl = impl_.load(std::memory_order_acquire);
  if (impl->count == 1 || n <= block || t_depth > 0) {
    for (int64_t b = 0; b < n; b += block) {
      if (cancel) cancel->check();
      fn(b, std::min(b + block, n));
    }
    return;
  }
  if (impl->generation != fork_generation()) impl = &renewed();
  Loop loop{.n = n, .block = block, .fn = fn, .cancel = cancel};
  impl->run(loop);
}

int ThreadPool::default_threads() {
  int n = physical_cores();
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) n = std::min(n, CPU_COUNT(&set));
  if (const int quota = cgroup_quota()) n = std::min(n, quota);
  return std::max(n, 1);
}

}  // namespace tenon
