// Options of the test device, as provider options spell them.
#pragma once
#include <map>
#include <set>
#include <string>

#include "ep/testdevice/costs.h"

namespace tenon::ep::testdevice {

/// Where a fault can be asked for.
enum class Site : int { kCapability, kCompile, kKernel, kCopy, kAlloc, kRunStart, kRunEnd, kSync, kNone };

struct Options {
  int device_id = 0;
  std::set<std::string> ops;     ///< "Conv,Relu"; empty: every op
  std::set<std::string> except;  ///< ops that it refuses
  double share = 1;              ///< of the nodes that it could claim, drawn by `seed`
  uint64_t seed = 0;
  bool fuse = true;                     ///< compiled groups; false: single kernels
  bool async = false;                   ///< a stream per run
  bool nhwc = false;                    ///< layout=NHWC: prefers channels last
  std::set<std::string> layout_except;  ///< ops that it refuses in that layout
  int delay_us = 0;                     ///< before every kernel; may change during runs (dynamic option)
  int max_delay_us = 0;                 ///< random delay before each task of a stream
  bool peer = false;                    ///< copies directly to and from other test devices
  bool host_shapes = false;             ///< integer operands of shape-like ops are read on the host
  Site fault = Site::kNone;             ///< "kernel:3": the third kernel fails; "kernel" the first
  int fault_at = 1;
  /// "costs" of its own ops, "host_costs" of the default provider's in the same simulation, "copy_cost" of its copies.
  Costs costs;

  /// Throws kInvalidArgument naming an unknown key or a wrong value.
  static Options parse(const std::map<std::string, std::string>& text);
};

}  // namespace tenon::ep::testdevice
