// HttpClient: requests over libcurl, several at a time, ended early when the run is.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/fork_mutex.h"
#include "ep/remote/options.h"

namespace tenon::ep::remote {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;
  bool post = false;
  std::vector<std::span<const char>> body;  ///< of a POST: sent one after the other, not copied
};

struct HttpResponse {
  long status = 0;  ///< 0: there is no answer, `failure` says why
  std::string body;
  size_t json_bytes = SIZE_MAX;  ///< of the header Inference-Header-Content-Length
  std::string failure;
  bool never_sent = false;  ///< no connection was made: trying again cannot repeat anything
};

/// Thread-safe: each request has a connection of its own, kept for later ones. libcurl is loaded by the first request.
/// Redirects are not followed: they would carry the auth header elsewhere.
class HttpClient {
 public:
  explicit HttpClient(const Options& options);
  ~HttpClient();

  /// Throws the errors of CancelToken::check() when the run ends first; `cancel` may be null.
  HttpResponse send(const HttpRequest& request, const CancelToken* cancel);

 private:
  class Connection;
  std::unique_ptr<Connection> take();
  void give(std::unique_ptr<Connection> c);

  const Options& options_;
  OwnedForkMutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace tenon::ep::remote
