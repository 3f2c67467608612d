// CPU features and the instruction set that kernels use.
#pragma once
#include <span>
#include <string_view>

namespace tenon {

/// Levels of the kernel tables, each including the ones before.
enum class Isa : int { kPortable = 0, kAvx2 = 1, kAvx512 = 2, kAvx512Vnni = 3 };

std::string_view isa_name(Isa isa) noexcept;  ///< "portable", "avx2", "avx512", "avx512vnni"
/// Best level this machine can run.
Isa detected_isa() noexcept;
/// detected_isa(), lowered by the environment variable TENON_FORCE_ISA (read once); an unknown name or a level that the
/// machine lacks raises kInvalidArgument.
Isa active_isa();
/// All levels up to detected_isa(): what tests iterate over.
std::span<const Isa> runnable_isas() noexcept;
int physical_cores() noexcept;
/// "AMD EPYC ..., avx512vnni, no AMX": for reports and benchmarks.
std::string_view cpu_description() noexcept;

}  // namespace tenon
