// zip.cc: the archive around .npz: central directory, zip64 sizes, stored and deflated members.
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "files.h"

namespace tenon::cli {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr uint64_t k32 = 0xffffffff;
constexpr size_t kEndSize = 22, kLocatorSize = 20;
constexpr uint64_t kMaxRatio = 1100;  // deflate's limit is 1032

class Archive {
 public:
  Archive(std::string_view bytes, const std::string& where) : b_(bytes), where_(where) {}

  template <class T>
  T at(uint64_t offset) const {
    T v;
    std::memcpy(&v, range(offset, sizeof v).data(), sizeof v);
    return v;
  }
  std::string_view range(uint64_t offset, uint64_t size) const {
    if (offset > b_.size() || size > b_.size() - offset) bad("it is cut off");
    return b_.substr(offset, size);
  }
  uint64_t end_record() const {
    if (b_.size() < kEndSize) bad("it is too short");
    const uint64_t stop = b_.size() < 65557 ? 0 : b_.size() - 65557;  // a comment has at most 65535 bytes
    for (uint64_t i = b_.size() - kEndSize + 1; i-- > stop;)
      if (at<uint32_t>(i) == kEnd) return i;
    bad("it has no central directory");
  }
  [[noreturn]] void bad(const char* why) const {
    fail(ErrorCode::kInvalidArgument, "{}: expected a zip archive (.npz): {}", where_, why);
  }
  const std::string& where() const { return where_; }

 private:
  std::string_view b_;
  const std::string& where_;
};

struct Entry {
  std::string name;
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed, size, local;
};

// Values of 0xffffffff in the entry stand in its zip64 extra field, in this order.
void read_zip64(const Archive& a, uint64_t extra, uint64_t length, Entry& e) {
  for (uint64_t end = extra + length; extra + 4 <= end;) {
    const auto id = a.at<uint16_t>(extra), size = a.at<uint16_t>(extra + 2);
    uint64_t p = extra + 4;
    const uint64_t stop = p + size;
    if (id == 1)
      for (uint64_t* field : {&e.size, &e.packed, &e.local})
        if (*field == k32 && p + 8 <= stop) {
          *field = a.at<uint64_t>(p);
          p += 8;
        }
    extra = stop;
  }
}

std::string inflate_raw(const Archive& a, std::string_view packed, uint64_t size, const std::string& name) {
  if (size / kMaxRatio > packed.size()) a.bad("a member claims more bytes than its data can give");
  std::string out(size, '\0');
  z_stream z{};
  if (inflateInit2(&z, -MAX_WBITS) != Z_OK) fail_out_of_memory(size, "a zip member");
  size_t in = 0, done = 0;
  int code = Z_OK;
  constexpr size_t kStep = size_t{1} << 30;  // zlib counts in 32 bits
  while (code == Z_OK) {
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + in));
    z.avail_in = static_cast<uInt>(std::min(kStep, packed.size() - in));
    z.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    z.avail_out = static_cast<uInt>(std::min(kStep, out.size() - done));
    const uInt in0 = z.avail_in, out0 = z.avail_out;
    code = inflate(&z, Z_NO_FLUSH);
    in += in0 - z.avail_in;
    done += out0 - z.avail_out;
    if (code == Z_OK && in0 == z.avail_in && out0 == z.avail_out) break;
  }
  inflateEnd(&z);
  if (code != Z_STREAM_END || done != size)
    fail("{}: member '{}': its compressed data does not give the {} bytes that it should", a.where(), name, size);
  return out;
}

uint32_t crc_of(std::string_view s) {
  uLong crc = crc32(0, nullptr, 0);
  for (size_t at = 0; at < s.size();) {
    const size_t n = std::min<size_t>(s.size() - at, size_t{1} << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(s.data() + at), static_cast<uInt>(n));
    at += n;
  }
  return static_cast<uint32_t>(crc);
}

