// The worker of a stream.
#include "ep/testdevice/stream.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <random>
#include <thread>
#include <utility>

#include "base/fork.h"

namespace tenon::ep::testdevice {

/// The thread is started by the first task.
class TestStream::Worker {
 public:
  Worker(int max_delay_us, uint64_t seed) : max_delay_us_(max_delay_us), random_(seed) {}
  ~Worker() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  bool own() const { return generation_ == fork_generation(); }

  void enqueue(std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
  }

  void synchronize() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.empty() && !busy_; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void work();

  const int generation_ = fork_generation();
  const int max_delay_us_;
  std::mt19937_64 random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::exception_ptr error_;
  bool busy_ = false, stop_ = false;
  std::thread thread_;
};

void TestStream::Worker::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    if (error_) {
      changed_.notify_all();
      continue;
    }
    busy_ = true;
    const int delay = max_delay_us_ ? static_cast<int>(random_() % static_cast<uint64_t>(max_delay_us_ + 1)) : 0;
    lock.unlock();
    std::exception_ptr error;
    try {
      if (delay) std::this_thread::sleep_for(std::chrono::microseconds(delay));
      task();
    } catch (...) {
      error = std::current_exception();
    }
    task = nullptr;  // what it holds goes before synchronize() returns
    lock.lock();
    busy_ = false;
    if (error) error_ = error;
    changed_.notify_all();
  }
}

TestStream::TestStream(int id, int max_delay_us, uint64_t seed, std::function<void()> on_synchronize)
    : id_(id), max_delay_us_(max_delay_us), seed_(seed), on_synchronize_(std::move(on_synchronize)) {}

TestStream::~TestStream() {
  if (worker_ && !worker_->own()) worker_.release();  // NOLINT: its thread, which holds parts of it, is not here
}

TestStream::Worker& TestStream::worker() {
  const std::lock_guard lock(mutex_);
  if (worker_ && !worker_->own()) worker_.release();  // NOLINT: as above
  if (!worker_) worker_ = std::make_unique<Worker>(max_delay_us_, seed_);
  return *worker_;
}

void TestStream::enqueue(std::function<void()> task) { worker().enqueue(std::move(task)); }

void TestStream::synchronize() {
  worker().synchronize();
  if (on_synchronize_) on_synchronize_();
}

}  // namespace tenon::ep::testdevice
