// Scheduling and packing for lanes.
#include "exec/lanes.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <unordered_map>

#include "base/fork.h"

namespace tenon::exec {

using plan::kNoSlot;
using plan::SlotId;

namespace {

constexpr double kHandOverNs = 1500;  // a lane waits for another one
constexpr uint32_t kMaxSteps = 4096;  // the packing keeps a bit per pair

/// Steps that a lane can run: kernels and views whose operands and results are tensors in known places.
bool eligible(const Segment& s, const plan::Plan& p) {
  const uint32_t n = s.end - s.begin;
  if (n < 4 || n > kMaxSteps || s.next == Segment::kDims) return false;
  if (std::ranges::any_of(s.shapes, [](const SlotShape& x) { return x.place == SlotShape::kOwn; })) return false;
  for (uint32_t i = s.begin; i < s.end; ++i) {
    const plan::Step& step = p.steps[i];
    if (step.lowering != graph::Lowering::kKernel && step.lowering != graph::Lowering::kView) return false;
    for (SlotId slot : p.inputs(step))
      if (slot != kNoSlot && p.slots[slot].is_handle) return false;
    for (SlotId slot : p.outputs(step))
      if (slot != kNoSlot && p.slots[slot].is_handle) return false;
  }
  return true;
}

/// Which steps must come before which: reads after writes, writes after everything on the same buffer, and what one
/// stream is asked for in the order of the plan.
struct Order {
  std::vector<std::vector<uint32_t>> before, after;  // relative to the segment's first step
  std::unordered_map<SlotId, SlotId> buffer;         // slot → slot whose place it shares
  std::unordered_map<SlotId, std::vector<uint32_t>> touches;

  Order(const Segment& s, const plan::Plan& p) : before(s.end - s.begin), after(s.end - s.begin), plan_(p) {
    for (const SlotShape& shape : s.shapes)
      buffer[shape.slot] = shape.place == SlotShape::kSame ? buffer_of(shape.base) : shape.slot;
    struct Last {
      int64_t writer = -1;
      std::vector<uint32_t> readers;
    };
    std::unordered_map<SlotId, Last> last;
    std::unordered_map<uint16_t, uint32_t> on_stream;  // stream → last step with business there
    for (uint32_t i = s.begin; i < s.end; ++i) {
      const plan::Step& step = p.steps[i];
      if (step.lowering == graph::Lowering::kView) continue;
      const uint32_t at = i - s.begin;
      for (uint16_t stream : {step.stream, step.wait}) {
        if (stream == plan::kNoStream) continue;
        if (const auto it = on_stream.find(stream); it != on_stream.end()) link(it->second, at);
        on_stream[stream] = at;
      }
      for (SlotId in : p.inputs(step)) {
        if (in == kNoSlot) continue;
        Last& l = last[buffer_of(in)];
        if (l.writer >= 0) link(static_cast<uint32_t>(l.writer), at);
        l.readers.push_back(at);
        touch(buffer_of(in), at);
      }
      for (SlotId out : p.outputs(step)) {
        if (out == kNoSlot) continue;
        Last& l = last[buffer_of(out)];
        if (l.writer >= 0) link(static_cast<uint32_t>(l.writer), at);
        for (uint32_t r : l.readers) link(r, at);
        l.writer = at;
        l.readers.clear();
        touch(buffer_of(out), at);
      }
    }
  }

  // Which results of earlier segments share memory is not known here: they count as one buffer.
  SlotId buffer_of(SlotId s) const {
    constexpr SlotId kOutside = kNoSlot - 1;
    const auto it = buffer.find(s);
    if (it != buffer.end()) return it->second;
    return plan_.slots[s].kind == plan::SlotKind::kTemp ? kOutside : s;
  }

