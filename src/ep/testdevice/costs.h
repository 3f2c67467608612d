// Costs of the test device: a table instead of time that passes.
#pragma once
#include <atomic>
#include <map>
#include <string>

#include "ep/provider.h"
#include "graph/graph.h"

namespace tenon::ep::testdevice {

/// "Conv:200us,Relu:500ns,*:1us"; `*` is every op that is not named, which costs nothing without it.
class CostList {
 public:
  /// Throws kInvalidArgument naming the option, what was found and what is expected.
  static CostList parse(const std::string& option, const std::string& text);
  bool empty() const { return ns_.empty(); }
  int64_t of(std::string_view op) const;

 private:
  std::map<std::string, int64_t, std::less<>> ns_;
};

/// "latency_us:bytes_per_us" of one copy.
struct CopyCost {
  int64_t latency_ns = 0;
  int64_t bytes_per_us = 0;  ///< 0: bytes cost nothing
  static CopyCost parse(const std::string& option, const std::string& text);
  int64_t of(size_t bytes) const {
    return latency_ns + (bytes_per_us ? static_cast<int64_t>(bytes) * 1000 / bytes_per_us : 0);
  }
};

struct Costs {
  CostList ops, host_ops;
  CopyCost copy;
  bool simulated = false;  ///< one of the options is given
};

/// Advances by the table when kernels and copies run. Thread-safe.
class CostClock final : public SimulatedClock {
 public:
  explicit CostClock(const Costs& costs) : costs_(costs) {}
  int64_t ns() const override { return ns_.load(std::memory_order_relaxed); }
  int64_t default_ns(std::string_view op) const override {
    return costs_.host_ops.empty() ? -1 : costs_.host_ops.of(op);
  }
  void ran(int64_t ns) { ns_.fetch_add(ns, std::memory_order_relaxed); }
  void copied(size_t bytes) { ran(costs_.copy.of(bytes)); }
  int64_t of(const graph::Node& n) const { return costs_.ops.of(n.op); }
  int64_t of(const graph::Graph& group) const;

 private:
  Costs costs_;
  std::atomic<int64_t> ns_{0};
};

}  // namespace tenon::ep::testdevice
