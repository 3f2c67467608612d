// Sizes from text, then values.
#include "session/example_feeds.h"

#include <charconv>
#include <cstring>
#include <set>

#include "base/dtype.h"
#include "base/error.h"
#include "session/random_values.h"

namespace tenon::session {

std::map<std::string, int64_t> parse_dims(const std::string& text) {
  std::map<std::string, int64_t> sizes;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string piece = text.substr(at, end - at);
    const size_t colon = piece.rfind(':');
    int64_t size = 0;
    const char* last = piece.data() + piece.size();
    const bool number = colon != std::string::npos && colon > 0 &&
                        std::from_chars(piece.data() + colon + 1, last, size).ptr == last && colon + 1 < piece.size();
    if (!number || size < 1 || size > INT32_MAX)
      fail("tenon.placement_dims: \"{}\" found, expected NAME:SIZE,NAME:SIZE..., as in batch:4,seq:128", piece);
    sizes[piece.substr(0, colon)] = size;
    at = end + 1;
  }
  return sizes;
}

std::vector<Value> example_feeds(const graph::Graph& g, const std::map<std::string, int64_t>& sizes, bool zeros) {
  std::set<std::string> names;
  for (graph::ValueId v : g.region().args)
    for (int64_t d : g.type(v).dims)
      if (is_symbol(d)) names.insert(g.symbols().to_string(d));
  for (const auto& [name, size] : sizes) {
    if (names.contains(name)) continue;
    std::string known;
    for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
    fail("tenon.placement_dims: the inputs have no dimension \"{}\"; they have {}", name,
         known.empty() ? "none with a name" : known);
  }
  RandomValues random(1);
  std::vector<Value> feeds;
  for (graph::ValueId v : g.region().args) {
    const graph::ValueInfo& info = g.value(v);
    const ValueType& t = info.type;
    if (info.data) {
      feeds.push_back(info.data);
    } else if (t.kind == ValueKind::kOptional) {
      feeds.push_back(Value::optional({}));
    } else if (!t.is_tensor() || !t.has_rank) {
      fail(ErrorCode::kNotImplemented, "input '{}' ({}) has no example value", info.name, onnx_type_string(t));
    } else {
      Dims dims = t.dims;
      for (int64_t& d : dims) {
        if (!is_symbol(d)) continue;
        const auto it = sizes.find(g.symbols().to_string(d));
        d = it == sizes.end() ? 1 : it->second;
      }
      feeds.push_back(random.tensor(t.elem, dims, info.name));
      if (zeros && is_int(t.elem)) std::memset(feeds.back().mutable_data(), 0, feeds.back().bytes());
    }
  }
  return feeds;
}

}  // namespace tenon::session
