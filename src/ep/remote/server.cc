// Metadata, names, attempts, errors.
#include "ep/remote/server.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"

namespace tenon::ep::remote {
namespace {

using Clock = std::chrono::steady_clock;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

/// Sleeps, in pieces that a cancelled run ends.
void pause(std::chrono::milliseconds total, const CancelToken* cancel) {
  constexpr std::chrono::milliseconds kPiece{10};
  for (const auto until = Clock::now() + total; Clock::now() < until;) {
    if (cancel) cancel->check();
    std::this_thread::sleep_for(std::min<Clock::duration>(kPiece, until - Clock::now()));
  }
}

std::string joined(std::span<const Declared> tensors) {
  std::string s;
  for (const Declared& t : tensors) {
    s += fmt::format("{}{} {}[", s.empty() ? "" : ", ", t.name, t.datatype);
    for (size_t i = 0; i < t.dims.size(); ++i) s += fmt::format("{}{}", i ? "," : "", t.dims[i]);
    s += ']';
  }
  return s.empty() ? "none" : s;
}

/// The server's names for values of the border: as renamed, else the same, else the only one that is left on both
/// sides.
std::vector<std::string> matched(std::span<const std::string> values, std::span<const Declared> tensors,
                                 const std::map<std::string, std::string>& rename) {
  std::vector<std::string> out;
  std::vector<size_t> open;
  std::vector<std::string> left;
  for (const Declared& t : tensors) left.push_back(t.name);
  for (const std::string& value : values) {
    const auto renamed = rename.find(value);
    const std::string name = renamed == rename.end() ? value : renamed->second;
    if (tensors.empty() || std::erase(left, name))
      out.push_back(name);
    else
      open.push_back(out.size()), out.emplace_back();
  }
  if (open.size() == 1 && left.size() == 1 && !rename.contains(values[open[0]])) {
    out[open[0]] = left[0];
    open.clear();
  }
  if (!open.empty()) out.clear();
  return out;
}

std::string listed(std::span<const std::string> names) {
  std::string s;
  for (const std::string& n : names) s += (s.empty() ? "" : ", ") + n;
  return s;
}

bool not_understood(long status) { return status == 400 || status == 415 || status == 422 || status == 500; }

}  // namespace

Server::Server(const Options& options)
    : options_(options),
      url_(fmt::format("{}/v2/models/{}{}{}", options.endpoint, escaped(options.model_name),
                       options.model_version.empty() ? "" : "/versions/", escaped(options.model_version))),
      http_(options_) {}

std::string Server::where() const {
  return fmt::format("model {}{}{} at {}", options_.model_name, options_.model_version.empty() ? "" : " version ",
                     options_.model_version, options_.endpoint);
}

HttpResponse Server::send(const HttpRequest& request, const CancelToken* cancel) {
  std::chrono::milliseconds wait(options_.backoff_ms);
  for (int attempt = 0;; ++attempt) {
    HttpResponse r = http_.send(request, cancel);
    const bool again = r.status ? r.status == 429 || r.status == 503 : r.never_sent;
    if (!again || attempt == options_.retries) {
      if (!r.status && attempt) r.failure += fmt::format(" ({} attempts)", attempt + 1);
      return r;
    }
    pause(wait, cancel);
    wait *= 2;
  }
}

Server::Model Server::model(const Border& border, const CancelToken* cancel) {
  {
    const std::lock_guard lock(mutex_);
    if (model_) return *model_;
  }
  Model m;  // asked without the lock, so that a second run can be cancelled meanwhile; the same answers then
  m.binary = m.may_fall_back = options_.encoding == Encoding::kBinary;
  if (options_.encoding == Encoding::kAuto) {
    const HttpResponse r = send({.url = options_.endpoint + "/v2", .headers = {}, .body = {}}, cancel);
    if (!r.status) fail_call(r, {}, {});
    m.binary = r.status == 200 && has_extension(r.body, "binary_tensor_data");
    // These have no JSON form in the protocol, though some servers take numbers.
    const auto is_half = [](DType t) { return t == DType::kFloat16 || t == DType::kBFloat16; };
    if (!m.binary &&
        (std::ranges::any_of(border.input_types, is_half) || std::ranges::any_of(border.output_types, is_half)))
      m.binary = m.may_fall_back = true;
  }
  if (options_.metadata) {
    const HttpResponse r = send({.url = url_, .headers = {}, .body = {}}, cancel);
    if (!r.status || r.status == 401 || r.status == 403 || r.status == 429 || r.status == 503) fail_call(r, {}, {});
    if (r.status == 200) m.metadata = read_metadata(r.body);
  }
  const std::lock_guard lock(mutex_);
  if (!model_) model_ = std::move(m);
  return *model_;
}

Server::Names Server::names(const Border& border, const ModelMetadata& m) const {
  Names n{matched(border.inputs, m.inputs, options_.rename), matched(border.outputs, m.outputs, options_.rename)};
  const bool inputs_fit = n.inputs.size() == border.inputs.size();
  if (!inputs_fit || n.outputs.size() != border.outputs.size())
    fail(ErrorCode::kEpFail,
         "{}: the {} of the marked nodes are {}, the server's model has {}; mark other nodes, or say with the option "
         "rename which belong together",
         where(), inputs_fit ? "outputs" : "inputs", listed(inputs_fit ? border.outputs : border.inputs),
         joined(inputs_fit ? m.outputs : m.inputs));
  const auto check = [&](const char* what, const std::string& name, std::span<const Declared> declared, DType type) {
    for (const Declared& d : declared)
      if (d.name == name && !d.datatype.empty() && d.datatype != protocol_name(type))
        fail(ErrorCode::kEpFail, "{}: {} {} is {} on the server, {} in this model", where(), what, name, d.datatype,
             protocol_name(type));
  };
  for (size_t i = 0; i < n.inputs.size(); ++i) check("input", n.inputs[i], m.inputs, border.input_types[i]);
  for (size_t j = 0; j < n.outputs.size(); ++j) check("output", n.outputs[j], m.outputs, border.output_types[j]);
  return n;
}

template <class F>
void Server::located(F f) const {
  try {
    f();
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", where(), e.what()), e.reason(), e.limit());
  }
}

HttpResponse Server::infer(std::span<const Input> inputs, std::span<const std::string> outputs, bool binary,
                           const CancelToken* cancel) {
  EncodedRequest e;
  located([&] { encode(inputs, outputs, binary, e); });
  HttpRequest request{.url = url_ + "/infer", .headers = {}, .post = true, .body = e.body};
  if (binary)
    request.headers = {"Content-Type: application/octet-stream",
                       fmt::format("Inference-Header-Content-Length: {}", e.json_bytes)};
  else
    request.headers = {"Content-Type: application/json"};
  return send(request, cancel);
}

void Server::call(const Border& border, std::span<const ops::TensorRef> inputs, const CancelToken* cancel,
                  Answer& answer) {
  const Model m = model(border, cancel);
  const Names n = names(border, m.metadata);
  std::vector<Input> in;
  for (size_t i = 0; i < inputs.size(); ++i) in.push_back({n.inputs[i], inputs[i]});
  HttpResponse& r = answer.response;
  r = infer(in, n.outputs, m.binary, cancel);
  if (m.binary && m.may_fall_back && not_understood(r.status)) {
    HttpResponse plain = infer(in, n.outputs, false, cancel);
    if (plain.status == 200) {
      r = std::move(plain);
      const std::lock_guard lock(mutex_);
      model_->binary = false;
    }
  } else if (m.may_fall_back && r.status == 200) {  // later refusals are about the request
    const std::lock_guard lock(mutex_);
    model_->may_fall_back = false;
  }
  if (r.status != 200) fail_call(r, in, m.metadata);
  std::vector<Expected> expected;
  for (size_t j = 0; j < n.outputs.size(); ++j) expected.push_back({n.outputs[j], border.output_types[j]});
  located([&] { answer.outputs = decode(r.body, r.json_bytes, expected); });
}

void Server::fail_call(const HttpResponse& r, std::span<const Input> inputs, const ModelMetadata& m) const {
  if (!r.status) fail(ErrorCode::kEpFail, "{}: {}", where(), r.failure);
  std::string sent;
  for (const Input& i : inputs)
    sent +=
        fmt::format("{}{} {}", sent.empty() ? "; sent: " : ", ", i.name, described(i.tensor.dtype, i.tensor.dims()));
  if (!m.inputs.empty()) sent += "; the server expects: " + joined(m.inputs);
  const std::string said = error_text(r.body);
  fail(ErrorCode::kEpFail, "{}: HTTP status {}, {}{}", where(), r.status, said.empty() ? "no text" : said, sent);
}

}  // namespace tenon::ep::remote
