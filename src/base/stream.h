// Stream: an ordered queue of work on a device.
#pragma once

namespace tenon {

/// Work given to one stream runs in the order given, later than the call that gave it. One stream belongs to one run at
/// a time.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Returns when all work is done; throws the first error that it met, and forgets it.
  virtual void synchronize() = 0;
};

}  // namespace tenon
