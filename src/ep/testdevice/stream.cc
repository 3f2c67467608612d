// The worker of a stream.
#include "ep/testdevice/stream.h"

#include <chrono>
#include <utility>

namespace tenon::ep::testdevice {

TestStream::~TestStream() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (worker_.joinable()) worker_.join();
}

void TestStream::enqueue(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (!worker_.joinable()) worker_ = std::thread([this] { work(); });
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void TestStream::synchronize() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tasks_.empty() && !busy_; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  lock.unlock();
  if (on_synchronize_) on_synchronize_();
}

void TestStream::work() {
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

}  // namespace tenon::ep::testdevice
