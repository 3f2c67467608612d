// The first run of a shape signature: infers each step before it runs, and records segments for the runs to come.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/value_data.h"
#include "exec/frame.h"
#include "ops/infer.h"

namespace tenon::exec {

using plan::kNoSlot;
using plan::SlotId;

class Tracer final : public ops::InferHost {
 public:
  Tracer(Frame& f, Segment* parent, std::string key, uint32_t begin) : f_(f), plan_(f.plan_), parent_(parent) {
    for (size_t d = 0; d < f.depth_; ++d) learn(*f.bound_[d]);
    open(std::move(key), begin);
  }

  void run() {
    const CancelToken* cancel = f_.context_.par.cancel;
    for (uint32_t i = current().begin; i < plan_.steps.size(); ++i) {
      if (cancel) cancel->check();
      at_ = i;
      step_ = &plan_.steps[i];
      infer();
      f_.run_steps(i, i + 1);
      if (unknown_.empty()) continue;
      for (SlotId s : unknown_)
        if (!f_.refs_[s].data && f_.plan_.slots[s].dies != i)
          fail(ErrorCode::kEngineError, "{} did not produce value {}", step_->def->name, value_name(s));
      close(Segment::kDims, std::move(unknown_), i + 1);
      unknown_.clear();
    }
    current().end = static_cast<uint32_t>(plan_.steps.size());
    Segment* parent = parent_;
    std::vector<const Segment*> path;
    for (size_t d = 0; d < f_.depth_; ++d) path.push_back(f_.path_[d].get());
    Segment& root = f_.depth_ ? *f_.path_[0] : *made_[0].second;
    for (auto& [key, segment] : made_) {
      pack(*segment, plan_, path, f_.program_.pattern);
      path.push_back(segment.get());
    }
    want(root, *path.back());
    for (auto& [key, segment] : made_) {
      segment->lane_choice = std::make_shared<LaneChoice>(*segment, plan_);
      f_.program_.shapes.insert(parent, std::move(key), segment);
      parent = segment.get();
    }
  }

  // InferHost.
  Value contents(size_t i) override {
    const SlotId s = operand(i);
    if (s == kNoSlot || plan_.slots[s].is_handle) return {};
    const ops::TensorRef& r = f_.refs_[s];
    if (plan_.slots[s].kind == plan::SlotKind::kConstant) return plan_.graph->constant(plan_.slots[s].value);
    if (!observed_.contains(s)) {
      observed_.insert(s);
      close(Segment::kContents, {s}, at_);
    }
    if (plan_.slots[s].domain) {
      Value host = Value::tensor(r.dtype, r.dims());
      f_.read_back(s, host.mutable_data());
      return host;
    }
    return ValueAccess::view(r.dtype, r.dims(), r.data);
  }
  bool is_computed(size_t i) override {
    const SlotId s = operand(i);
    return s != kNoSlot && plan_.slots[s].kind != plan::SlotKind::kConstant && !observed_.contains(s);
  }
  const std::vector<int64_t>* derived_ints(size_t i) override {
    const auto it = ints_.find(operand(i));
    return it == ints_.end() ? nullptr : &it->second;
  }
  bool infer_region(size_t, std::span<const ValueType>, std::vector<ValueType>*) override { return false; }
  const ValueType* known_output(size_t j) override {
    const SlotId s = plan_.outputs(*step_)[j];
    return s == kNoSlot ? nullptr : &plan_.graph->type(plan_.slots[s].value);
  }

 private:
  Segment& current() { return *made_.back().second; }
  SlotId operand(size_t i) const { return i < step_->in_count ? plan_.operands[step_->in_begin + i] : kNoSlot; }
  const std::string& value_name(SlotId s) const { return plan_.graph->value(plan_.slots[s].value).name; }

  void learn(const Segment& s) {
    for (const auto& [slot, v] : s.ints) ints_[slot] = v;
    for (const SlotShape& shape : s.shapes) note_place(shape);
    if (s.next == Segment::kContents) observed_.insert(s.observed[0]);
  }

  void note_place(const SlotShape& s) {
    if (s.place == SlotShape::kSlab || (s.place == SlotShape::kSame && in_slab_.contains(s.base)))
      in_slab_.insert(s.slot);
  }

  void open(std::string key, uint32_t begin) {
    made_.emplace_back(std::move(key), std::make_shared<Segment>());
    current().begin = current().end = begin;
  }

  void close(Segment::Next next, std::vector<SlotId> slots, uint32_t end) {
    current().next = next;
    current().observed = std::move(slots);
    current().end = end;
    open(std::string(f_.observed_key(current())), end);
  }

