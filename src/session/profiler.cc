// Events are formatted as they end, kept as text, and written once.
#include "session/profiler.h"

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/process.h"

namespace tenon::session {
namespace {

using nlohmann::json;

int64_t micros(Profiler::Clock::duration d) { return std::chrono::duration_cast<std::chrono::microseconds>(d).count(); }

std::string event(const char* category, const std::string& name, int64_t ts, int64_t dur, const json& args) {
  const json e = {{"cat", category}, {"pid", process_id()}, {"tid", thread_id()}, {"dur", dur},
                  {"ts", ts},        {"ph", "X"},           {"name", name},       {"args", args}};
  return e.dump(-1, ' ', false, json::error_handler_t::replace);
}

json type_shape(const ops::TensorRef& r) {
  json dims = json::array();
  for (int64_t d : r.dims()) dims.push_back(d);
  return {{std::string(dtype_name(r.dtype)), dims}};
}

}  // namespace

Profiler::Profiler(const std::string& prefix) : start_(Clock::now()) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  start_ns_ = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
  tm local;
  localtime_r(&now.tv_sec, &local);
  char stamp[64];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%d_%H-%M-%S", &local);
  path_ = fmt::format("{}_{}_{:03}.json", prefix, stamp, now.tv_nsec / 1'000'000);
  const auto dir = std::filesystem::path(path_).parent_path();
  if (!dir.empty() && !std::filesystem::is_directory(dir))
    fail("profile_file_prefix \"{}\": directory {} does not exist", prefix, dir.string());
}

void Profiler::add(std::string e) {
  std::lock_guard lock(mutex_);
  if (ended_) return;
  if (events_.size() >= kMaxEvents) {
    ++dropped_;
    return;
  }
  events_.push_back(std::move(e));
}

void Profiler::session_event(const char* name, Clock::time_point begin, Clock::time_point end) {
  add(event("Session", name, micros(begin - start_), micros(end - begin), json::object()));
}

void Profiler::provider_event(std::string_view provider, const ep::TraceEvent& e) {
  add(event("Kernel", e.name, micros(e.begin - start_), micros(e.duration),
            {{"provider", provider}, {"stream", e.stream}}));
}

std::string Profiler::end() {
  std::lock_guard lock(mutex_);
  if (ended_) return path_;
  ended_ = true;
  std::FILE* f = std::fopen(path_.c_str(), "w");
  if (!f) fail(ErrorCode::kFail, "cannot write the profile {}", path_);
  std::fputs("[\n", f);
  for (size_t i = 0; i < events_.size(); ++i) std::fprintf(f, "%s%s", i ? ",\n" : "", events_[i].c_str());
  std::fputs("\n]\n", f);
  const bool good = std::ferror(f) == 0;
  if (std::fclose(f) != 0 || !good) fail(ErrorCode::kFail, "writing the profile {} failed", path_);
  events_.clear();
  return path_;
}

ProfileRun::~ProfileRun() {
  for (std::string& e : steps_.events) profiler_.add(std::move(e));
  for (Steps& lane : lanes_)
    for (std::string& e : lane.events) profiler_.add(std::move(e));
  const auto now = Profiler::Clock::now();
  const char* executor = lanes_.empty() ? "SequentialExecutor::Execute" : "ParallelExecutor::Execute";
  profiler_.session_event(executor, begin_, now);
  profiler_.session_event("model_run", begin_, now);
}

void ProfileRun::before(const exec::StepView& v) {
  steps_.before(v);
  if (inner_) inner_->before(v);
}

void ProfileRun::after(const exec::StepView& v) {
  if (inner_) inner_->after(v);
  steps_.after(v);
}

exec::Observer* ProfileRun::lane(size_t i) {
  if (inner_) return nullptr;
  while (lanes_.size() <= i) lanes_.emplace_back(profiler_);
  return &lanes_[i];
}

void ProfileRun::Steps::before(const exec::StepView&) { open_.push_back(Profiler::Clock::now()); }

void ProfileRun::Steps::after(const exec::StepView& v) {
  const auto end = Profiler::Clock::now();
  const auto begin = open_.back();
  open_.pop_back();
  const plan::Step& s = v.plan.steps[v.step];
  const graph::Node& n = v.plan.graph->node(s.node);
  size_t activation = 0, parameter = 0, output = 0;
  json in = json::array(), out = json::array();
  for (plan::SlotId id : v.plan.inputs(s)) {
    if (id == plan::kNoSlot || !v.slots[id].dim) continue;
    (v.plan.slots[id].kind == plan::SlotKind::kConstant ? parameter : activation) += v.slots[id].bytes();
    in.push_back(type_shape(v.slots[id]));
  }
  for (plan::SlotId id : v.plan.outputs(s)) {
    if (id == plan::kNoSlot || !v.slots[id].dim) continue;
    output += v.slots[id].bytes();
    out.push_back(type_shape(v.slots[id]));
  }
  json args = {{"op_name", n.op},
               {"provider", n.provider},
               {"node_index", std::to_string(s.node)},
               {"activation_size", std::to_string(activation)},
               {"parameter_size", std::to_string(parameter)},
               {"output_size", std::to_string(output)},
               {"input_type_shape", in},
               {"output_type_shape", out}};
  if (!n.provenance.empty()) {
    json names = json::array();
    for (uint32_t id : n.provenance) names.push_back(v.plan.graph->interned(id));
    args["tenon.model_nodes"] = names;
  }
  events.push_back(event("Node", n.name + "_kernel_time", micros(begin - profiler_.start_), micros(end - begin), args));
}

}  // namespace tenon::session
