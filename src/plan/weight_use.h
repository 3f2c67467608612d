// WeightUse: which constants kernels read only through packed copies, so that the originals can go.
#pragma once
#include <unordered_map>
#include <vector>

#include "base/pack_store.h"
#include "graph/graph.h"

namespace tenon::plan {

/// Stands between the kernels of one graph and the store while they are made.
class WeightUse final : public PackStore {
 public:
  WeightUse(const graph::Graph& g, PackStore& store, int handles) : g_(g), store_(store), handles_(handles) {}
  std::shared_ptr<const void> packed(const Value& weight, std::string_view kind, size_t bytes,
                                     FunctionRef<void(void*)> fill) override;
  /// To be called when the kernel of node `n` was made: memory of constants whose last reader it was, and that all
  /// readers have packed, is given back.
  void made(graph::NodeId n);
  /// No kernel reads the bytes of this constant.
  bool is_packed(graph::ValueId v) const;

 private:
  const graph::Graph& g_;
  PackStore& store_;
  const int handles_;                  ///< see PlanOptions::weight_handles
  std::vector<const ValueData*> now_;  ///< packed for the node at hand
  std::unordered_map<graph::ValueId, size_t> packed_uses_;
};

}  // namespace tenon::plan
