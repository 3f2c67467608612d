// main.cc: the command `tenon`: parses, runs one command, turns errors into messages and exit codes.
#include <cstdio>

#include "command.h"

int main(int argc, char** argv) {
  using namespace tenon;
  CLI::App app("Tenon runs ONNX models. Exit codes: 0 done, 1 an error of the model or a failed test, 2 wrong usage.",
               "tenon");
  app.set_version_flag("--version", "tenon " + version());
  app.require_subcommand(1);
  int status = cli::kOk;
  cli::add_info(app, status);
  cli::add_run(app, status);
  cli::add_bench(app, status);
  cli::add_ops(app, status);
  cli::add_explain(app, status);
  cli::add_profile(app, status);
  cli::add_verify(app, status);
  cli::add_optimize(app, status);
  cli::add_convert(app, status);
  cli::add_test(app, status);
  cli::add_completion(app, status);
  cli::add_man(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? cli::kOk : cli::kUsage;
  } catch (const cli::UsageError& e) {
    std::fprintf(stderr, "tenon: %s\n", e.what());
    return cli::kUsage;
  } catch (const std::exception& e) {  // tenon::Error, bad_alloc, ...
    std::fprintf(stderr, "tenon: error: %s\n", e.what());
    return cli::kFailed;
  }
  return status;
}