 private:
  void link(uint32_t from, uint32_t to) {
    if (from == to || std::ranges::find(before[to], from) != before[to].end()) return;
    before[to].push_back(from);
    after[from].push_back(to);
  }
  void touch(SlotId b, uint32_t at) {
    auto& t = touches[b];
    if (t.empty() || t.back() != at) t.push_back(at);
  }
  const plan::Plan& plan_;
};

}  // namespace

LaneSchedule list_schedule(const Segment& s, const plan::Plan& p, std::span<const double> cost_ns, size_t lanes) {
  const Order order(s, p);
  const auto n = static_cast<uint32_t>(cost_ns.size());
  std::vector<double> to_end(n, 0), ends(n, 0), free_at(lanes, 0);
  for (uint32_t i = n; i-- > 0;) {
    for (uint32_t k : order.after[i]) to_end[i] = std::max(to_end[i], to_end[k]);
    to_end[i] += cost_ns[i];
  }
  const auto later = [&](uint32_t a, uint32_t b) { return to_end[a] != to_end[b] ? to_end[a] < to_end[b] : a > b; };
  std::priority_queue<uint32_t, std::vector<uint32_t>, decltype(later)> ready(later);
  std::vector<uint32_t> missing(n), lane_of(n);
  for (uint32_t i = 0; i < n; ++i) {
    missing[i] = static_cast<uint32_t>(order.before[i].size());
    if (!missing[i]) ready.push(i);
  }
  LaneSchedule out;
  out.lanes.resize(lanes);
  out.waits.resize(n);
  while (!ready.empty()) {
    const uint32_t i = ready.top();
    ready.pop();
    size_t best = 0;
    double best_start = 0;
    for (size_t l = 0; l < lanes; ++l) {
      double start = free_at[l];
      for (uint32_t b : order.before[i]) start = std::max(start, ends[b] + (lane_of[b] == l ? 0 : kHandOverNs));
      if (l == 0 || start < best_start) best = l, best_start = start;
    }
    lane_of[i] = static_cast<uint32_t>(best);
    free_at[best] = ends[i] = best_start + cost_ns[i];
    out.makespan_ns = std::max(out.makespan_ns, ends[i]);
    out.lanes[best].push_back(s.begin + i);
    for (uint32_t b : order.before[i])
      if (lane_of[b] != best) out.waits[i].push_back(s.begin + b);
    for (uint32_t k : order.after[i])
      if (--missing[k] == 0) ready.push(k);
  }
  return out;
}

std::shared_ptr<Segment> packed_for(const Segment& s, const plan::Plan& p, const LaneSchedule& schedule) {
  constexpr size_t kAlign = 64;
  const Order order(s, p);
  const uint32_t n = s.end - s.begin;
  // behind[i]: the steps that have ended when step i starts.
  std::vector<std::vector<bool>> behind(n, std::vector<bool>(n));
  std::vector<size_t> at(schedule.lanes.size());
  std::vector<bool> done(n);
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t l = 0; l < schedule.lanes.size(); ++l) {
      while (at[l] < schedule.lanes[l].size()) {
        const uint32_t i = schedule.lanes[l][at[l]] - s.begin;
        if (!std::ranges::all_of(schedule.waits[i], [&](uint32_t w) { return done[w - s.begin]; })) break;
        const auto follow = [&](uint32_t b) {
          for (uint32_t k = 0; k < n; ++k)
            if (behind[b][k]) behind[i][k] = true;
          behind[i][b] = true;
        };
        if (at[l] > 0) follow(schedule.lanes[l][at[l] - 1] - s.begin);
        for (uint32_t w : schedule.waits[i]) follow(w - s.begin);
        done[i] = true;
        ++at[l];
        moved = true;
      }
    }
  }
  auto out = std::make_shared<Segment>();
  out->begin = s.begin;
  out->end = s.end;
  out->shapes = s.shapes;
  out->floating = s.floating;
  out->ints = s.ints;
  out->next = s.next;
  out->observed = s.observed;
  out->apart = true;
  out->slab_bytes.assign(p.devices->domains.size(), 0);

  struct Buffer {
    uint32_t shape;
    size_t bytes;
    const std::vector<uint32_t>* touches;
  };
  static const std::vector<uint32_t> kNever;
  std::vector<Buffer> buffers;
  for (uint32_t i = 0; i < s.shapes.size(); ++i) {
    const SlotShape& shape = s.shapes[i];
    if (shape.place != SlotShape::kSlab) continue;
    const auto t = order.touches.find(shape.slot);
    buffers.push_back(
        {i, (shape.bytes + kAlign - 1) / kAlign * kAlign, t == order.touches.end() ? &kNever : &t->second});
  }
  // A buffer that something after the segment reads, under its own name or that of an in-place result, stays.
  std::unordered_map<SlotId, uint32_t> dies;
  for (const SlotShape& shape : s.shapes) {
    uint32_t& last = dies[order.buffer_of(shape.slot)];
    last = std::max(last, p.slots[shape.slot].dies);
  }
  const auto stays = [&](const Buffer& b) { return dies[s.shapes[b.shape].slot] >= s.end; };
  const auto first = [&](const Buffer& a, const Buffer& b) {  // every use of a has ended when b is written
    if (b.touches->empty() || stays(a)) return false;
    const std::vector<bool>& past = behind[b.touches->front()];
    return std::ranges::all_of(*a.touches, [&](uint32_t t) { return past[t]; });
  };
  std::ranges::stable_sort(buffers, [](const Buffer& a, const Buffer& b) { return a.bytes > b.bytes; });
  std::vector<std::vector<std::pair<size_t, const Buffer*>>> placed_in(out->slab_bytes.size());
  for (const Buffer& b : buffers) {
    size_t offset = 0;
    const uint16_t domain = out->shapes[b.shape].domain;
    auto& placed = placed_in[domain];
    for (const auto& [start, other] : placed) {  // by offset
      if (first(*other, b) || first(b, *other)) continue;
      if (start >= offset + b.bytes) break;
      offset = std::max(offset, start + other->bytes);
    }
    out->shapes[b.shape].offset = offset;
    out->slab_bytes[domain] = std::max(out->slab_bytes[domain], offset + b.bytes);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [](const auto& x) { return x.first; }), {offset, &b});
  }
  return out;
}

