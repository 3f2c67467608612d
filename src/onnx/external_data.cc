// External data: keys, numbers and containment.
#include "onnx/external_data.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace tenon::onnx {
namespace {

namespace fs = std::filesystem;

uint64_t number(std::string_view key, std::string_view text) {
  uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size())
    fail(ErrorCode::kInvalidGraph, "external data: {} is {}, expected a number of bytes", key, quote_name(text));
  return v;
}

struct Place {
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

void check_location(std::string_view location) {
  if (location.empty()) fail(ErrorCode::kInvalidGraph, "external data: no location is given");
  if (location.find('\0') != std::string_view::npos)
    fail(ErrorCode::kInvalidGraph, "external data: location {} has a NUL byte", quote_name(location));
  if (fs::path(location).is_absolute())
    fail(ErrorCode::kInvalidGraph, "external data: location {} is absolute, expected a path relative to the model",
         quote_name(location));
}

}  // namespace

ExternalFiles::ExternalFiles(fs::path dir, const fs::path& real_model, const LoadOptions& options)
    : dir_(std::move(dir)), weights_(options.weights), logger_(options.logger), in_memory_(options.external) {
  if (in_memory_)
    for (const auto& [location, bytes] : in_memory_->files)
      mapped_.emplace(location, FileBytes::copy({static_cast<const std::byte*>(bytes.data()), bytes.bytes()}));
  if (!real_model.empty()) roots_.push_back(real_model.parent_path());
  for (const fs::path& allowed : options.allowed_dirs) {
    const fs::path real = real_path(allowed);
    if (!real.empty()) roots_.push_back(real);
  }
}

void ExternalFiles::warn_key(std::string_view key) {
  if (std::find(warned_.begin(), warned_.end(), key) != warned_.end() || warned_.size() > 20) return;
  warned_.emplace_back(key);
  if (logger_) logger_->log(Severity::kWarning, "external data: key {} is not known and ignored", quote_name(key));
}

Value ExternalFiles::given(std::string_view name) const {
  if (!in_memory_) return {};
  const auto it = in_memory_->tensors.find(std::string(name));
  if (it == in_memory_->tensors.end()) return {};
  in_memory_->used.insert(it->first);
  return it->second;
}

File ExternalFiles::open(std::string_view location) const {
  check_location(location);
  if (dir_.empty())
    fail("external data: the model was given as bytes and refers to file {}; give the directory of its data",
         quote_name(location));
  return File::open_inside(dir_, fs::path(location), roots_);
}

std::shared_ptr<const FileBytes> ExternalFiles::file(std::string_view location) {
  if (const auto it = mapped_.find(location); it != mapped_.end()) return it->second;
  const File f = open(location);
  return weights_ == Weights::kMapped ? FileBytes::map(f) : FileBytes::read(f, 0, f.size());
}

ExternalFiles::Piece ExternalFiles::find(const TensorView& t, uint64_t size) {
  Place p;
  uint32_t seen = 0;
  for (const Entry& e : t.external_data) {
    static constexpr std::string_view kKeys[] = {"location", "offset", "length", "checksum"};
    const auto* key = std::find(std::begin(kKeys), std::end(kKeys), e.first);
    if (key == std::end(kKeys)) {
      warn_key(e.first);
      continue;
    }
    const uint32_t bit = 1u << (key - kKeys);
    if (seen & bit) fail(ErrorCode::kInvalidGraph, "external data: key {} occurs twice", quote_name(e.first));
    seen |= bit;
    if (e.first == "location") p.location = e.second;
    if (e.first == "offset") p.offset = number(e.first, e.second);
    if (e.first == "length") p.length = number(e.first, e.second);
  }
  check_location(p.location);
  if (p.length && *p.length != size)
    fail(ErrorCode::kInvalidGraph, "external data: length {} found, shape and type need {} bytes", *p.length, size);
  const auto check = [&](uint64_t file_size) {
    if (p.offset > file_size || size > file_size - p.offset)
      fail(ErrorCode::kInvalidGraph, "external data: {} bytes from offset {} expected, file {} has {}", size, p.offset,
           quote_name(p.location), file_size);
  };
  auto it = mapped_.find(p.location);
  if (weights_ == Weights::kMapped || it != mapped_.end()) {
    if (it == mapped_.end()) it = mapped_.emplace(p.location, FileBytes::map(open(p.location))).first;
    check(it->second->bytes().size());
    return {it->second->bytes().subspan(p.offset, size), it->second};
  }
  if (!last_ || last_location_ != p.location) {
    last_.reset();
    last_.emplace(open(p.location));
    last_location_ = p.location;
  }
  check(last_->size());
  auto bytes = FileBytes::read(*last_, p.offset, size);
  return {bytes->bytes(), bytes};
}

}  // namespace tenon::onnx
