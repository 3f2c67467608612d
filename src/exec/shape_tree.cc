// Lookup of segments and packing of their buffers.
#include "exec/shape_tree.h"

#include <algorithm>
#include <unordered_map>

namespace tenon::exec {

std::shared_ptr<Segment> ShapeTree::find(Segment* parent, std::string_view key) {
  std::lock_guard lock(mutex_);
  for (auto& c : parent ? parent->children_ : roots_) {
    if (c.key != key) continue;
    c.used = ++clock_;
    return c.segment;
  }
  return nullptr;
}

void ShapeTree::insert(Segment* parent, std::string key, std::shared_ptr<Segment> segment) {
  std::lock_guard lock(mutex_);
  auto& list = parent ? parent->children_ : roots_;
  for (auto& c : list)
    if (c.key == key) return;
  if (list.size() >= (parent ? kMaxChildren : kMaxRoots))
    list.erase(std::min_element(list.begin(), list.end(), [](auto& a, auto& b) { return a.used < b.used; }));
  list.push_back({std::move(key), std::move(segment), ++clock_});
}

size_t ShapeTree::size() const {
  std::lock_guard lock(mutex_);
  return roots_.size();
}

namespace {

struct Buffer {
  uint32_t shape;  // index in Segment::shapes
  uint32_t born, dies;
  size_t bytes;
  uint16_t domain;
};

// First offset where `b` fits between the placed buffers that live at the same time.
size_t place(const Buffer& b, const std::vector<std::pair<size_t, const Buffer*>>& placed) {
  size_t at = 0;
  for (const auto& [offset, other] : placed) {  // by offset
    if (other->domain != b.domain || other->dies < b.born || b.dies < other->born) continue;
    if (offset >= at + b.bytes) break;
    at = std::max(at, offset + other->bytes);
  }
  return at;
}

}  // namespace

void pack(Segment& s, const plan::Plan& p) {
  constexpr size_t kAlign = 64;
  std::vector<Buffer> buffers;
  std::unordered_map<plan::SlotId, uint32_t> owner;  // slot → index in buffers
  for (uint32_t i = 0; i < s.shapes.size(); ++i) {
    const SlotShape& shape = s.shapes[i];
    const plan::Slot& slot = p.slots[shape.slot];
    if (shape.place == SlotShape::kSlab) {
      owner[shape.slot] = static_cast<uint32_t>(buffers.size());
      buffers.push_back({i, slot.born, slot.dies, (shape.bytes + kAlign - 1) / kAlign * kAlign, shape.domain});
    } else if (shape.place == SlotShape::kSame && owner.contains(shape.base)) {
      const uint32_t b = owner[shape.base];
      owner[shape.slot] = b;
      buffers[b].dies = std::max(buffers[b].dies, slot.dies);
    } else {
      s.floating.push_back(i);
    }
  }
  s.slab_bytes.assign(p.devices->domains.size(), 0);
  std::vector<const Buffer*> order;
  for (const Buffer& b : buffers) order.push_back(&b);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->bytes > b->bytes; });
  std::vector<std::pair<size_t, const Buffer*>> placed;
  for (const Buffer* b : order) {
    const size_t at = place(*b, placed);
    s.shapes[b->shape].offset = at;
    size_t& slab = s.slab_bytes[b->domain];
    slab = std::max(slab, at + b->bytes);
    const std::pair<size_t, const Buffer*> item{at, b};
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), item, [](auto& x, auto& y) { return x.first < y.first; }), item);
  }
}

}  // namespace tenon::exec
