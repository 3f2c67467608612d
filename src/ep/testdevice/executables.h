// Executables of the test device: a node's kernel, a group's interpreter, in device memory and in a stream.
#pragma once
#include <memory>
#include <string>

#include "ep/compile.h"
#include "ep/testdevice/group.h"

namespace tenon::ep::testdevice {

struct State;

/// What a trace and a simulation say of one: its name, and the time that the table of costs gives it.
struct Work {
  std::string name;
  int64_t ns = 0;
};

/// `reads_host`: some operands or results lie in host memory, so nothing is left in a stream.
std::unique_ptr<const Executable> device_kernel(std::shared_ptr<State> state, Work work,
                                                std::unique_ptr<const ops::Kernel> kernel, bool reads_host);
std::unique_ptr<const Executable> device_group(std::shared_ptr<State> state, Work work,
                                               std::shared_ptr<const Interpreter> group);

}  // namespace tenon::ep::testdevice
