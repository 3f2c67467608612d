// Files by system calls: openat2 and O_PATH so that nothing unwanted is ever opened for reading.
#include "base/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>

#include "base/error.h"
#include "base/pages.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

/// Closes on scope exit, unless released.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int release() {
    const int out = fd;
    fd = -1;
    return out;
  }
};

template <class Call>
auto retry(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

[[noreturn]] void fail_open(const fs::path& path, int error) {
  fail(ErrorCode::kNoSuchFile, "cannot open \"{}\": {}", path.string(), std::strerror(error));
}

void refuse_nul(const fs::path& path) {
  if (path.native().find('\0') != std::string::npos) fail("file name has a NUL byte");
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "of unknown kind";
}

struct stat regular(int fd, const fs::path& path) {
  struct stat s {};
  if (::fstat(fd, &s) != 0) fail_open(path, errno);
  if (!S_ISREG(s.st_mode))
    fail(ErrorCode::kNoSuchFile, "\"{}\" is {}, expected a regular file", path.string(), kind_of(s.st_mode));
  return s;
}

/// O_PATH has no effect on what it names: a FIFO does not block, a device does not move. The regular file behind it is
/// then opened through /proc, which cannot be swapped for another one; without /proc by name, and compared.
int reopen(int path_fd, const fs::path& path) {
  const struct stat expected = regular(path_fd, path);
  const std::string link = "/proc/self/fd/" + std::to_string(path_fd);
  int fd = retry([&] { return ::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY); });
  if (fd < 0 && errno == ENOENT)
    fd = retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); });
  if (fd < 0) fail_open(path, errno);
  Descriptor guard{fd};
  const struct stat found = regular(fd, path);
  if (found.st_dev != expected.st_dev || found.st_ino != expected.st_ino)
    fail(ErrorCode::kNoSuchFile, "\"{}\" was replaced while it was opened", path.string());
  return guard.release();
}

/// Where an open descriptor really is.
fs::path location(int fd) {
  std::string buffer(PATH_MAX, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), buffer.data(), buffer.size());
  if (n <= 0) return {};
  buffer.resize(static_cast<size_t>(n));
  return buffer;
}

bool lies_in(const fs::path& file, const fs::path& dir) {
  if (dir.empty()) return false;
  const auto [d, f] = std::mismatch(dir.begin(), dir.end(), file.begin(), file.end());
  (void)f;
  return d == dir.end() || (d->empty() && std::next(d) == dir.end());
}

}  // namespace

File File::open(const fs::path& path) {
  refuse_nul(path);
  const Descriptor at{retry([&] { return ::open(path.c_str(), O_PATH | O_CLOEXEC); })};
  if (at.fd < 0) fail_open(path, errno);
  return File(reopen(at.fd, path), path.string());
}

