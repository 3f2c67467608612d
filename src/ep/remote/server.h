// Server: calls of one model on one server.
#pragma once
#include <optional>

#include "base/fork_mutex.h"
#include "ep/remote/http.h"
#include "ep/remote/protocol.h"

namespace tenon::ep::remote {

/// Thread-safe. Nothing is sent before the first call.
class Server {
 public:
  explicit Server(const Options& options);

  /// Tensor names that the model uses for the values of one call, in their order.
  struct Names {
    std::vector<std::string> inputs, outputs;
  };
  /// What the group calls its border.
  struct Border {
    std::vector<std::string> inputs, outputs;
    std::vector<DType> input_types, output_types;
  };
  /// An answer with what refers to it.
  struct Answer {
    HttpResponse response;
    std::vector<Output> outputs;
  };

  /// Throws kEpFail naming endpoint, model, status and what the server said; the run's own errors when it ends first.
  void call(const Border& border, std::span<const ops::TensorRef> inputs, const CancelToken* cancel, Answer& answer);

  /// "model affine at http://host:8000".
  std::string where() const;
  const Options& options() const { return options_; }

 private:
  struct Model {
    bool binary = false, may_fall_back = false;
    ModelMetadata metadata;
  };
  /// What is known about the model, asked for by the first call that needs it.
  Model model(const Border& border, const CancelToken* cancel);
  Names names(const Border& border, const ModelMetadata& m) const;
  /// f(), its errors with where() in front.
  template <class F>
  void located(F f) const;
  HttpResponse send(const HttpRequest& request, const CancelToken* cancel);
  HttpResponse infer(std::span<const Input> inputs, std::span<const std::string> outputs, bool binary,
                     const CancelToken* cancel);
  [[noreturn]] void fail_call(const HttpResponse& r, std::span<const Input> inputs, const ModelMetadata& m) const;

  const Options options_;
  std::string url_;
  HttpClient http_;
  OwnedForkMutex mutex_;
  std::optional<Model> model_;
};

}  // namespace tenon::ep::remote
