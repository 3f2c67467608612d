// The root of the source tree, for tests that read committed data; where the build puts the libraries of tests/plugins.
#pragma once

namespace tenon::test {
extern const char kSourceDir[];
extern const char kPluginDir[];
}  // namespace tenon::test
