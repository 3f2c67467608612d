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
  size_t offset;  // of a buffer that is placed already
};
using Placed = std::vector<std::pair<size_t, const Buffer*>>;  // by offset

// First offset where `b` fits between the placed buffers that live at the same time.
size_t place(const Buffer& b, const Placed& placed) {
  size_t at = 0;
  for (const auto& [offset, other] : placed) {  // by offset
    if (other->dies < b.born || b.dies < other->born) continue;
    if (offset >= at + b.bytes) break;
    at = std::max(at, offset + other->bytes);
  }
  return at;
}

struct Layout {
  Placed placed;
  size_t bytes = SIZE_MAX;
};

void add(Placed& placed, size_t at, const Buffer* b) {
  const std::pair<size_t, const Buffer*> item{at, b};
  placed.insert(
      std::upper_bound(placed.begin(), placed.end(), item, [](auto& x, auto& y) { return x.first < y.first; }), item);
}

Layout lay_out(const std::vector<const Buffer*>& order, const Layout& start) {
  Layout out = start;
  for (const Buffer* b : order) {
    const size_t at = place(*b, out.placed);
    out.bytes = std::max(out.bytes, at + b->bytes);
    add(out.placed, at, b);
  }
  return out;
}

// Several orders; then what sticks out at the top is placed earlier, as long as that may help. `bound` is what no
// layout can beat. The effort is bounded: a layout costs the square of the number of buffers.
Layout best_layout(std::vector<const Buffer*> order, const Layout& start, size_t bound) {
  const auto life = [](const Buffer* b) { return std::min<size_t>(b->dies - b->born, 1u << 20) + 1; };
  Layout best;
  std::vector<const Buffer*> best_order;
  const auto attempt = [&](const std::vector<const Buffer*>& o) {
    Layout made = lay_out(o, start);
    if (made.bytes >= best.bytes) return false;
    best = std::move(made);
    best_order = o;
    return true;
  };
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->bytes > b->bytes; });
  attempt(order);
  const size_t n = order.size() + start.placed.size() + 1;
  int64_t effort = std::clamp<int64_t>(static_cast<int64_t>(4'000'000 / (n * n)), 0, 64);
  const auto good = [&] { return best.bytes <= std::max(start.bytes, bound + bound / 50); };
  const auto by = [&](auto less) {
    if (good() || effort-- <= 0) return;
    std::stable_sort(order.begin(), order.end(), less);
    attempt(order);
  };
  by([&](auto* a, auto* b) { return a->bytes * life(a) > b->bytes * life(b); });
  by([&](auto* a, auto* b) { return life(a) > life(b); });
  by([](auto* a, auto* b) { return a->born < b->born; });
  by([](auto* a, auto* b) { return a->dies > b->dies; });
  order = best_order;
  while (!good() && effort-- > 0) {
    const Layout now = lay_out(order, start);
    const auto top = std::max_element(now.placed.begin(), now.placed.end(), [](auto& x, auto& y) {
      return x.first + x.second->bytes < y.first + y.second->bytes;
    });
    const auto at = std::find(order.begin(), order.end(), top->second);
    if (at == order.begin() || at == order.end()) break;
    std::rotate(order.begin(), at, at + 1);
    attempt(order);
  }
  return best;
}

// The slab buffers of a segment, added to `buffers`; in-place results and views prolong the life of their base's.
void gather(const Segment& s, const plan::Plan& p, std::vector<Buffer>& buffers,
            std::unordered_map<plan::SlotId, size_t>& owner) {
  constexpr size_t kAlign = 64;
  for (uint32_t i = 0; i < s.shapes.size(); ++i) {
    const SlotShape& shape = s.shapes[i];
    const plan::Slot& slot = p.slots[shape.slot];
    if (shape.place == SlotShape::kSlab) {
      owner[shape.slot] = buffers.size();
      buffers.push_back(
          {i, slot.born, slot.dies, (shape.bytes + kAlign - 1) / kAlign * kAlign, shape.domain, shape.offset});
    } else if (const auto base = owner.find(shape.base); shape.place == SlotShape::kSame && base != owner.end()) {
      const size_t b = base->second;
      owner[shape.slot] = b;
      buffers[b].dies = std::max(buffers[b].dies, slot.dies);
    }
  }
}