template <class T>
void put(std::string& out, T v) {
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_zip(std::string_view bytes, const std::string& where) {
  const Archive a(bytes, where);
  const uint64_t end = a.end_record();
  uint64_t count = a.at<uint16_t>(end + 10), at = a.at<uint32_t>(end + 16);
  if ((count == 0xffff || at == k32) && end >= kLocatorSize && a.at<uint32_t>(end - kLocatorSize) == kLocator64) {
    const auto end64 = a.at<uint64_t>(end - kLocatorSize + 8);
    if (a.at<uint32_t>(end64) != kEnd64) a.bad("its zip64 directory is broken");
    count = a.at<uint64_t>(end64 + 32);
    at = a.at<uint64_t>(end64 + 48);
  }
  std::vector<std::pair<std::string, std::string>> out;
  for (uint64_t i = 0; i < count; ++i) {
    if (a.at<uint32_t>(at) != kCentral) a.bad("its central directory is broken");
    const uint64_t names = a.at<uint16_t>(at + 28), extra = a.at<uint16_t>(at + 30), comment = a.at<uint16_t>(at + 32);
    Entry e{std::string(a.range(at + 46, names)),
            a.at<uint16_t>(at + 8),
            a.at<uint16_t>(at + 10),
            a.at<uint32_t>(at + 16),
            a.at<uint32_t>(at + 20),
            a.at<uint32_t>(at + 24),
            a.at<uint32_t>(at + 42)};
    read_zip64(a, at + 46 + names, extra, e);
    at += 46 + names + extra + comment;
    if (a.at<uint32_t>(e.local) != kLocal) a.bad("a member is not where the directory says");
    if (e.flags & 1) fail("{}: member '{}' is encrypted", where, e.name);
    const uint64_t data = e.local + 30 + a.at<uint16_t>(e.local + 26) + a.at<uint16_t>(e.local + 28);
    const std::string_view packed = a.range(data, e.packed);
    std::string content;
    if (e.method == 0)
      content = packed;
    else if (e.method == 8)
      content = inflate_raw(a, packed, e.size, e.name);
    else
      fail(ErrorCode::kNotImplemented, "{}: member '{}': compression method {}; stored and deflate are known", where,
           e.name, e.method);
    if (content.size() != e.size || crc_of(content) != e.crc)
      fail("{}: member '{}': its bytes do not match its checksum", where, e.name);
    out.emplace_back(std::move(e.name), std::move(content));
  }
  return out;
}

std::string format_zip(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out, directory;
  constexpr uint16_t kVersion = 20, kDate = (1 << 5) | 1;  // 1980-01-01: the same values give the same file
  for (const auto& member : members) {
    const std::string &name = member.first, &content = member.second;
    if (content.size() >= k32 || out.size() + content.size() >= k32)
      fail(ErrorCode::kNotImplemented, ".npz files of 4 GB and more are not written");
    const auto head = [&](std::string& s) {  // the fields that both records have in a row
      put(s, kVersion);
      put(s, uint16_t{0x800});  // names are UTF-8
      put(s, uint16_t{0});
      put(s, uint16_t{0});
      put(s, kDate);
      put(s, crc_of(content));
      put(s, static_cast<uint32_t>(content.size()));
      put(s, static_cast<uint32_t>(content.size()));
      put(s, static_cast<uint16_t>(name.size()));
      put(s, uint16_t{0});
    };
    put(directory, kCentral);
    put(directory, kVersion);
    head(directory);
    directory.append(10, '\0');  // comment length, disk, attributes: 2 + 2 + 2 + 4
    put(directory, static_cast<uint32_t>(out.size()));
    directory += name;
    put(out, kLocal);
    head(out);
    out += name;
    out += content;
  }
  const uint64_t start = out.size();
  if (start + directory.size() >= k32 || members.size() >= 0xffff)
    fail(ErrorCode::kNotImplemented, ".npz files of 4 GB and more are not written");
  out += directory;
  put(out, kEnd);
  put(out, uint32_t{0});
  put(out, static_cast<uint16_t>(members.size()));
  put(out, static_cast<uint16_t>(members.size()));
  put(out, static_cast<uint32_t>(directory.size()));
  put(out, static_cast<uint32_t>(start));
  put(out, uint16_t{0});
  return out;
}

}  // namespace tenon::cli
