// completion.cc: tenon completion: scripts that complete commands and options in a shell, made from the options.
#include <fmt/format.h>

#include <memory>

#include "option_text.h"

namespace tenon::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

// `text` inside single quotes; fish and the POSIX shells differ.
std::string shell_word(const std::string& text, bool fish = false) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'')
      out += fish ? "\\'" : "'\\''";
    else if (c == '\\' && fish)
      out += "\\\\";
    else
      out += c;
  }
  return out + "'";
}

std::string bash(const CLI::App& app) {
  std::string out =
      "# bash completion of tenon: eval \"$(tenon completion bash)\"\n"
      "_tenon() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before= command= options=\n"
      "  (( COMP_CWORD > 0 )) && before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  (( COMP_CWORD > 1 )) && command=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n"
      "  case $command:$before in\n";
  std::string commands, cases;
  for (const CLI::App* c : commands_of(app)) {
    commands += (commands.empty() ? "" : " ") + c->get_name();
    std::vector<std::string> words;
    for (const OptionText& o : options_of(*c)) {
      words.insert(words.end(), o.names.begin(), o.names.end());
      if (o.choices.empty()) continue;
      std::string pattern;
      for (const std::string& n : o.names) pattern += (pattern.empty() ? "" : "|") + c->get_name() + ":" + n;
      if (o.positional) pattern = c->get_name() + ":" + c->get_name();
      out += fmt::format("    {})\n      COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n", pattern,
                         joined(o.choices));
    }
    cases += fmt::format("    {}) options='{}' ;;\n", c->get_name(), joined(words));
  }
  std::vector<std::string> own;
  for (const OptionText& o : options_of(app)) own.insert(own.end(), o.names.begin(), o.names.end());
  out += "  esac\n  case $command in\n" + cases;
  out += fmt::format("    '') options='{} {}' ;;\n  esac\n", commands, joined(own));
  out +=
      "  if [[ $word == -* || -z $command ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _tenon tenon\n";
  return out;
}

// Description inside the brackets of _arguments.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const CLI::App& app) {
  std::string out = "#compdef tenon\n# zsh completion of tenon: eval \"$(tenon completion zsh)\"\n_tenon() {\n";
  out += "  local -a commands=(\n";
  for (const CLI::App* c : commands_of(app))
    out += "    " + shell_word(c->get_name() + ":" + zsh_text(c->get_description())) + "\n";
  out +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const CLI::App* c : commands_of(app)) {
    out += "    " + c->get_name() + ")\n      _arguments";
    for (const OptionText& o : options_of(*c)) {
      const std::string action = o.choices.empty() ? "_files" : "(" + joined(o.choices) + ")";
      if (o.positional) {
        out += " \\\n        " + shell_word((o.repeats ? "*:" : ":") + zsh_text(o.argument) + ":" + action);
        continue;
      }
      for (const std::string& name : o.names) {
        std::string spec = (o.repeats ? "*" : "") + name + "[" + zsh_text(o.description) + "]";
        if (!o.argument.empty()) spec += ":" + zsh_text(o.argument) + ":" + action;
        out += " \\\n        " + shell_word(spec);
      }
    }
    out += "\n      ;;\n";
  }
  return out + "  esac\n}\ncompdef _tenon tenon\n";
}

std::string fish(const CLI::App& app) {
  std::string out = "# fish completion of tenon: tenon completion fish | source\n";
  for (const CLI::App* c : commands_of(app))
    out += fmt::format("complete -c tenon -f -n __fish_use_subcommand -a {} -d {}\n", c->get_name(),
                       shell_word(c->get_description(), true));
  for (const CLI::App* c : commands_of(app)) {
    const std::string when = shell_word("__fish_seen_subcommand_from " + c->get_name(), true);
    for (const OptionText& o : options_of(*c)) {
      std::string line = "complete -c tenon -n " + when;
      for (const std::string& n : o.names) line += n.starts_with("--") ? " -l " + n.substr(2) : " -s " + n.substr(1);
      if (!o.choices.empty())
        line += (o.positional ? " -f -a " : " -x -a ") + shell_word(joined(o.choices), true);
      else if (o.positional)
        continue;  // a file, which fish completes by itself
      else if (!o.argument.empty())
        line += " -r";
      out += line + " -d " + shell_word(o.description, true) + "\n";
    }
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, int& status) {
  auto shell = std::make_shared<std::string>();
  CLI::App& c = *app.add_subcommand("completion", "Print a script that completes commands and options in a shell");
  c.add_option("SHELL", *shell, "The shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  c.callback([shell, &app, &status] {
    fmt::print("{}", *shell == "bash" ? bash(app) : *shell == "zsh" ? zsh(app) : fish(app));
    status = kOk;
  });
}

}  // namespace tenon::cli
