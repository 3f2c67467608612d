// Placed: what partitioning hands to the planner.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ep/provider.h"

namespace tenon::ep {

/// A provider of a session under its key: its name, and ":1", ":2" ... for further instances.
struct Instance {
  std::string key;
  Provider* provider;
};

/// Providers in priority order, and the executables of compiled groups and copies by node.
struct Placed {
  std::vector<Instance> providers;
  std::unordered_map<graph::NodeId, std::shared_ptr<const Executable>> executables;

  Provider* find(std::string_view key) const {
    for (const Instance& i : providers)
      if (i.key == key) return i.provider;
    return nullptr;
  }
};

}  // namespace tenon::ep
