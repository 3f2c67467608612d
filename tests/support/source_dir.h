// The root of the source tree, for tests that read committed data.
#pragma once

namespace tenon::test {
extern const char kSourceDir[];
}  // namespace tenon::test
