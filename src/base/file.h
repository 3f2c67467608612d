// Files: open without side effects, then fstat; bytes mapped or read; writes that appear whole or not at all.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fork_mutex.h"

namespace tenon {

/// Descriptor of an open regular file; anything else (directory, device, FIFO, socket) is refused on the descriptor.
/// Errors: kNoSuchFile when it cannot be opened or is not regular, kInvalidArgument for names with a NUL byte.
class File {
 public:
  static File open(const std::filesystem::path& path);
  /// Opens dir/relative when the file that is reached, symlinks resolved, lies in `dir` or in one of `roots` (real
  /// paths). No file outside them is opened for reading.
  static File open_inside(const std::filesystem::path& dir, const std::filesystem::path& relative,
                          std::span<const std::filesystem::path> roots);
  File(File&& o) noexcept : fd_(o.fd_), path_(std::move(o.path_)) { o.fd_ = -1; }
  File& operator=(File&&) = delete;
  ~File();

  uint64_t size() const;  ///< now, by fstat
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

/// Bytes of a whole file, or of a copy in memory; shared by everything that points into them.
class FileBytes {
 public:
  /// Maps the file read-only. It must not shrink while the object lives (a read past the new end raises SIGBUS). While
  /// a mapping of the same, unchanged file lives (device, inode, size, times), that one is returned.
  static std::shared_ptr<const FileBytes> map(const File& file);
  /// Copies bytes [offset, offset + length) into memory; an error when the file has become shorter.
  static std::shared_ptr<const FileBytes> read(const File& file, uint64_t offset, uint64_t length);
  static std::shared_ptr<const FileBytes> copy(std::span<const std::byte> bytes);
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  bool mapped() const { return mapped_; }
  /// Whether the address of a part identifies its contents while this object lives: a mapping that others share.
  bool shared() const { return identity_.has_value(); }
  /// A copy of a part of these bytes, 64-byte aligned; one per part and process while somebody holds it.
  std::shared_ptr<const void> aligned(std::span<const std::byte> part) const;
  /// The memory behind a part goes back to the system when it is a mapping; reading it brings it back.
  void give_back(std::span<const std::byte> part) const noexcept;

 private:
  /// device, inode, size, and the times of change of contents and of inode in ns
  using Identity = std::array<uint64_t, 5>;
  struct Mappings;
  static Mappings& mappings();
  FileBytes(std::byte* data, size_t size, bool mapped) : data_(data), size_(size), mapped_(mapped) {}
  static std::shared_ptr<FileBytes> allocate(uint64_t size);
  std::byte* data_;
  size_t size_;
  bool mapped_;
  std::optional<Identity> identity_;
  mutable OwnedForkMutex mutex_;
  mutable std::map<std::pair<const std::byte*, size_t>, std::weak_ptr<const void>> copies_;
};

/// The real path of a directory or file (symlinks resolved); empty when it does not exist.
std::filesystem::path real_path(const std::filesystem::path& path);

/// Writes a file under a temporary name in the same directory; commit() makes it appear under its own name, the
/// destructor removes what was not committed. Throws kFail with the system's reason.
class FileWriter {
 public:
  explicit FileWriter(std::filesystem::path path);
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();
  void write(std::span<const std::byte> bytes);
  uint64_t position() const { return position_; }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
  uint64_t position_ = 0;
};

}  // namespace tenon
