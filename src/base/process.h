// Ids of the running process and thread, as the kernel numbers them: for traces.
#pragma once
#include <cstdint>

namespace tenon {

int64_t process_id() noexcept;
int64_t thread_id() noexcept;

}  // namespace tenon