File File::open_inside(const fs::path& dir, const fs::path& relative, std::span<const fs::path> roots) {
  refuse_nul(relative);
  const fs::path path = dir / relative;
  const Descriptor base{retry([&] { return ::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); })};
  if (base.fd < 0) fail_open(dir, errno);
  struct open_how how {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  Descriptor at{
      static_cast<int>(retry([&] { return ::syscall(SYS_openat2, base.fd, relative.c_str(), &how, sizeof how); }))};
  if (at.fd >= 0) return File(reopen(at.fd, path), path.string());
  if (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ENAMETOOLONG) fail_open(path, errno);

  // A symlink or ".." leads out of `dir` (or the kernel has no openat2): decide by where the file really is.
  at.fd = retry([&] { return ::openat(base.fd, relative.c_str(), O_PATH | O_CLOEXEC); });
  if (at.fd < 0) fail_open(path, errno);
  const fs::path real = location(at.fd);
  const bool inside = lies_in(real, location(base.fd)) ||
                      std::any_of(roots.begin(), roots.end(), [&](const fs::path& r) { return lies_in(real, r); });
  if (real.empty() || !inside)
    fail(ErrorCode::kNoSuchFile, "\"{}\" lies outside the model's directory and the allowed directories",
         path.string());
  return File(reopen(at.fd, path), path.string());
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

uint64_t File::size() const { return static_cast<uint64_t>(regular(fd_, path_).st_size); }

std::shared_ptr<FileBytes> FileBytes::allocate(uint64_t size) {
  auto* p = static_cast<std::byte*>(size > SIZE_MAX ? nullptr
                                                    : ::operator new (size + 1, std::align_val_t{64}, std::nothrow));
  if (!p) fail_out_of_memory(size, "file contents");
  return std::shared_ptr<FileBytes>(new FileBytes(p, size, false));
}

/// Never destroyed: weights may die during process exit.
struct FileBytes::Mappings {
  ForkMutex mutex;
  std::map<Identity, std::weak_ptr<const FileBytes>> all;
};

FileBytes::Mappings& FileBytes::mappings() {
  static auto* m = new Mappings;
  return *m;
}

std::shared_ptr<const FileBytes> FileBytes::map(const File& file) {
  const struct stat s = regular(file.fd(), file.path());
  const auto size = static_cast<uint64_t>(s.st_size);
  if (size == 0) return allocate(0);
  const auto ns = [](const timespec& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
  };
  const Identity identity{s.st_dev, s.st_ino, size, ns(s.st_mtim), ns(s.st_ctim)};
  // Times tick every few milliseconds: a file that was written just now may be written again under the same time.
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const bool settled = ns(now) > ns(s.st_ctim) + 100'000'000 && ns(now) > ns(s.st_mtim) + 100'000'000;
  Mappings& known = mappings();
  std::unique_lock lock(known.mutex, std::defer_lock);
  if (settled) {
    lock.lock();
    if (const auto it = known.all.find(identity); it != known.all.end())
      if (auto held = it->second.lock()) return held;
  }
  void* p = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (p == MAP_FAILED) {
    if (errno == ENOMEM) fail_out_of_memory(size, "mapping a file");
    fail(ErrorCode::kFail, "cannot map \"{}\": {}", file.path(), std::strerror(errno));
  }
  std::shared_ptr<FileBytes> made(new FileBytes(static_cast<std::byte*>(p), size, true));
  if (settled) {
    made->identity_ = identity;
    known.all[identity] = made;
  }
  return made;
}

std::shared_ptr<const void> FileBytes::aligned(std::span<const std::byte> part) const {
  std::lock_guard lock(mutex_);
  auto& slot = copies_[{part.data(), part.size()}];
  if (auto held = slot.lock()) return held;
  void* p = allocate_block(part.size());
  if (!p) fail_out_of_memory(part.size(), "an aligned copy of a weight");
  if (!part.empty()) std::memcpy(p, part.data(), part.size());
  give_back(part);
  std::shared_ptr<const void> made(p, [n = part.size()](const void* q) { free_block(const_cast<void*>(q), n); });
  slot = made;
  return made;
}

void FileBytes::give_back(std::span<const std::byte> part) const noexcept {
  if (mapped_) discard_pages(const_cast<std::byte*>(part.data()), part.size());
}

std::shared_ptr<const FileBytes> FileBytes::read(const File& file, uint64_t offset, uint64_t length) {
  const uint64_t size = file.size();
  if (offset > size || length > size - offset)
    fail("\"{}\": {} bytes from offset {} expected, the file has {}", file.path(), length, offset, size);
  auto out = allocate(length);
  for (uint64_t done = 0; done < length;) {
    const size_t want = std::min<uint64_t>(length - done, uint64_t{1} << 30);
    const ssize_t n =
        retry([&] { return ::pread(file.fd(), out->data_ + done, want, static_cast<off_t>(offset + done)); });
    if (n < 0) fail(ErrorCode::kFail, "cannot read \"{}\": {}", file.path(), std::strerror(errno));
    if (n == 0) fail(ErrorCode::kFail, "\"{}\" became shorter while it was read", file.path());
    done += static_cast<uint64_t>(n);
  }
  return out;
}

std::shared_ptr<const FileBytes> FileBytes::copy(std::span<const std::byte> bytes) {
  auto out = allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out->data_);
  return out;
}

FileBytes::~FileBytes() {
  if (identity_) {
    std::lock_guard lock(mappings().mutex);
    const auto it = mappings().all.find(*identity_);
    if (it != mappings().all.end() && it->second.expired()) mappings().all.erase(it);
  }
  if (mapped_)
    ::munmap(data_, size_);
  else
    ::operator delete (data_, std::align_val_t{64});
}

fs::path real_path(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::canonical(path, error);
  return error ? fs::path() : out;
}

FileWriter::FileWriter(fs::path path) : path_(std::move(path)) {
  refuse_nul(path_);
  for (int attempt = 0; fd_ < 0; ++attempt) {
    temporary_ = path_.string() + ".tmp" + std::to_string(::getpid()) + "." + std::to_string(attempt);
    fd_ = retry([&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
    if (fd_ < 0 && (errno != EEXIST || attempt == 1000)) {
      temporary_.clear();
      fail(ErrorCode::kFail, "cannot write \"{}\": {}", path_.string(), std::strerror(errno));
    }
  }
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void FileWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t want = std::min<size_t>(bytes.size(), size_t{1} << 30);
    const ssize_t n = retry([&] { return ::write(fd_, bytes.data(), want); });
    if (n < 0) fail(ErrorCode::kFail, "cannot write \"{}\": {}", path_.string(), std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
    position_ += static_cast<uint64_t>(n);
  }
}

void FileWriter::commit() {
  const bool synced = ::fsync(fd_) == 0;
  const bool closed = ::close(fd_) == 0;
  fd_ = -1;
  if (!synced || !closed || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(ErrorCode::kFail, "cannot write \"{}\": {}", path_.string(), std::strerror(errno));
  temporary_.clear();
}

}  // namespace tenon
