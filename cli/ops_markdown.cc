// ops_markdown.cc: the operator page.
#include "ops_markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>

namespace tenon::cli {
namespace {

using nlohmann::json;

// Type sets that have a name of their own on the page; larger ones first.
struct TypeGroup {
  const char* name;
  std::vector<std::string_view> types;
};
const std::vector<TypeGroup>& groups() {
  static const std::vector<TypeGroup> kGroups = {
      {"ints", {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}},
      {"floats", {"float", "double", "float16", "bfloat16"}},
      {"float8", {"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"}},
      {"small ints", {"int4", "uint4", "int2", "uint2"}},
      {"complex", {"complex64", "complex128"}}};
  return kGroups;
}

// Operators whose inner loops are written for each instruction set (src/kernels/simd), by what the loops are.
struct Loops {
  const char* name;
  std::vector<std::string_view> ops;
};
const std::vector<Loops>& simd_loops() {
  static const std::vector<Loops> kLoops = {
      {"matrix product",
       {"MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose", "Attention", "RNN", "GRU", "LSTM", "FusedMatMul",
        "FusedMatMulBias", "FusedGemm", "FusedConv", "MultiHeadAttention", "GroupQueryAttention"}},
      {"int8 product",
       {"MatMulInteger", "QLinearMatMul", "QLinearConv", "ConvInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
        "QGemm"}},
      {"convolution", {"Conv", "FusedConv"}},
      {"pooling", {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}},
      {"rows",
       {"Add",
        "Sub",
        "Mul",
        "Div",
        "Max",
        "Min",
        "Pow",
        "PRelu",
        "Where",
        "Relu",
        "LeakyRelu",
        "Clip",
        "Sigmoid",
        "Tanh",
        "Erf",
        "Gelu",
        "Exp",
        "Log",
        "Sqrt",
        "Abs",
        "Neg",
        "Elu",
        "Selu",
        "HardSigmoid",
        "HardSwish",
        "Softplus",
        "Softsign",
        "Swish",
        "Mish",
        "BiasGelu",
        "FastGelu",
        "QuickGelu",
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "BatchNormalization",
        "Cast"}},
      {"reduction",
       {"ReduceSum",
        "ReduceMean",
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceL1",
        "ReduceL2",
        "ReduceSumSquare",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ArgMax",
        "ArgMin",
        "Softmax",
        "LogSoftmax",
        "LayerNormalization",
        "RMSNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "SkipLayerNormalization",
        "SimplifiedLayerNormalization",
        "SkipSimplifiedLayerNormalization"}},
      {"transposition", {"Transpose"}}};
  return kLoops;
}

std::string versions_of(const json& row) {
  const int since = row.at("since").get<int>(), until = row.at("until").get<int>();
  if (until == 0) return fmt::format("{}+", since);
  return since == until ? std::to_string(since) : fmt::format("{}-{}", since, until);
}

std::string join(const std::vector<std::string>& parts, const char* separator = ", ") {
  return fmt::format("{}", fmt::join(parts, separator));
}

// "ints, float, double" of {"tensor(int8)", ...}; with sequences and optionals "... (also in seq, optional)".
std::string types_text(const json& types) {
  std::set<std::string> elements, holders;
  for (const auto& t : types) {
    std::string text = t.get<std::string>();
    const size_t open = text.find("tensor(");
    if (open == text.npos) continue;
    const std::string holder = text.substr(0, open);
    holders.insert(holder.empty() ? "" : holder.substr(0, holder.find('(')));
    text = text.substr(open + 7);
    elements.insert(text.substr(0, text.find(')')));
  }
  std::vector<std::string> parts;
  for (const TypeGroup& g : groups()) {
    const bool all = std::all_of(g.types.begin(), g.types.end(),
                                 [&](std::string_view t) { return elements.count(std::string(t)) != 0; });
    if (!all) continue;
    parts.emplace_back(g.name);
    for (std::string_view t : g.types) elements.erase(std::string(t));
  }
  parts.insert(parts.end(), elements.begin(), elements.end());
  const bool plain = holders.erase("") != 0;
  std::string out = join(parts);
  if (!holders.empty()) {
    const std::string list = join({holders.begin(), holders.end()});
    out = plain ? fmt::format("{}; also {} of these", out, list) : fmt::format("{} of {}", list, out);
  }
  return out;
}

// "T: floats · Tind: int32, int64": each type variable of the newest row once, fixed types under the port's name.
std::string row_types(const json& row) {
  std::vector<std::string> parts;
  std::set<std::string> seen;
  for (const char* side : {"inputs", "outputs"})
    for (const auto& p : row.at(side)) {
      const std::string var = p.at("var").get<std::string>(),
                        name = var.empty() ? p.at("name").get<std::string>() : var;
      if (!seen.insert(name).second) continue;
      std::string types = types_text(p.at("types"));
      if (p.at("maps").get<bool>()) types += types.empty() ? "maps" : ", maps";
      parts.push_back(fmt::format("{}: {}", name, types));
    }
  return join(parts, " · ");
}

std::string notes(const std::string& name, const std::vector<json>& rows) {
  std::vector<std::string> parts;
  for (const Loops& l : simd_loops())
    if (std::find(l.ops.begin(), l.ops.end(), name) != l.ops.end()) parts.push_back(fmt::format("SIMD {}", l.name));
  if (rows.back().at("inplace").get<bool>()) parts.emplace_back("may run in place");
  if (!rows.back().at("deterministic").get<bool>()) parts.emplace_back("random");
  if (rows.back().at("deprecated").get<bool>())
    parts.push_back(fmt::format("deprecated after {}", rows.back().at("until").get<int>()));
  if (rows.back().at("has_body").get<bool>()) parts.emplace_back("saved with its body over ONNX operators");
  return join(parts);
}

}  // namespace

std::string op_versions(const std::vector<json>& rows) {
  std::vector<std::string> parts;
  for (const json& r : rows) parts.push_back(versions_of(r));
  return join(parts);
}

std::string ops_markdown(const OpsByName& ops) {
  std::string out = R"(# Operators

What `tenon ops --markdown` prints: every operator of this build, all on the CPU provider. Versions are opsets of the domain;
`7+` is current. Types are those of the newest version. Groups of types: `ints` int8 to uint64, `floats` float, double, float16 and bfloat16,
`float8` the four 8-bit floats, `small ints` int4, uint4, int2, uint2.

How it runs: `kernel`, code of its own; `view`, the input's bytes with other dims, no work; `body`, a graph that runs inside the
caller's; `function`, the nodes of its ONNX body. SIMD loops are built for AVX2, AVX-512, AVX-512 VNNI and portable C++, and chosen when the process
starts (`TENON_FORCE_ISA` names another one).
)";
  std::string domain;
  size_t versions = 0;
  for (const auto& [key, rows] : ops) {
    versions += rows.size();
    if (key.first != domain) {
      domain = key.first;
      out +=
          fmt::format("\n## {}\n\n| operator | versions | types | runs as | notes |\n|---|---|---|---|---|\n", domain);
    }
    out += fmt::format("| {} | {} | {} | {} | {} |\n", key.second, op_versions(rows), row_types(rows.back()),
                       rows.back().at("runs").get<std::string>(), notes(key.second, rows));
  }
  return out + fmt::format("\n{} operators, {} versions.\n", ops.size(), versions);
}

}  // namespace tenon::cli
