// A graph from text, planned and ready to run: for tests of plan and exec.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "exec/frame.h"
#include "memory/arena.h"
#include "memory/weight_store.h"
#include "support/graph_text.h"

namespace tenon::test {

/// Plan + program + frames of a graph in text form.
class RunnableGraph {
 public:
  explicit RunnableGraph(std::string_view text, bool reuse = true, bool pattern = true)
      : graph_(parse_graph(text)),
        plan_(plan::make_plan(graph_, {.reuse = reuse, .store = &store_, .isa = active_isa()})),
        program_(*plan_, pattern),
        frames_(program_, arena_) {}

  std::vector<Value> run(const std::vector<Value>& feeds, const exec::RunContext& context = {}) {
    auto frame = frames_.take();
    std::vector<Value> out(plan_->results.size());
    try {
      for (size_t i = 0; i < feeds.size(); ++i) frame->bind(i, feeds[i]);
      frame->run(context);
      for (size_t i = 0; i < out.size(); ++i) out[i] = frame->take_value(i);
    } catch (...) {
      frames_.give(std::move(frame));
      throw;
    }
    frames_.give(std::move(frame));
    return out;
  }

  const plan::Plan& plan() const { return *plan_; }
  exec::Program& program() { return program_; }
  memory::Arena& arena() { return *arena_; }
  const graph::Graph& graph() const { return *graph_; }

 private:
  std::shared_ptr<const graph::Graph> graph_;
  memory::WeightStore store_;
  std::unique_ptr<plan::Plan> plan_;
  exec::Program program_;
  std::shared_ptr<memory::Arena> arena_ = std::make_shared<memory::Arena>();
  exec::FramePool frames_;
};

/// 1-D or shaped tensors in a line.
template <class T>
Value tensor_of(std::initializer_list<int64_t> dims, std::initializer_list<T> items) {
  Value v = Value::tensor(DTypeOf<T>::value, Dims(dims));
  std::copy(items.begin(), items.end(), v.as_mutable<T>().begin());
  return v;
}
template <class T>
std::vector<T> items_of(const Value& v) {
  return {v.as<T>().begin(), v.as<T>().end()};
}

}  // namespace tenon::test
