// option_text.h: commands and options of the CLI11 tree as data, for completion and the manual page.
#pragma once
#include <string>
#include <vector>

#include "command.h"

namespace tenon::cli {

struct OptionText {
  std::vector<std::string> names;    ///< "-i", "--input"; empty for an argument
  std::string argument;              ///< what follows it, "" for a flag; the name of an argument
  std::vector<std::string> choices;  ///< values that it takes, when they are few
  std::string description, standard;
  bool positional = false, required = false, repeats = false;
};

/// Commands in the order in which they were added.
std::vector<const CLI::App*> commands_of(const CLI::App& app);
std::vector<OptionText> options_of(const CLI::App& command);

}  // namespace tenon::cli
