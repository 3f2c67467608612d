// print: one line per node.
#include <algorithm>

#include "base/error.h"
#include "graph/text.h"
#include "graph/text_literal.h"

namespace tenon::graph {
namespace {

using text::quote_name;

class Printer {
 public:
  Printer(const Graph& g, bool full) : g_(g), full_(full) {}

  std::string run() {
    out_ = "graph";
    if (!g_.name.empty()) out_ += " " + quote_name(g_.name);
    out_ += " (";
    const Region& main = g_.region(0);
    for (size_t i = 0; i < main.args.size(); ++i) {
      const ValueInfo& v = g_.value(main.args[i]);
      out_ += (i ? ", " : "") + typed(main.args[i], true);
      if (v.data) out_ += " = " + text::print_elements(v.data, full_);
    }
    out_ += ")";
    const char* separator = " opset ";
    for (const auto& [domain, version] : g_.info.opsets) {
      out_ += separator + (domain.empty() ? "" : quote_name(domain) + " ") + std::to_string(version);
      separator = ", ";
    }
    out_ += " {\n";
    for (ValueId v = 0; v < g_.value_limit(); ++v) {
      if (g_.is_constant(v)) out_ += "  " + typed(v, true) + " = " + text::print_elements(g_.constant(v), full_) + "\n";
    }
    body(0, 1);
    return out_ + "}\n";
  }

 private:
  std::string typed(ValueId v, bool with_type) const {
    const ValueInfo& i = g_.value(v);
    const bool known = i.type.kind != ValueKind::kTensor || i.type.elem != DType::kUndefined;
    return quote_name(i.name) + (with_type && known ? ": " + text::print_type(i.type, g_.symbols()) : "");
  }
  std::string operand(ValueId v) const { return v == kNone ? "_" : quote_name(g_.value(v).name); }
  template <class Range>
  std::string operands(const Range& values) const {
    std::string s;
    for (ValueId v : values) s += (s.empty() ? "" : ", ") + operand(v);
    return s;
  }

  void body(RegionId r, size_t depth) {
    const std::string indent(2 * depth, ' ');
    for (NodeId n : g_.region(r).nodes) {
      out_ += indent;
      node(n, depth);
      out_ += "\n";
    }
    const Region& region = g_.region(r);
    out_ += indent + "return";
    for (size_t i = 0; i < region.results.size(); ++i) {
      const ValueId v = region.results[i];
      // Types that follow from the definition are not repeated: those of constants and inputs.
      const ValueInfo& info = g_.value(v);
      out_ += (i ? ", " : " ") + typed(v, r == 0 && info.role == ValueRole::kResult);
      if (i < region.result_names.size() && region.result_names[i] != info.name)
        out_ += " as " + quote_name(region.result_names[i]);
    }
    out_ += "\n";
  }

  /// Names that the graph made up are not part of the text.
  static bool generated(const Node& n) {
    return n.name.size() > n.op.size() + 1 && n.name.starts_with(n.op) && n.name[n.op.size()] == '_' &&
           n.name.find_first_not_of("0123456789", n.op.size() + 1) == std::string::npos;
  }

  void node(NodeId id, size_t depth) {
    const Node& n = g_.node(id);
    for (size_t k = 0; k < n.outputs.size(); ++k) {
      const ValueId v = n.outputs[k];
      out_ += (k ? ", " : "") + (v == kNone ? "_" : typed(v, g_.value(v).declared && !g_.pinned(v)));
    }
    if (!n.outputs.empty()) out_ += " = ";
    if (!n.def) out_ += "call ";
    out_ += quote_name(n.domain.empty() ? n.op : n.domain + "." + n.op);
    if (!n.overload.empty()) out_ += ":" + quote_name(n.overload);
    version(n);
    if (!n.attrs.empty()) {
      out_ += "<";
      for (const Attr& a : n.attrs.items())
        out_ +=
            (&a == n.attrs.items().data() ? "" : ", ") + a.name + "=" + text::print_attr(a.value, g_.symbols(), full_);
      out_ += ">";
    }
    out_ += "(" + operands(n.operands()) + ")";
    if (n.captures > 0) out_ += " [" + operands(n.captured()) + "]";
    if (!n.regions.empty()) regions(n, depth);
    if (!n.name.empty() && !generated(n)) out_ += " @" + quote_name(n.name);
  }

  /// "!20" where the model's opset would not give this row.
  void version(const Node& n) {
    const auto it = g_.info.opsets.find(n.domain);
    if (!n.def || it == g_.info.opsets.end()) return;
    if (it->second < n.def->since || (n.def->until != 0 && it->second > n.def->until))
      out_ += "!" + std::to_string(n.def->since);
  }

  void regions(const Node& n, size_t depth) {
    out_ += " {\n";
    const std::string indent(2 * (depth + 1), ' ');
    for (size_t k = 0; k < n.regions.size(); ++k) {
      const Region& r = g_.region(n.regions[k]);
      out_ += indent + n.region_names[k] + " (";
      for (size_t i = 0; i < r.args.size(); ++i)
        out_ += (i ? ", " : "") + typed(r.args[i], i + n.captures < r.args.size() && g_.value(r.args[i]).declared);
      out_ += ") {\n";
      body(n.regions[k], depth + 2);
      out_ += indent + "}\n";
    }
    out_ += std::string(2 * depth, ' ') + "}";
  }

  const Graph& g_;
  bool full_;
  std::string out_;
};

}  // namespace

std::string print(const Graph& g, bool full) { return Printer(g, full).run(); }

}  // namespace tenon::graph
