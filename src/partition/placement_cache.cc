// Keys, the list in memory, files.
#include "partition/placement_cache.h"

#include <fstream>
#include <iterator>
#include <list>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/fork_mutex.h"
#include "graph/text.h"

namespace tenon::partition {
namespace placement_cache {
namespace {

constexpr const char* kFormat = "tenon placement 1";
constexpr size_t kMostFileBytes = size_t{64} << 20;

uint64_t fnv1a(std::string_view text, uint64_t h) {
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

/// Text of the graph in which large constants have their types only.
std::string shape_text(const graph::Graph& g) {
  constexpr size_t kSmall = 4096;
  const auto small = g.clone();
  for (graph::ValueId v = 0; v < small->value_limit(); ++v) {
    Value& data = small->edit_value(v).data;
    if (data && data.is_tensor() && data.dtype() != DType::kString && data.bytes() > kSmall)
      data = Value::tensor(DType::kUint8, Dims{0});
  }
  return graph::print(*small, false);
}

struct Kept {
  ForkMutex mutex;
  std::list<std::pair<std::string, std::string>> decisions;  ///< key, JSON; the latest first
};
Kept& kept() {
  static auto* k = new Kept;  // never destroyed: sessions may live to the end of the process
  return *k;
}

void remember(const std::string& key, std::string text) {
  constexpr size_t kMost = 256;
  Kept& k = kept();
  std::lock_guard lock(k.mutex);
  k.decisions.remove_if([&](const auto& d) { return d.first == key; });
  k.decisions.emplace_front(key, std::move(text));
  if (k.decisions.size() > kMost) k.decisions.pop_back();
}

std::string recall(const std::string& key) {
  Kept& k = kept();
  std::lock_guard lock(k.mutex);
  for (const auto& [name, text] : k.decisions)
    if (name == key) return text;
  return {};
}

std::filesystem::path file_of(const std::filesystem::path& dir, const std::string& key) {
  return dir / ("placement-" + key + ".json");
}

/// The decision inside a file; empty when it is none of this key.
std::string read(const std::filesystem::path& path, const std::string& key) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > kMostFileBytes) return {};
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const nlohmann::json j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object() || j.value("format", nlohmann::json()) != kFormat || j.value("key", nlohmann::json()) != key)
    return {};
  return j.contains("decision") ? j["decision"].dump() : std::string();
}

}  // namespace
}  // namespace placement_cache

std::string placement_key(const graph::Graph& g, std::string_view circumstances) {
  const std::string text = placement_cache::shape_text(g);
  const auto hash = [&](uint64_t seed) {
    return placement_cache::fnv1a(circumstances, placement_cache::fnv1a(text, seed));
  };
  return fmt::format("{:016x}{:016x}", hash(0xcbf29ce484222325u), hash(0x9e3779b97f4a7c15u));
}

std::shared_ptr<const Decision> cached_decision(const std::filesystem::path& dir, const std::string& key,
                                                const graph::Graph& g, const ep::Placed& p, const Logger& log) {
  if (const std::string text = placement_cache::recall(key); !text.empty()) {
    if (auto d = from_json(text, g, p)) {
      d->source = "cache of the process";
      return d;
    }
  }
  if (dir.empty()) return nullptr;
  const std::filesystem::path path = placement_cache::file_of(dir, key);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return nullptr;
  if (const std::string text = placement_cache::read(path, key); !text.empty()) {
    if (auto d = from_json(text, g, p)) {
      placement_cache::remember(key, text);
      d->source = "cache file " + path.string();
      return d;
    }
  }
  log.log(Severity::kWarning, "{} is no placement of this model: it is measured again", path.string());
  return nullptr;
}

void keep_decision(const std::filesystem::path& dir, const std::string& key, const Decision& d, const Logger& log) {
  const std::string text = to_json(d);
  placement_cache::remember(key, text);
  if (dir.empty()) return;
  const std::filesystem::path path = placement_cache::file_of(dir, key);
  try {
    const nlohmann::json j = {
        {"format", placement_cache::kFormat}, {"key", key}, {"decision", nlohmann::json::parse(text)}};
    const std::string whole = j.dump(1) + "\n";
    FileWriter file(path);
    file.write(std::as_bytes(std::span(whole)));
    file.commit();
  } catch (const std::exception& e) {
    log.log(Severity::kWarning, "the placement could not be kept in {}: {}", path.string(), e.what());
  }
}

void check_cache_dir(const std::filesystem::path& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (!std::filesystem::is_directory(dir, error))
    fail("tenon.cache_dir: \"{}\" found, expected a directory, or the name of one that can be made", dir.string());
}

}  // namespace tenon::partition
