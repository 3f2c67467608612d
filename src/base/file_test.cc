// Files: containment, refusals, whole writes.
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "support/temporary_dir.h"
#include "tenon/error.h"

namespace tenon::file_test {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDir;

std::string text(const FileBytes& b) { return {reinterpret_cast<const char*>(b.bytes().data()), b.bytes().size()}; }
std::string refused(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(File, MapsAndReads) {
  const TemporaryDir dir;
  dir.write("a", "hello");
  dir.write("empty", "");
  const File f = File::open(dir.path() / "a");
  EXPECT_EQ(f.size(), 5u);
  EXPECT_EQ(text(*FileBytes::map(f)), "hello");
  EXPECT_EQ(text(*FileBytes::read(f, 1, 3)), "ell");
  EXPECT_EQ(FileBytes::map(File::open(dir.path() / "empty"))->bytes().size(), 0u);
  EXPECT_NE(refused([&] { FileBytes::read(f, 3, 3); }).find("the file has 5"), std::string::npos);
  EXPECT_NE(refused([&] { FileBytes::read(f, UINT64_MAX, 2); }), "");
}

TEST(File, OpensOnlyRegularFiles) {
  const TemporaryDir dir;
  ASSERT_EQ(::mkfifo((dir.path() / "fifo").c_str(), 0600), 0);
  fs::create_directory(dir.path() / "dir");
  const struct {
    fs::path path;
    const char* expected;
  } kCases[] = {{dir.path() / "fifo", "a FIFO"},
                {dir.path() / "dir", "a directory"},
                {"/dev/zero", "a device"},
                {dir.path() / "none", "No such file"},
                {fs::path(std::string("a\0b", 3)), "NUL"}};
  for (const auto& c : kCases) {
    const std::string e = refused([&] { File::open(c.path); });
    EXPECT_NE(e.find(c.expected), std::string::npos) << c.path << ": " << e;
  }
}

TEST(File, StaysInsideTheDirectory) {
  const TemporaryDir outside, dir;
  outside.write("secret", "no");
  fs::create_directories(dir.path() / "model" / "sub");
  dir.write("beside", "no");
  dir.write("model/weights", "yes");
  dir.write("model/sub/weights", "yes");
  const fs::path model = dir.path() / "model";
  fs::create_symlink("sub/weights", model / "link_in");
  fs::create_symlink("../beside", model / "link_out");
  fs::create_symlink(outside.path(), model / "link_dir");
  fs::create_symlink(model / "sub", model / "absolute_in");
  ::mkfifo((model / "fifo").c_str(), 0600);
  const auto open = [&](const char* name, std::vector<fs::path> roots = {}) {
    return text(*FileBytes::map(File::open_inside(model, name, roots)));
  };
  for (const char* good : {"weights", "sub/weights", "./sub/../weights", "link_in", "absolute_in/weights"})
    EXPECT_EQ(open(good), "yes") << good;
  for (const char* bad : {"../beside", "sub/../../beside", "link_out", "link_dir/secret", "/etc/passwd",
                          "/proc/self/mem", "fifo", "sub", "", "..", "../model2/x"})
    EXPECT_NE(refused([&] { open(bad); }), "") << bad;
  EXPECT_EQ(open("link_dir/secret", {real_path(outside.path())}), "no");
  EXPECT_EQ(open("link_out", {real_path(dir.path())}), "no");
  // A root is a directory, not a prefix of names.
  fs::create_directory(dir.path() / "model2");
  dir.write("model2/x", "no");
  fs::create_symlink("../model2/x", model / "sibling");
  EXPECT_NE(refused([&] { open("sibling"); }), "");
}

TEST(FileWriter, WholeOrNotAtAll) {
  const TemporaryDir dir;
  dir.write("out", "old");
  const std::string text = "new";
  {
    FileWriter w(dir.path() / "out");
    w.write(std::as_bytes(std::span(text)));
    EXPECT_EQ(w.position(), 3u);
  }
  EXPECT_EQ(dir.read("out"), "old");
  FileWriter w(dir.path() / "out");
  w.write(std::as_bytes(std::span(text)));
  w.commit();
  EXPECT_EQ(dir.read("out"), "new");
  EXPECT_EQ(dir.entries(), 1);
  EXPECT_NE(refused([&] { FileWriter(dir.path() / "none" / "out"); }).find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace tenon::file_test
