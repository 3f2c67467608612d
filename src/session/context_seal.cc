// The header of a context: magic, lengths, provider, version, size and hash of what follows. Numbers low byte first.
#include <cstring>

#include "base/error.h"
#include "base/value_data.h"
#include "graph/attr.h"
#include "onnx/wire.h"
#include "session/contexts.h"

namespace tenon::session {
namespace context_seal {
namespace {

constexpr std::string_view kMagic = "TENONCTX";

void put(std::string& out, uint64_t n) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(n >> shift & 0xff);
}
void put(std::string& out, std::string_view text) {
  put(out, text.size());
  out += text;
}

class Header {
 public:
  explicit Header(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::string_view take(uint64_t n, const char* what) {
    if (n > rest_.size()) fail(ErrorCode::kEpFail, "the context is too short: it ends in its {}", what);
    const auto part = rest_.first(n);
    rest_ = rest_.subspan(n);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  uint64_t number(const char* what) {
    const std::string_view part = take(8, what);
    uint64_t n = 0;
    for (size_t i = 0; i < 8; ++i) n |= uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    return n;
  }
  std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace
}  // namespace context_seal

uint64_t content_hash(std::string_view bytes) {
  const Dims dims = {static_cast<int64_t>(bytes.size())};
  return graph::hash_contents(ValueAccess::view(DType::kUint8, dims, const_cast<char*>(bytes.data())));
}

std::string seal(std::string_view provider, std::string_view version, std::string_view payload) {
  std::string out(context_seal::kMagic);
  context_seal::put(out, provider);
  context_seal::put(out, version);
  context_seal::put(out, payload.size());
  context_seal::put(out, content_hash(payload));
  out += payload;
  return out;
}

std::span<const std::byte> open_seal(std::span<const std::byte> sealed, std::string_view provider,
                                     std::string_view version) {
  context_seal::Header h(sealed);
  if (h.take(context_seal::kMagic.size(), "first bytes") != context_seal::kMagic)
    fail(ErrorCode::kEpFail, "the context does not begin with {}", context_seal::kMagic);
  if (const auto found = h.take(h.number("provider"), "provider"); found != provider)
    fail(ErrorCode::kEpFail, "the context is of {}, expected {}", onnx::quote_name(found), provider);
  if (const auto found = h.take(h.number("version"), "version"); found != version)
    fail(ErrorCode::kEpFail, "the context has version {}, the provider has {}: compile the model again",
         onnx::quote_name(found), onnx::quote_name(version));
  const uint64_t size = h.number("size"), hash = h.number("hash");
  if (h.rest().size() != size)
    fail(ErrorCode::kEpFail, "the context has {} bytes, its header says {}", h.rest().size(), size);
  if (content_hash({reinterpret_cast<const char*>(h.rest().data()), h.rest().size()}) != hash)
    fail(ErrorCode::kEpFail, "the bytes of the context are not those that were written: their hash differs");
  return h.rest();
}

}  // namespace tenon::session
