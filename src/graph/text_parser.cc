// parse: text form → graph.
#include <charconv>
#include <map>

#include "base/error.h"
#include "graph/text.h"
#include "graph/text_literal.h"

namespace tenon::graph {
namespace {

using text::accept;
using text::expect;
using text::Lexer;
using text::parse_name;
using text::Token;
using text::TokenKind;

constexpr int kMaxDepth = 64;  // nested regions

class Parser {
 public:
  Parser(std::string_view text, const OpSet& ops) : lex_(text), ops_(ops), g_(std::make_unique<Graph>()) {}

  std::unique_ptr<Graph> run() {
    expect(lex_, "graph");
    if (lex_.peek().kind == TokenKind::kName || lex_.peek().kind == TokenKind::kString) g_->name = lex_.take().text;
    expect(lex_, "(");
    Names names;
    while (!accept(lex_, ")")) {
      if (!names.empty()) expect(lex_, ",");
      const Token at = lex_.peek();
      const std::string name = parse_name(lex_, "an input name");
      expect(lex_, ":");
      const ValueType type = text::parse_type(lex_, g_->symbols());
      Value data;
      if (accept(lex_, "=")) data = text::parse_elements(lex_, type);
      define(names, at, name, g_->add_input(name, type, std::move(data)));
    }
    if (accept(lex_, "opset")) opsets();
    body(0, names, 0);
    if (lex_.peek().kind != TokenKind::kEnd) Lexer::error(lex_.peek(), "the end");
    return std::move(g_);
  }

 private:
  using Names = std::map<std::string, ValueId, std::less<>>;

  static void define(Names& names, const Token& at, const std::string& name, ValueId v) {
    if (!names.emplace(name, v).second) Lexer::error(at, "a name that is not taken");
  }

  int integer() {
    const Token t = lex_.take();
    int v = 0;
    const auto r = std::from_chars(t.text.data(), t.text.data() + t.text.size(), v);
    if (t.kind != TokenKind::kNumber || r.ptr != t.text.data() + t.text.size()) Lexer::error(t, "a version number");
    return v;
  }

  void opsets() {
    do {
      const bool onnx = lex_.peek().kind == TokenKind::kNumber;
      const std::string domain = onnx ? "" : parse_name(lex_, "a domain");
      g_->info.opsets[domain] = integer();
    } while (accept(lex_, ","));
  }

  ValueId lookup(const Names& names) {
    const Token t = lex_.peek();
    const std::string name = parse_name(lex_, "a value");
    if (const auto it = names.find(name); it != names.end()) return it->second;
    if (const auto it = constants_.find(name); it != constants_.end()) return it->second;
    Lexer::error(t, "a value that is defined before");
  }

  void body(RegionId r, Names& names, int depth) {
    if (depth > kMaxDepth) Lexer::error(lex_.peek(), "less nesting of regions");
    expect(lex_, "{");
    while (!accept(lex_, "return")) statement(r, names, depth);
    std::vector<ValueId> results;
    std::vector<std::string> result_names;
    while (!accept(lex_, "}")) {
      if (!results.empty()) expect(lex_, ",");
      const ValueId v = lookup(names);
      if (accept(lex_, ":")) declare(v);
      results.push_back(v);
      result_names.push_back(accept(lex_, "as") ? parse_name(lex_, "a result name") : g_->value(v).name);
    }
    g_->set_results(r, std::move(results));
    g_->edit_region(r).result_names = std::move(result_names);
  }

  void declare(ValueId v) {
    g_->set_type(v, text::parse_type(lex_, g_->symbols()));
    g_->edit_value(v).declared = true;
  }

  struct Output {
    Token at;
    std::string name;  ///< "" = missing
    bool typed = false;
    ValueType type;
  };

  /// name[: type], ... = {elements} | operator call
  void statement(RegionId r, Names& names, int depth) {
    std::vector<Output> outputs;
    do {
      Output o;
      o.at = lex_.peek();
      o.name = accept(lex_, "_") ? "" : parse_name(lex_, "a value name or \"return\"");
      if (accept(lex_, ":")) {
        o.typed = true;
        o.type = text::parse_type(lex_, g_->symbols());
      }
      outputs.push_back(std::move(o));
    } while (accept(lex_, ","));
    expect(lex_, "=");
    if (outputs.size() == 1 && outputs[0].typed && lex_.peek().text == "{" && lex_.peek().kind == TokenKind::kPunct) {
      const Output& o = outputs[0];
      define(constants_, o.at, o.name, g_->add_constant(o.name, text::parse_elements(lex_, o.type)));
      return;
    }
    call(r, names, outputs, depth);
  }