  void infer() {
    const bool region = step_->lowering != graph::Lowering::kKernel && step_->lowering != graph::Lowering::kView;
    if (region) {
      for (SlotId s : plan_.outputs(*step_))
        if (s != kNoSlot && plan_.graph->type(plan_.slots[s].value).is_tensor()) leave_unknown(s);
      return;
    }
    const graph::Node& node = plan_.graph->node(step_->node);
    types_.assign(node.operands().size(), {});
    pointers_.clear();
    for (size_t i = 0; i < types_.size(); ++i) {
      const SlotId s = operand(i);
      pointers_.push_back(s == kNoSlot ? nullptr : &types_[i]);
      if (s != kNoSlot) types_[i] = type_of(s);
    }
    ops::InferContext c(node, pointers_, symbols_, *this);
    try {
      step_->def->infer(c);
      for (size_t j = 0; j < step_->out_count; ++j) define(c, j);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("node {} ({}): {}", node.name, node.op, e.what()), e.reason(), e.limit());
    }
  }

  ValueType type_of(SlotId s) const {
    const ValueType& known = plan_.graph->type(plan_.slots[s].value);
    if (!known.is_tensor()) return known;
    const ops::TensorRef& r = f_.refs_[s];
    return ValueType::tensor(r.dtype, Dims(r.dims()));
  }

  void leave_unknown(SlotId s) {
    f_.refs_[s].data = nullptr;
    unknown_.push_back(s);
  }

  void define(ops::InferContext& c, size_t j) {
    const SlotId s = plan_.outputs(*step_)[j];
    if (s == kNoSlot) return;
    const auto& type = c.result(j);
    if (!type) fail(ErrorCode::kEngineError, "inference gave no type for output {}", j);
    if (!type->is_tensor()) return;
    if (const auto& ints = c.result_ints(j); ints && std::ranges::none_of(*ints, is_symbol)) {
      ints_[s] = *ints;
      current().ints.emplace_back(s, *ints);
    }
    if (!type->is_static()) {
      leave_unknown(s);
      return;
    }
    SlotShape shape;
    shape.slot = s;
    shape.domain = plan_.slots[s].domain;
    shape.dtype = type->elem;
    shape.dims = type->dims;
    shape.count = element_count(shape.dims);
    shape.bytes = storage_bytes(shape.dtype, shape.count);
    choose_place(shape, j);
    current().shapes.push_back(shape);
    note_place(shape);
    // For this run the memory comes from the arena; `place` only knows slabs.
    f_.states_[s].dims = shape.dims;
    ops::TensorRef& r = f_.refs_[s];
    r = {nullptr, f_.states_[s].dims.data(), static_cast<uint32_t>(shape.dims.size()), shape.dtype, shape.count};
    if (shape.place == SlotShape::kSame) {
      r.data = f_.refs_[shape.base].data;
      if (step_->lowering != graph::Lowering::kView) move_block(shape.base, s);
    } else if (shape.dtype == DType::kString) {
      f_.place(shape, {});
      r.dim = f_.states_[s].dims.data();  // `shape` is a local here
    } else if (const Value* v = shape.place == SlotShape::kLeaves ? f_.preset(s, shape.dims) : nullptr) {
      r.data = const_cast<void*>(v->data());
    } else {
      r.data = f_.allocate(shape.bytes, s);
    }
  }

  void choose_place(SlotShape& shape, size_t j) {
    if (step_->lowering == graph::Lowering::kView && j == 0) {
      shape.place = SlotShape::kSame;
      shape.base = operand(0);
    } else if (plan_.slots[shape.slot].escapes || shape.dtype == DType::kString) {
      shape.place = SlotShape::kLeaves;
    } else if (j == 0 && step_->reuse != kNoSlot && in_slab_.contains(step_->reuse) &&
               f_.refs_[step_->reuse].bytes() == shape.bytes) {
      shape.place = SlotShape::kSame;
      shape.base = step_->reuse;
    }
  }

  void move_block(SlotId from, SlotId to) {
    if (!f_.states_[from].block) return;
    f_.states_[to].block = f_.states_[from].block;
    f_.states_[from].block = nullptr;
    f_.own(to);
  }

  Frame& f_;
  const plan::Plan& plan_;
  Segment* parent_;
  Symbols symbols_;
  std::vector<std::pair<std::string, std::shared_ptr<Segment>>> made_;
  std::unordered_map<SlotId, std::vector<int64_t>> ints_;
  std::set<SlotId> observed_, in_slab_;
  std::vector<SlotId> unknown_;
  std::vector<ValueType> types_;
  std::vector<const ValueType*> pointers_;
  const plan::Step* step_ = nullptr;
  uint32_t at_ = 0;
};

void Frame::trace_from(Segment* parent, std::string key, uint32_t begin) {
  bound_.resize(depth_);
  Tracer(*this, parent, std::move(key), begin).run();
}

}  // namespace tenon::exec
