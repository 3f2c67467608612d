// Scan: iterates over slices of its inputs, forward or backward, and stacks its outputs.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "exec/control_flow.h"
#include "exec/stack.h"

namespace tenon::exec {

using plan::kNoSlot;

namespace {

/// A part of such a tensor has no address: steps get a tensor of their own.
bool by_value(DType t) { return t == DType::kString || is_packed(t); }

// One scan input or output seen as [outer, steps, inner].
struct Track {
  int64_t axis = 0;
  bool reverse = false;
  int64_t outer = 1, steps = 0, inner = 0;
  DType dtype = DType::kUndefined;
  Dims slice;  // dims without the axis

  int64_t at(int64_t t) const { return reverse ? steps - 1 - t : t; }
  /// Where slices lie in memory that steps share: not those of strings and of elements that share bytes.
  size_t scratch_bytes() const { return by_value(dtype) ? 0 : (storage_bytes(dtype, outer * inner) + 63) / 64 * 64; }
};

void set_extents(Track& k, std::span<const int64_t> dims, DType t) {
  k.dtype = t;
  k.axis = resolve_axis(k.axis, dims.size());
  const auto a = static_cast<size_t>(k.axis);
  k.outer = extent(dims, 0, a);
  k.steps = dims[a];
  k.inner = extent(dims, a + 1, dims.size());
  k.slice.assign(dims);
  k.slice.erase(a);
}

void gather_slice(const Track& k, const void* from, int64_t t, void* to) {
  for (int64_t o = 0; o < k.outer; ++o)
    copy_items(k.dtype, from, (o * k.steps + k.at(t)) * k.inner, to, o * k.inner, k.inner);
}

void scatter_slice(const Track& k, const void* from, int64_t t, void* to) {
  for (int64_t o = 0; o < k.outer; ++o)
    copy_items(k.dtype, from, o * k.inner, to, (o * k.steps + k.at(t)) * k.inner, k.inner);
}

/// Memory for a result of c's dims and of the element type and rank in c.ref.
void allocate(Crossing& c) {
  if (c.ref.dtype == DType::kString) {
    c.handle = Value::tensor(c.ref.dtype, c.dims);
    c.ref.data = c.handle.mutable_data();
    return;
  }
  c.block = c.arena->alloc(std::max<size_t>(c.ref.bytes(), 1), 64, nullptr);
  if (!c.block) fail_out_of_memory(c.ref.bytes(), "a scan output");
  std::memset(c.block, 0, c.ref.bytes());
  c.ref.data = c.block;
}

int64_t entry(std::span<const int64_t> list, size_t i) { return i < list.size() ? list[i] : 0; }

}  // namespace

void ControlFlow::run_scan() {
  const graph::Node& n = frame.plan_.graph->node(step.node);
  if (n.since_version < 9) return run_batched_scan();
  Frame& body = frame.child(step.first_region);
  const plan::Plan& plan = body.plan();
  const size_t formal = plan.arguments.size() - captures();
  const auto scans = static_cast<size_t>(n.attrs.get_int("num_scan_inputs", 0));
  const size_t carried = formal - scans, outputs = plan.results.size() - carried;
  std::vector<Track> inputs(scans), tracks(outputs);
  for (size_t k = 0; k < scans; ++k) {
    inputs[k].axis = entry(n.attrs.get_ints("scan_input_axes"), k);
    inputs[k].reverse = entry(n.attrs.get_ints("scan_input_directions"), k) == 1;
    const ops::TensorRef& r = frame.refs_[in(carried + k)];
    set_extents(inputs[k], r.dims(), r.dtype);
    if (inputs[k].steps != inputs[0].steps)
      fail("scan inputs have different lengths: {} and {}", inputs[0].steps, inputs[k].steps);
  }
  const int64_t steps = scans ? inputs[0].steps : 0;
  std::vector<Crossing>& state = frame.crossings(0, carried);
  std::vector<Crossing>& next = frame.crossings(1, carried);
  std::vector<Crossing>& scanned = frame.crossings(2, outputs);
  std::vector<Crossing> stacked(outputs);
  for (Crossing& c : stacked) c.arena = &frame.arena();
  size_t slice_bytes = 0;
  for (const Track& k : inputs) slice_bytes += k.scratch_bytes();
  auto* slices = static_cast<char*>(frame.scratch(slice_bytes));
  std::vector<Value> kept;  // slices that are tensors of their own, until the step ends
  try {
    for (int64_t t = 0; t < steps; ++t) {
      if (frame.context_.par.cancel) frame.context_.par.cancel->check();
      for (size_t k = 0; k < carried; ++k) {
        if (t == 0)
          bind_slot(body, k, in(k));
        else
          bind_crossing(body, k, state[k]);
      }
      char* slice = slices;
      for (size_t k = 0; k < scans; ++k) {
        const ops::TensorRef& r = frame.refs_[in(carried + k)];
        if (by_value(r.dtype)) {
          Value item = Value::tensor(r.dtype, inputs[k].slice);
          gather_slice(inputs[k], r.data, t, item.mutable_data());
          body.bind(carried + k, kept.emplace_back(std::move(item)));
          continue;
        }
        gather_slice(inputs[k], r.data, t, slice);
        body.bind(carried + k,
                  ops::TensorRef{slice, inputs[k].slice.data(), r.rank - 1, r.dtype, element_count(inputs[k].slice)});
        slice += inputs[k].scratch_bytes();
      }
      bind_captures(body, formal);
      body.run(frame.context_);
      for (size_t k = 0; k < carried; ++k) body.take(k, next[k]);
      for (size_t k = 0; k < outputs; ++k) body.take(carried + k, scanned[k]);
      for (size_t k = 0; k < carried; ++k) state[k] = std::move(next[k]);
      for (size_t k = 0; k < outputs; ++k) {
        Crossing& c = scanned[k];
        if (t == 0) {
          Track& out = tracks[k];
          out.axis = entry(n.attrs.get_ints("scan_output_axes"), k);
          out.reverse = entry(n.attrs.get_ints("scan_output_directions"), k) == 1;
          stacked[k].dims = c.dims;
          stacked[k].dims.insert(static_cast<size_t>(resolve_axis(out.axis, c.dims.size() + 1)), steps);
          set_extents(out, stacked[k].dims, c.ref.dtype);
          stacked[k].ref = c.ref;
          stacked[k].ref.rank = c.ref.rank + 1;
          stacked[k].ref.count = c.ref.count * steps;
          allocate(stacked[k]);
        } else if (!(tracks[k].slice == c.dims)) {
          fail("scan output {} changes its shape from {} to {}", k, tenon::to_string(tracks[k].slice),
               tenon::to_string(c.dims));
        }
        scatter_slice(tracks[k], c.ref.data, t, stacked[k].ref.data);
        c.drop();
      }
      body.reset();
      kept.clear();
    }
    for (size_t k = 0; k < carried; ++k) {
      if (steps == 0) copy_slot(in(k), state[k]);
      give(k, state[k]);
    }
    for (size_t k = 0; k < outputs; ++k) {
      if (steps == 0) {
        Stack empty;
        empty.begin(frame.arena());
        empty.finish(stacked[k], plan.graph->type(plan.slots[plan.results[carried + k].slot].value));
      }
      stacked[k].ref.dim = stacked[k].dims.data();
      give(carried + k, stacked[k]);
    }
  } catch (...) {
    for (auto* list : {&state, &next, &scanned})
      for (Crossing& c : *list) c.drop();
    throw;
  }
  frame.scratch_block_ = frame.scratch_used_ = 0;
}

// Opset 8: inputs and states have a batch axis in front, the scan axis is 1, lengths may differ per batch entry.
void ControlFlow::run_batched_scan() {
  const graph::Node& n = frame.plan_.graph->node(step.node);
  Frame& body = frame.child(step.first_region);
  const plan::Plan& plan = body.plan();
  const size_t formal = plan.arguments.size() - captures();
  const auto scans = static_cast<size_t>(n.attrs.get_int("num_scan_inputs", 0));
  const size_t carried = formal - scans, outputs = plan.results.size() - carried;
  const auto directions = n.attrs.get_ints("directions");
  if (step.in_count < formal + 1) fail("Scan takes {} inputs, {} found", formal + 1, step.in_count);
  const ops::TensorRef& first = frame.refs_[in(1 + carried)];
  if (first.rank < 2) fail("scan input of rank {} found, expected at least 2 (batch, sequence)", first.rank);
  const int64_t batch = first.dim[0], steps = first.dim[1];
  const int64_t* lengths = in(0) == kNoSlot ? nullptr : frame.refs_[in(0)].as<int64_t>();
  std::vector<Crossing> results(carried + outputs), state(carried), next(carried), scanned(outputs);
  for (Crossing& c : results) c.arena = &frame.arena();
  // Slice [b] or [b, t] of a batched tensor.
  std::vector<Value> kept;
  const auto part = [&](const ops::TensorRef& r, uint32_t skip, int64_t index) {
    ops::TensorRef s = r;
    s.dim += skip;
    s.rank -= skip;
    s.count = element_count(s.dims());
    if (by_value(r.dtype)) {
      Value& item = kept.emplace_back(Value::tensor(r.dtype, s.dims()));
      copy_items(r.dtype, r.data, index * s.count, item.mutable_data(), 0, s.count);
      s.data = item.mutable_data();
    } else {
      s.data = static_cast<char*>(r.data) + static_cast<size_t>(index) * storage_bytes(r.dtype, s.count);
    }
    return s;
  };
  const auto bind_part = [&](size_t argument, const ops::TensorRef& r, uint32_t skip, int64_t index) {
    const ops::TensorRef s = part(r, skip, index);
    if (by_value(r.dtype))
      body.bind(argument, kept.back());
    else
      body.bind(argument, s);
  };
  const auto store = [&](size_t j, const Crossing& c, int64_t index, bool sequence) {
    Crossing& r = results[j];
    const size_t lead = sequence ? 2 : 1;
    const bool made = r.block || r.handle;
    if (made && !std::ranges::equal(std::span<const int64_t>(r.dims).subspan(lead), c.dims))
      fail("scan result {} changes its shape to {}", j, tenon::to_string(c.dims));
    if (!made) {
      r.dims = c.dims;
      if (sequence) r.dims.insert(0, steps);
      r.dims.insert(0, batch);
      r.ref = c.ref;
      r.ref.rank = static_cast<uint32_t>(r.dims.size());
      r.ref.count = element_count(r.dims);
      allocate(r);
    }
    copy_items(c.ref.dtype, c.ref.data, 0, r.ref.data, index * c.ref.count, c.ref.count);
  };
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t length = lengths ? lengths[b] : steps;
    if (length < 0 || length > steps) fail("sequence_lens[{}] is {}, expected 0..{}", b, length, steps);
    for (int64_t t = 0; t < length; ++t) {
      if (frame.context_.par.cancel) frame.context_.par.cancel->check();
      for (size_t k = 0; k < carried; ++k) {
        if (t == 0)
          bind_part(k, frame.refs_[in(1 + k)], 1, b);
        else
          bind_crossing(body, k, state[k]);
      }
      for (size_t k = 0; k < scans; ++k) {
        const int64_t at = entry(directions, k) == 1 ? length - 1 - t : t;
        bind_part(carried + k, frame.refs_[in(1 + carried + k)], 2, b * steps + at);
      }
      bind_captures(body, formal);
      body.run(frame.context_);
      for (size_t k = 0; k < carried; ++k) body.take(k, next[k]);
      for (size_t k = 0; k < outputs; ++k) body.take(carried + k, scanned[k]);
      for (size_t k = 0; k < carried; ++k) state[k] = std::move(next[k]);
      for (size_t k = 0; k < outputs; ++k) {
        store(carried + k, scanned[k], b * steps + t, true);
        scanned[k].drop();
      }
      body.reset();
      kept.clear();
    }
    for (size_t k = 0; k < carried; ++k) {
      if (length == 0) {
        const ops::TensorRef r = part(frame.refs_[in(1 + k)], 1, b);
        Crossing c;
        c.dims.assign(r.dims());
        c.ref = r;
        store(k, c, b, false);
      } else {
        store(k, state[k], b, false);
        state[k].drop();
      }
    }
  }
  for (size_t j = 0; j < results.size(); ++j) {
    if (!results[j].block && !results[j].handle) {  // nothing ran: there is no item to tell the shape
      Crossing c;
      const ValueType& t = plan.graph->type(plan.slots[plan.results[j].slot].value);
      c.ref.dtype = t.elem;
      c.dims = t.dims;
      for (int64_t& d : c.dims)
        if (is_symbol(d)) d = 0;
      c.ref.count = 0;
      store(j, c, 0, j >= carried);
    }
    results[j].ref.dim = results[j].dims.data();
    give(j, results[j]);
  }
}

}  // namespace tenon::exec
