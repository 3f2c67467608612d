// TestStream: a worker thread that runs tasks in order, late on purpose.
#pragma once
#include <functional>
#include <memory>

#include "base/fork_mutex.h"
#include "base/stream.h"

namespace tenon::ep::testdevice {

/// After a task has failed the later ones are dropped, until synchronize() has thrown the error. In a child after
/// fork() a stream begins anew: the tasks that it had were the parent's.
class TestStream final : public Stream {
 public:
  /// `on_synchronize` is called by every synchronize() and may throw.
  TestStream(int id, int max_delay_us, uint64_t seed, std::function<void()> on_synchronize);
  ~TestStream() override;
  void enqueue(std::function<void()> task);
  void synchronize() override;
  int id() const { return id_; }

 private:
  class Worker;
  Worker& worker();

  const int id_, max_delay_us_;
  const uint64_t seed_;
  std::function<void()> on_synchronize_;
  OwnedForkMutex mutex_;  ///< of worker_
  std::unique_ptr<Worker> worker_;
};

}  // namespace tenon::ep::testdevice
