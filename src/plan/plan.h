// Plan: steps, slots and lifetimes of one region; immutable, printable, shared by all threads.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "ep/placed.h"
#include "graph/graph.h"
#include "ops/kernel.h"

namespace tenon::plan {

using SlotId = uint32_t;
inline constexpr SlotId kNoSlot = UINT32_MAX;

enum class SlotKind : uint8_t {
  kTemp,      ///< result of a step
  kArgument,  ///< fed per run: graph inputs, block arguments
  kConstant,
};

/// One memory that values of the plan live in, and who moves bytes between it and the host.
struct Domain {
  Device device;
  std::shared_ptr<Allocator> allocator;  ///< null for the host: the frame's arena
  ep::DataTransfer* transfer = nullptr;
  uint16_t stream = UINT16_MAX;  ///< index in Devices::streams
};
inline constexpr uint16_t kNoStream = UINT16_MAX;

/// Memories and streams of a placed graph, shared by the plans of all its regions. Domain 0 is the host.
struct Devices {
  std::vector<Domain> domains{1};
  std::vector<ep::Provider*> streams;
  uint16_t domain_of(const Device& d) const;
};

/// Where one value of the region lives. A constant that several memories need has a slot in each.
struct Slot {
  graph::ValueId value;
  uint16_t domain = 0;  ///< index in Devices::domains
  SlotKind kind = SlotKind::kTemp;
  bool is_handle = false;      ///< a sequence, map, optional or string tensor: lives in a Value, not in planned memory
  bool packed = false;         ///< constant whose bytes no kernel reads: they have packed it
  bool escapes = false;        ///< it, or a view of it, is a result of the region: its memory leaves with the run
  SlotId root;                 ///< the slot whose bytes it shares; itself when it has bytes of its own
  uint32_t born = 0;           ///< step that makes it (roots: of the root)
  uint32_t dies = UINT32_MAX;  ///< last step that reads it or a view of it; UINT32_MAX = lives to the end
};

class Plan;

/// One node. Slot lists are ranges of Plan::operands.
struct Step {
  graph::NodeId node;
  const graph::OpDef* def;
  const ops::Kernel* kernel = nullptr;  ///< null for views and control flow
  graph::Lowering lowering = graph::Lowering::kKernel;
  uint32_t in_begin, in_count, out_begin, out_count;
  uint32_t free_begin, free_count;  ///< roots that die here
  uint16_t stream = kNoStream;      ///< the kernel's
  uint16_t wait = kNoStream;        ///< stream that must be done before the step starts
  SlotId reuse = kNoSlot;           ///< input root that dies here and whose buffer output 0 may take
  uint32_t first_region = 0, region_count = 0;
};

struct Argument {
  std::string name;
  SlotId slot;  ///< kNoSlot: nothing reads it
};
struct Result {
  std::string name;
  SlotId slot;
};

/// Bounded by the graph it was made from, which it keeps alive.
class Plan {
 public:
  std::shared_ptr<const graph::Graph> graph;
  std::shared_ptr<const Devices> devices = std::make_shared<Devices>();
  graph::RegionId region = 0;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<SlotId> operands;
  std::vector<Argument> arguments;
  std::vector<Result> results;
  std::vector<std::pair<SlotId, Value>> constants;
  std::vector<std::unique_ptr<Plan>> regions;  ///< plans of nested regions
  std::vector<std::shared_ptr<const ops::Kernel>> kernels;
  int64_t uploaded_bytes = 0;  ///< of constants, to other memories than the host

  std::span<const SlotId> inputs(const Step& s) const { return {operands.data() + s.in_begin, s.in_count}; }
  std::span<const SlotId> outputs(const Step& s) const { return {operands.data() + s.out_begin, s.out_count}; }
  std::span<const SlotId> frees(const Step& s) const { return {operands.data() + s.free_begin, s.free_count}; }
};

struct PlanOptions {
  bool reuse = true;  ///< enable_mem_reuse: in-place steps
  PackStore* store = nullptr;
  Isa isa = Isa::kPortable;
  const ep::Placed* placed = nullptr;  ///< null: everything runs on the CPU
  /// Constants that every reader has packed are emptied when this is the number of their handles: those of the graph,
  /// and of its copies that the caller keeps. 0: they stay.
  int weight_handles = 1;
};

/// Lowers a placed graph. Makes every kernel (weights are packed here); errors name node and op.
std::unique_ptr<Plan> make_plan(std::shared_ptr<const graph::Graph> g, const PlanOptions& options);

/// One line per step: slots, lifetimes, in-place choices.
std::string to_string(const Plan& p);

}  // namespace tenon::plan
