// option_text.cc: commands and options of the CLI11 tree as data.
#include "option_text.h"

namespace tenon::cli {
namespace {

// "INT:{0,1,99}" and "{bash,zsh}" name their values.
std::vector<std::string> choices_of(const std::string& type) {
  std::vector<std::string> out;
  const size_t open = type.find('{'), close = type.find('}');
  if (open == type.npos || close == type.npos) return out;
  for (size_t at = open + 1; at < close;) {
    const size_t end = std::min(type.find(',', at), close);
    out.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string word_of(const std::string& type) {
  std::string word = type.substr(0, type.find_first_of(": {"));
  return word.empty() ? "VALUE" : word;
}

}  // namespace

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<OptionText> options_of(const CLI::App& command) {
  std::vector<OptionText> out;
  for (const CLI::Option* o : command.get_options()) {
    OptionText t;
    t.positional = o->get_positional();
    if (!t.positional) {
      for (const std::string& s : o->get_snames()) t.names.push_back("-" + s);
      for (const std::string& l : o->get_lnames()) t.names.push_back("--" + l);
    }
    const bool takes = t.positional || o->get_items_expected_max() > 0;
    const std::string type = takes ? o->get_type_name() : "";
    t.choices = choices_of(type);
    t.argument = t.positional ? o->get_name(true) : takes ? word_of(type) : "";
    t.description = o->get_description();
    t.standard = takes ? o->get_default_str() : "";
    t.required = o->get_required();
    t.repeats = o->get_items_expected_max() > 1;
    out.push_back(std::move(t));
  }
  return out;
}

}  // namespace tenon::cli
