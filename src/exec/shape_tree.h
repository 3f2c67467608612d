// Shape tree: what inference found for each shape signature, so that a warm run infers and allocates nothing.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/fork_mutex.h"
#include "base/shape.h"
#include "plan/plan.h"

namespace tenon::exec {

/// Concrete type and place of one slot.
struct SlotShape {
  enum Place : uint8_t {
    kSlab,    ///< at `offset` of the segment's slab
    kSame,    ///< where slot `base` is: views and in-place results
    kLeaves,  ///< memory of its own, because it is a result of the region
    kOwn,     ///< memory of its own when its step comes: no pattern
  };
  plan::SlotId slot;
  DType dtype;
  Place place = kSlab;
  plan::SlotId base = plan::kNoSlot;
  Dims dims;
  int64_t count = 0;
  size_t bytes = 0;
  size_t offset = 0;
  uint16_t domain = 0;
};

/// A run of steps whose shapes follow from what was known at its first step. It ends where only the run can tell more:
/// before a step whose shape depends on contents of a value, or after a step whose result shapes are data-dependent.
/// The key of each child is what was observed there.
class LaneChoice;

struct Segment {
  enum Next : uint8_t { kEnd, kContents, kDims };
  uint32_t begin = 0, end = 0;                                      ///< steps [begin, end)
  std::deque<SlotShape> shapes;                                     ///< in order of definition
  std::vector<uint32_t> floating;                                   ///< shapes whose address may change from run to run
  std::vector<std::pair<plan::SlotId, std::vector<int64_t>>> ints;  ///< derived integer contents
  std::vector<size_t> slab_bytes;                                   ///< per domain: the path up to here
  bool apart = false;                                               ///< packed on its own, into a slab of its own
  std::unique_ptr<std::atomic<size_t>[]> wanted;  ///< of a root, per domain: what the known paths below it take
  Next next = kEnd;
  std::shared_ptr<LaneChoice> lane_choice;
  std::vector<plan::SlotId> observed;  ///< one slot (kContents), or the data-dependent results of step end-1 (kDims)

 private:
  friend class ShapeTree;
  struct Child {
    std::string key;
    std::shared_ptr<Segment> segment;
    uint64_t used;
  };
  std::vector<Child> children_;  ///< guarded by the tree's mutex
};

/// How well the buffers of one path through the tree are packed; the values that leave the region are not among them.
struct PathUse {
  size_t segments = 0;
  size_t slab_bytes = 0;
  size_t live_bytes = 0;  ///< most bytes alive at one step: no packing takes less
};

/// Bounded: the least recently used signature goes first. Thread-safe.
class ShapeTree {
 public:
  static constexpr size_t kMaxRoots = 64, kMaxChildren = 256;
  /// Child of `parent` (null: a root) for this key, or null.
  std::shared_ptr<Segment> find(Segment* parent, std::string_view key);
  /// Publishes a complete segment; when another thread was faster, its segment stays.
  void insert(Segment* parent, std::string key, std::shared_ptr<Segment> segment);
  size_t size() const;
  /// One entry per path from a root to a leaf.
  std::vector<PathUse> paths(const plan::Plan& p) const;

 private:
  void walk(const plan::Plan& p, const std::vector<Segment::Child>& children, std::vector<const Segment*>& path,
            std::vector<PathUse>& out) const;
  mutable OwnedForkMutex mutex_;
  std::vector<Segment::Child> roots_;
  uint64_t clock_ = 0;
};

/// Gives every kSlab shape of the segment an offset such that buffers alive at the same time in the same memory do not
/// overlap, those of its `ancestors` (root first) among them: one slab per memory serves a whole path. Fills slab_bytes
/// and floating. Views and in-place results extend their base's life. Without `pattern` the shapes become kOwn.
void pack(Segment& s, const plan::Plan& p, std::span<const Segment* const> ancestors = {}, bool pattern = true);

/// The next run of this root takes a slab that is large enough for `leaf` too.
void want(Segment& root, const Segment& leaf) noexcept;

}  // namespace tenon::exec
