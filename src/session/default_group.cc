// A plan and frames for one group.
#include "session/default_group.h"

#include "exec/frame.h"
#include "ops/infer_types.h"
#include "partition/inline_functions.h"
#include "plan/plan.h"

namespace tenon::session {
namespace {

std::shared_ptr<const graph::Graph> cpu_form(const graph::Graph& body) {
  std::shared_ptr<graph::Graph> g = body.clone();
  for (graph::NodeId n = 0; n < g->node_limit(); ++n)
    if (g->node(n).alive) g->set_provider(n, "");
  bool inlined = false;
  while (partition::inline_functions(*g)) inlined = true;
  if (inlined) ops::infer_types(*g);
  return g;
}

class DefaultGroup final : public ep::Executable {
 public:
  DefaultGroup(const ep::Subgraph& group, PackStore* store, std::shared_ptr<Allocator> allocator, Isa isa)
      : plan_(plan::make_plan(cpu_form(*group.body), {.store = store, .isa = isa, .weight_handles = 0})),
        program_(*plan_),
        frames_(program_, std::move(allocator)) {}

  void run(ops::KernelContext& c) const override {
    struct Lease {
      exec::FramePool& pool;
      std::unique_ptr<exec::Frame> frame;
      ~Lease() { pool.give(std::move(frame)); }
    } lease{frames_, frames_.take()};
    for (size_t i = 0; i < c.num_inputs(); ++i) lease.frame->bind(i, c.input_value(i));
    exec::RunContext context;
    context.par = c.par;
    lease.frame->run(context);
    for (size_t j = 0; j < c.num_outputs(); ++j)
      if (c.has_output(j)) c.set_output(j, lease.frame->take_value(j));
  }

 private:
  std::unique_ptr<plan::Plan> plan_;
  exec::Program program_;
  mutable exec::FramePool frames_;  // thread-safe
};

}  // namespace

std::unique_ptr<const ep::Executable> default_group(const ep::Subgraph& group, PackStore* store,
                                                    std::shared_ptr<Allocator> allocator, Isa isa) {
  return std::make_unique<DefaultGroup>(group, store, std::move(allocator), isa);
}

}  // namespace tenon::session
