// Options of the remote provider, as provider options spell them.
#pragma once
#include <map>
#include <set>
#include <string>

namespace tenon::ep::remote {

/// How tensors travel.
enum class Encoding {
  kAuto,    ///< binary when the server says that it has the extension, else JSON
  kJson,    ///< "binary=0"
  kBinary,  ///< "binary=1"; JSON from then on, when the server refuses it and takes JSON
};

struct Options {
  std::string endpoint;                       ///< "https://host:8000/prefix"; empty: the provider has nothing to do
  std::string model_name, model_version;      ///< version empty: the server's choice
  std::set<std::string> nodes;                ///< names of the nodes that the server stands for
  std::set<std::string> ops;                  ///< or their operators: "Conv", "ai.onnx.ml.Scaler"
  bool all_nodes = false;                     ///< "nodes=*", or neither nodes nor ops
  std::map<std::string, std::string> rename;  ///< value of the model → tensor of the server
  int timeout_ms = 30'000;                    ///< of one attempt
  int connect_timeout_ms = 2'000;
  int retries = 2;          ///< more attempts when no connection could be made, or the server answers 429 or 503
  int backoff_ms = 50;      ///< before the first of them, then doubled each time
  std::string ca_file;      ///< certificates to trust instead of the system's
  bool verify = true;       ///< the server's certificate and host name
  std::string auth_header;  ///< "Name: value", or the value of Authorization
  Encoding encoding = Encoding::kAuto;
  bool metadata = true;  ///< ask the server for the names and types of the model's tensors before the first run
  bool fallback_cpu = false;
  size_t max_response_bytes = size_t{1} << 30;

  /// Throws kInvalidArgument naming an unknown key, a wrong value or a missing option; never shows auth_header.
  static Options parse(const std::map<std::string, std::string>& text);
};

}  // namespace tenon::ep::remote
