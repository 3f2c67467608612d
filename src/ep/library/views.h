// Views of a graph as providers from outside see it.
#pragma once
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "ops/plugin.h"
#include "tenon/provider.h"

namespace tenon::ep::library {

class Views;

class Value final : public plugin::ValueView {
 public:
  Value(Views& views, graph::ValueId id) : views_(views), id_(id) {}
  std::string_view name() const override;
  ValueKind kind() const override;
  plugin::TensorType type() const override;
  std::optional<plugin::TensorView> constant() const override;
  const plugin::NodeView* producer() const override;
  std::vector<const plugin::NodeView*> users() const override;
  bool is_output() const override;

 private:
  Views& views_;
  graph::ValueId id_;
};

class Node final : public plugin::NodeView {
 public:
  Node(Views& views, graph::NodeId id) : views_(views), id_(id) {}
  plugin::NodeId id() const override { return id_; }
  std::string_view name() const override { return node().name; }
  std::string_view op() const override { return node().op; }
  std::string_view domain() const override { return node().domain; }
  int since_version() const override { return node().since_version; }
  const plugin::Attributes& attributes() const override;
  size_t num_inputs() const override { return node().operands().size(); }
  size_t num_outputs() const override { return node().outputs.size(); }
  const plugin::ValueView* input(size_t i) const override;
  const plugin::ValueView* output(size_t j) const override;
  std::vector<std::pair<std::string, const plugin::GraphView*>> subgraphs() const override;
  std::vector<const plugin::ValueView*> captures() const override;

 private:
  const graph::Node& node() const;
  Views& views_;
  graph::NodeId id_;
  mutable std::optional<ops::PluginAttributes> attributes_;
};

class Region final : public plugin::GraphView {
 public:
  Region(Views& views, graph::RegionId id);
  std::string_view name() const override;
  std::span<const plugin::NodeView* const> nodes() const override { return nodes_; }
  std::span<const plugin::ValueView* const> inputs() const override { return inputs_; }
  std::span<const plugin::ValueView* const> outputs() const override { return outputs_; }
  std::string text(plugin::Dim d) const override;

 private:
  Views& views_;
  graph::RegionId id_;
  std::vector<const plugin::NodeView*> nodes_;
  std::vector<const plugin::ValueView*> inputs_, outputs_;
};

/// Makes the views of a graph's parts when they are asked for, and keeps them.
class Views {
 public:
  explicit Views(const graph::Graph& g) : graph(g) {}
  const Value* value(graph::ValueId v) { return v == graph::kNone ? nullptr : made(values_, v); }
  const Node* node(graph::NodeId n) { return n == graph::kNone ? nullptr : made(nodes_, n); }
  const Region& region(graph::RegionId r) { return *made(regions_, r); }

  const graph::Graph& graph;

 private:
  template <class T>
  const T* made(std::unordered_map<uint32_t, T>& all, uint32_t id) {
    return &all.try_emplace(id, *this, id).first->second;
  }
  std::unordered_map<uint32_t, Value> values_;
  std::unordered_map<uint32_t, Node> nodes_;
  std::unordered_map<uint32_t, Region> regions_;
};

}  // namespace tenon::ep::library
