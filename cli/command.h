// command.h: what the commands of `tenon` share: their registration, options of a model, feeds, exit codes.
#pragma once
#include <CLI/CLI.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tenon/session.h"

namespace tenon::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  ///< an error of the model or the run, or a failed test
inline constexpr int kUsage = 2;

/// The command line asks for something that makes no sense; ends with kUsage.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Each adds its command; when the command line names it, it runs during the parse and sets `status`.
void add_info(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_ops(CLI::App& app, int& status);
void add_test(CLI::App& app, int& status);
void add_explain(CLI::App& app, int& status);
void add_profile(CLI::App& app, int& status);
void add_optimize(CLI::App& app, int& status);
void add_verify(CLI::App& app, int& status);
void add_convert(CLI::App& app, int& status);
/// These two describe all commands of `app`, those that are added later, too.
void add_completion(CLI::App& app, int& status);
void add_man(CLI::App& app, int& status);

/// How a session is made: --level, --threads, --provider, --provider-library, --custom-ops, --config, --log, --profile.
struct ModelOptions {
  int level = 99;
  int threads = 0;
  int log = 2;
  std::string profile;
  std::vector<std::string> config, providers, custom_ops, provider_libraries;
};
void add_model_options(CLI::App& command, ModelOptions& o, bool with_profile = true);
SessionOptions session_options(const ModelOptions& o);

/// "NAME", "NAME:key=value,key=value"; a piece without '=' belongs to the value before it ("ops=Conv,Relu"). The
/// ending ExecutionProvider may be left out. Throws UsageError.
ProviderSpec parse_provider(const std::string& text);

/// Where the values of the inputs come from: --input, --shape, --dim, --seed.
struct FeedOptions {
  std::vector<std::string> inputs, shapes, dims;
  uint64_t seed = 0;
};
void add_feed_options(CLI::App& command, FeedOptions& o);
/// A value for every required input: from files, else random with symbolic dims of 1 unless --shape or --dim says more.
std::map<std::string, Value> make_feeds(const Session& session, const FeedOptions& o);

/// "NAME=REST" cut at the first '=' that leaves a non-empty name; throws UsageError.
std::pair<std::string, std::string> split_assignment(const std::string& text, const char* option);

}  // namespace tenon::cli
