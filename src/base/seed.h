// Seeds of random operators that the model gives none.
#pragma once
#include <cstdint>

namespace tenon {

/// Restarts the sequence that next_seed() draws from; without it the sequence starts at a number of the system's.
void set_default_seed(uint64_t seed) noexcept;
/// The next seed of the process; no two calls give the same one between two set_default_seed. Thread-safe.
uint64_t next_seed() noexcept;

}  // namespace tenon
