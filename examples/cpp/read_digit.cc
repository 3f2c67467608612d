// Reads one handwritten digit, drawn below, with the model of examples/digits. Run from the root of the source tree:
//   g++ -std=c++20 -Iinclude examples/cpp/read_digit.cc -Lbuild/release/lib -ltenon -o build/read_digit
//   LD_LIBRARY_PATH=build/release/lib build/read_digit
#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "tenon/tenon.h"

constexpr std::string_view kDrawing =
    "  =*#:  "
    " =#-@#  "
    " +* +@. "
    " .*##@: "
    "   ::#= "
    "     == "
    "  =- +* "
    "  -*@#- ";

int main() try {
  const std::array<int64_t, 4> dims = {1, 1, 8, 8};
  tenon::Value image = tenon::Value::tensor(tenon::DType::kFloat, dims);
  std::transform(kDrawing.begin(), kDrawing.end(), image.as_mutable<float>().begin(),
                 [](char c) { return static_cast<float>(std::string_view(" .:-=+*#@").find(c)) / 8; });

  const tenon::Session session("examples/digits/digits.onnx", {});
  const std::vector<tenon::Value> outputs = session.run({{"image", image}});

  const auto probability = outputs[0].as<float>();
  const auto best = std::max_element(probability.begin(), probability.end());
  std::printf("this is a %d (probability %.2f)\n", static_cast<int>(best - probability.begin()), *best);
  return best - probability.begin() == 9 ? 0 : 1;
} catch (const tenon::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
