// Executables of the test device: a node's kernel, a group's interpreter, in device memory and in a stream.
#pragma once
#include <memory>
#include <string>

#include "ep/compile.h"
#include "ep/testdevice/group.h"

namespace tenon::ep::testdevice {

struct State;

/// `reads_host`: some operands or results lie in host memory, so nothing is left in a stream.
std::unique_ptr<const Executable> device_kernel(std::shared_ptr<State> state, std::string name,
                                                std::unique_ptr<const ops::Kernel> kernel, bool reads_host);
std::unique_ptr<const Executable> device_group(std::shared_ptr<State> state, std::string name,
                                               std::shared_ptr<const Interpreter> group);

}  // namespace tenon::ep::testdevice