size_t most_alive(const std::vector<const Buffer*>& buffers, size_t steps) {
  std::vector<int64_t> change(steps + 1);
  for (const Buffer* b : buffers) {
    change[std::min<size_t>(b->born, steps)] += static_cast<int64_t>(b->bytes);
    if (b->dies + size_t{1} < change.size()) change[b->dies + 1] -= static_cast<int64_t>(b->bytes);
  }
  int64_t now = 0, most = 0;
  for (int64_t c : change) most = std::max(most, now += c);
  return static_cast<size_t>(most);
}

}  // namespace

std::vector<PathUse> ShapeTree::paths(const plan::Plan& p) const {
  std::lock_guard lock(mutex_);
  std::vector<PathUse> out;
  std::vector<const Segment*> path;
  walk(p, roots_, path, out);
  return out;
}

void ShapeTree::walk(const plan::Plan& p, const std::vector<Segment::Child>& children,
                     std::vector<const Segment*>& path, std::vector<PathUse>& out) const {
  for (const Segment::Child& c : children) {
    path.push_back(c.segment.get());
    if (c.segment->children_.empty()) {
      PathUse use;
      std::vector<Buffer> buffers;
      std::unordered_map<plan::SlotId, size_t> owner;
      for (const Segment* s : path) {
        gather(*s, p, buffers, owner);
      }
      for (size_t bytes : path.back()->slab_bytes) use.slab_bytes += bytes;
      use.segments = path.size();
      for (uint16_t m = 0; m < p.devices->domains.size(); ++m) {
        std::vector<const Buffer*> in;
        for (const Buffer& b : buffers)
          if (b.domain == m) in.push_back(&b);
        use.live_bytes += most_alive(in, p.steps.size());
      }
      out.push_back(use);
    }
    walk(p, c.segment->children_, path, out);
    path.pop_back();
  }
}

void pack(Segment& s, const plan::Plan& p, std::span<const Segment* const> ancestors, bool pattern) {
  const size_t domains = p.devices->domains.size();
  s.slab_bytes.assign(domains, 0);
  s.wanted = std::make_unique<std::atomic<size_t>[]>(domains);
  if (!pattern) {
    for (uint32_t i = 0; i < s.shapes.size(); ++i) {
      if (s.shapes[i].place == SlotShape::kSlab) s.shapes[i].place = SlotShape::kOwn;
      s.floating.push_back(i);
    }
    return;
  }
  std::vector<Buffer> buffers;
  std::unordered_map<plan::SlotId, size_t> owner;
  for (const Segment* a : ancestors) gather(*a, p, buffers, owner);
  const size_t first = buffers.size();
  gather(s, p, buffers, owner);
  for (uint32_t i = 0; i < s.shapes.size(); ++i) {
    const auto it = owner.find(s.shapes[i].slot);
    if (it == owner.end() || it->second < first) s.floating.push_back(i);
  }
  for (uint16_t m = 0; m < domains; ++m) {
    Layout start;
    start.bytes = ancestors.empty() ? 0 : ancestors.back()->slab_bytes[m];
    std::vector<const Buffer*> order, all;
    for (size_t i = 0; i < buffers.size(); ++i) {
      const Buffer& b = buffers[i];
      if (b.domain != m) continue;
      all.push_back(&b);
      if (i >= first)
        order.push_back(&b);
      else if (b.dies >= s.begin)
        add(start.placed, b.offset, &b);
    }
    const Layout best = best_layout(std::move(order), start, most_alive(all, p.steps.size()));
    for (const auto& [offset, b] : best.placed)
      if (b >= buffers.data() + first) s.shapes[b->shape].offset = offset;
    s.slab_bytes[m] = best.bytes;
    s.wanted[m] = best.bytes;
  }
}

void want(Segment& root, const Segment& leaf) noexcept {
  for (size_t m = 0; m < leaf.slab_bytes.size(); ++m) {
    size_t now = root.wanted[m].load(std::memory_order_relaxed);
    while (now < leaf.slab_bytes[m] && !root.wanted[m].compare_exchange_weak(now, leaf.slab_bytes[m])) {
    }
  }
}

}  // namespace tenon::exec