  void call(RegionId r, Names& names, const std::vector<Output>& outputs, int depth) {
    Node proto;
    const bool function = accept(lex_, "call");
    const Token at = lex_.peek();
    const std::string qualified = parse_name(lex_, "an operator");
    const size_t dot = qualified.rfind('.');
    if (dot != std::string::npos) proto.domain = qualified.substr(0, dot);
    proto.op = dot == std::string::npos ? qualified : qualified.substr(dot + 1);
    if (accept(lex_, ":")) proto.overload = parse_name(lex_, "an overload");
    int version = accept(lex_, "!") ? integer() : 0;
    if (!function) {
      if (version == 0) {
        const auto it = g_->info.opsets.find(proto.domain);
        version = it == g_->info.opsets.end() ? ops_.newest_version(proto.domain) : it->second;
      }
      proto.def = ops_.find(proto.domain, proto.op, version);
      if (!proto.def) Lexer::error(at, "an operator of version " + std::to_string(version));
      proto.since_version = proto.def->since;
    }
    if (accept(lex_, "<")) {
      do {
        std::string name = parse_name(lex_, "an attribute");
        expect(lex_, "=");
        proto.attrs.set(std::move(name), text::parse_attr(lex_, g_->symbols()));
      } while (accept(lex_, ","));
      expect(lex_, ">");
    }
    expect(lex_, "(");
    for (bool first = true; !accept(lex_, ")"); first = false) {
      if (!first) expect(lex_, ",");
      proto.inputs.push_back(accept(lex_, "_") ? kNone : lookup(names));
    }
    if (accept(lex_, "[")) {
      while (!accept(lex_, "]")) {
        if (proto.captures > 0) expect(lex_, ",");
        proto.inputs.push_back(lookup(names));
        ++proto.captures;
      }
    }
    std::vector<std::string> output_names;
    for (const Output& o : outputs) output_names.push_back(o.name);
    const NodeId id = g_->add_node(r, std::move(proto), output_names);
    if (accept(lex_, "{"))
      while (!accept(lex_, "}")) region(id, depth);
    if (accept(lex_, "@")) g_->edit(id).name = parse_name(lex_, "a node name");
    g_->edit(id).provenance = {g_->intern(g_->node(id).name)};
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ValueId v = g_->node(id).outputs[k];
      if (v == kNone) continue;
      define(names, outputs[k].at, outputs[k].name, v);
      if (!outputs[k].typed) continue;
      g_->set_type(v, outputs[k].type);
      g_->edit_value(v).declared = true;
    }
  }

  /// attribute_name (formal arguments, then one per capture) { body }
  void region(NodeId owner, int depth) {
    const RegionId r = g_->add_region(owner, parse_name(lex_, "a region name"));
    std::vector<Output> args;
    if (accept(lex_, "(")) {
      while (!accept(lex_, ")")) {
        if (!args.empty()) expect(lex_, ",");
        Output a;
        a.at = lex_.peek();
        a.name = parse_name(lex_, "an argument");
        if (accept(lex_, ":")) {
          a.typed = true;
          a.type = text::parse_type(lex_, g_->symbols());
        }
        args.push_back(std::move(a));
      }
    }
    const size_t captures = g_->node(owner).captures;
    if (args.size() < captures) Lexer::error(lex_.peek(), "as many arguments as captures");
    Names names;
    for (size_t i = 0; i < args.size(); ++i) {
      ValueId v;
      if (i < args.size() - captures) {
        v = g_->add_argument(r, args[i].name, args[i].type);
        g_->edit_value(v).declared = args[i].typed;
      } else {
        v = g_->region(r).args[i];
        g_->rename(v, args[i].name);
      }
      define(names, args[i].at, args[i].name, v);
    }
    body(r, names, depth + 1);
  }

  Lexer lex_;
  const OpSet& ops_;
  std::unique_ptr<Graph> g_;
  Names constants_;
};

}  // namespace

std::unique_ptr<Graph> parse(std::string_view text, const OpSet& ops) { return Parser(text, ops).run(); }

}  // namespace tenon::graph
