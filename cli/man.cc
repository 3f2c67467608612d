// man.cc: tenon man: the manual page, made from the options.
#include <fmt/format.h>

#include "option_text.h"

namespace tenon::cli {
namespace {

std::string roff(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '-') out += '\\';
    if ((c == '.' || c == '\'') && out.empty()) out += "\\&";  // at the start of a line it would be a request
    if (c == '\\')
      out += 'e';
    else
      out += c;
  }
  return out;
}

std::string options_section(const CLI::App& command) {
  std::string out;
  for (const OptionText& o : options_of(command)) {
    std::string head;
    for (const std::string& n : o.names) head += (head.empty() ? "" : ", ") + ("\\fB" + roff(n) + "\\fR");
    if (o.positional)
      head = "\\fI" + roff(o.argument) + "\\fR";
    else if (!o.argument.empty())
      head += " \\fI" + roff(o.argument) + "\\fR";
    std::string text = o.description;
    if (!o.choices.empty()) {
      std::string all;
      for (const std::string& c : o.choices) all += (all.empty() ? "" : ", ") + c;
      text += ". One of " + all;
    }
    if (!o.standard.empty()) text += ". Default: " + o.standard;
    out += ".TP\n" + head + "\n" + roff(text) + ".\n";
  }
  return out;
}

std::string page(const CLI::App& app) {
  std::string out = fmt::format(".TH TENON 1 \"\" \"tenon {}\" \"User Commands\"\n", roff(version()));
  out += ".SH NAME\ntenon \\- run, measure and explain ONNX models\n.SH SYNOPSIS\n";
  for (const CLI::App* c : commands_of(app)) {
    out += fmt::format(".B tenon {}\n", c->get_name());
    std::string words = "[\\fIoptions\\fR]";
    for (const OptionText& o : options_of(*c)) {
      if (!o.positional) continue;
      const std::string name = "\\fI" + roff(o.argument) + "\\fR" + (o.repeats ? "..." : "");
      words += o.required ? " " + name : " [" + name + "]";
    }
    out += words + "\n.br\n";
  }
  out += ".SH DESCRIPTION\n" + roff(app.get_description()) + "\n.SH OPTIONS\n" + options_section(app);
  out += ".SH COMMANDS\n";
  for (const CLI::App* c : commands_of(app))
    out += fmt::format(".SS tenon {}\n{}.\n", c->get_name(), roff(c->get_description())) + options_section(*c);
  out +=
      ".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nAn error of a model, a file or a run; a failed test; values that "
      "differ.\n.TP\n2\nWrong usage.\n";
  return out;
}

}  // namespace

void add_man(CLI::App& app, int& status) {
  CLI::App& c = *app.add_subcommand("man", "Print the manual page: tenon man | man -l -");
  c.callback([&app, &status] {
    fmt::print("{}", page(app));
    status = kOk;
  });
}

}  // namespace tenon::cli
