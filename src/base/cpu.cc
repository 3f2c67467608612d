// CPU features: which kernel table this machine runs, how many cores it has, what it is called.
#include "base/cpu.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#endif

#include "base/error.h"

namespace tenon {
namespace base::cpu {
namespace {

constexpr std::array kAll = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni};

Isa detect() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
    return Isa::kPortable;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512cd"))
    return Isa::kAvx2;
  return __builtin_cpu_supports("avx512vnni") ? Isa::kAvx512Vnni : Isa::kAvx512;
#else
  return Isa::kPortable;
#endif
}

Isa forced_or_detected() {
  const Isa best = detected_isa();
  const char* name = std::getenv("TENON_FORCE_ISA");
  if (!name || !*name) return best;
  for (Isa isa : kAll) {
    if (isa_name(isa) != name) continue;
    if (isa > best) fail("TENON_FORCE_ISA={}: this machine runs at most {}", name, isa_name(best).data());
    return isa;
  }
  fail("TENON_FORCE_ISA={}: expected portable, avx2, avx512 or avx512vnni", name);
}

bool runs_here(int cpu) {
#if defined(__linux__)
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
      for (int i = 0; i < CPU_SETSIZE; ++i) CPU_SET(i, &set);
    return set;
  }();
  return cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed);
#else
  return cpu >= 0;
#endif
}

// Distinct (package, core) pairs among the CPUs that this process may run on.
int count_cores() {
  std::set<std::pair<int, int>> cores;
  for (int cpu = 0; cpu < 4096; ++cpu) {
    const std::string dir = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    std::ifstream package(dir + "physical_package_id"), core(dir + "core_id");
    int p = 0, c = 0;
    if (!(package >> p) || !(core >> c)) {
      if (cpu > 0) break;  // the ids are dense, except for CPUs taken offline
      continue;
    }
    if (runs_here(cpu)) cores.insert({p, c});
  }
  if (!cores.empty()) return static_cast<int>(cores.size());
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string describe() {
  std::string name = "unknown CPU";
  bool amx = false;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (line.rfind("model name", 0) == 0) name = line.substr(colon + 2);
    if (line.rfind("flags", 0) == 0) {
      amx = line.find(" amx_tile") != std::string::npos;
      break;
    }
  }
  return name + ", " + std::string(isa_name(detected_isa())) + (amx ? ", AMX" : ", no AMX");
}

}  // namespace
}  // namespace base::cpu

std::string_view isa_name(Isa isa) noexcept {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512vnni";
  }
  return "?";
}

Isa detected_isa() noexcept {
  static const Isa isa = base::cpu::detect();
  return isa;
}

Isa active_isa() {
  static const Isa isa = base::cpu::forced_or_detected();
  return isa;
}

std::span<const Isa> runnable_isas() noexcept {
  return {base::cpu::kAll.data(), static_cast<size_t>(detected_isa()) + 1};
}

int physical_cores() noexcept {
  static const int cores = base::cpu::count_cores();
  return cores;
}

std::string_view cpu_description() noexcept {
  static const std::string& text = *new std::string(base::cpu::describe());  // never destroyed: usable at exit
  return text;
}

}  // namespace tenon
