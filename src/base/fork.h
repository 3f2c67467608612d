// fork_generation: tells a child after fork() that the threads of its parent are not there.
#pragma once

namespace tenon {

/// The number of forks between the first call in this line of processes and now. Whoever starts threads keeps the value
/// of that time: when it differs, the threads were the parent's, and what they may hold (a mutex under a condition
/// variable) can be neither locked nor destroyed, only left behind.
int fork_generation() noexcept;

}  // namespace tenon