LaneChoice::LaneChoice(const Segment& s, const plan::Plan& p) : eligible_(eligible(s, p)) {}

LaneChoice::Decision LaneChoice::next(bool always) {
  std::lock_guard lock(mutex_);
  if (!eligible_) return {};
  if (decided_) return lanes_;
  if (measuring_ == fork_generation()) return {};
  measuring_ = fork_generation();
  return {alone_runs_ < (always ? 1 : kRuns) ? Way::kAlone : Way::kTogether, false, nullptr, nullptr};
}

void LaneChoice::alone(std::span<const double> step_ns) {
  std::lock_guard lock(mutex_);
  measuring_ = kNobody;
  if (step_ns.empty()) return;
  if (alone_runs_++ == 0) cost_ns_.assign(step_ns.begin(), step_ns.end());
  for (size_t i = 0; i < step_ns.size(); ++i) cost_ns_[i] = std::min(cost_ns_[i], step_ns[i]);
}

void LaneChoice::together(std::span<const double> step_ns, const Segment& s, const plan::Plan& p, size_t lanes,
                          bool always) {
  std::lock_guard lock(mutex_);
  measuring_ = kNobody;
  if (step_ns.empty()) return;
  const double ns = std::accumulate(step_ns.begin(), step_ns.end(), 0.0);
  together_ns_ = together_runs_++ == 0 ? ns : std::min(together_ns_, ns);
  if (together_runs_ < kRuns && !always) return;
  decided_ = true;
  auto schedule = std::make_shared<LaneSchedule>(list_schedule(s, p, cost_ns_, lanes));
  if (schedule->makespan_ns > kWorthIt * together_ns_ && !always) return;
  lanes_ = {Way::kLanes, !always, packed_for(s, p, *schedule), schedule};
}

void LaneChoice::lanes(double ns) {
  std::lock_guard lock(mutex_);
  if (!lanes_.on_trial) return;
  lanes_ns_ = lane_runs_++ == 0 ? ns : std::min(lanes_ns_, ns);
  if (lane_runs_ < kTrials) return;
  lanes_.on_trial = false;
  if (lanes_ns_ > kKeep * together_ns_) lanes_ = {};
}

}  // namespace tenon::exec
