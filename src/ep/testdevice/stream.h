// TestStream: a worker thread that runs tasks in order, late on purpose.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#include "base/stream.h"

namespace tenon::ep::testdevice {

/// After a task has failed the later ones are dropped, until synchronize() has thrown the error.
class TestStream final : public Stream {
 public:
  /// `on_synchronize` is called by every synchronize() and may throw.
  TestStream(int id, int max_delay_us, uint64_t seed, std::function<void()> on_synchronize)
      : id_(id), max_delay_us_(max_delay_us), random_(seed), on_synchronize_(std::move(on_synchronize)) {}
  ~TestStream() override;
  void enqueue(std::function<void()> task);
  void synchronize() override;
  int id() const { return id_; }

 private:
  void work();

  const int id_, max_delay_us_;
  std::mt19937_64 random_;
  std::function<void()> on_synchronize_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::exception_ptr error_;
  bool busy_ = false, stop_ = false;
  std::thread worker_;  ///< started by the first task
};

}  // namespace tenon::ep::testdevice
