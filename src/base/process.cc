// Ids of the running process and thread.
#include "base/process.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace tenon {

int64_t process_id() noexcept { return getpid(); }
int64_t thread_id() noexcept { return syscall(SYS_gettid); }

}  // namespace tenon
