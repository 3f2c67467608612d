// One connection is a multi handle with one easy handle: its loop can look at the run's token every few milliseconds.
#include "ep/remote/http.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/process.h"
#include "ep/remote/curl_api.h"

namespace tenon::ep::remote {
namespace {

constexpr int kPollMs = 10;  // how late a cancelled run may notice

/// What the callbacks of one request share.
struct Transfer {
  const HttpRequest& request;
  HttpResponse response;
  size_t limit;
  bool too_large = false;
  size_t segment = 0, offset = 0;
};

size_t on_header(char* data, size_t, size_t bytes, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  constexpr std::string_view kName = "inference-header-content-length:";
  std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) t.response.json_bytes = SIZE_MAX;  // a further answer, after 100 Continue
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (line.size() <= kName.size() || !std::ranges::equal(line.substr(0, kName.size()), kName, {}, lower)) return bytes;
  line.remove_prefix(std::min(line.find_first_not_of(" \t", kName.size()), line.size()));
  size_t n = 0;
  if (std::from_chars(line.data(), line.data() + line.size(), n).ec == std::errc()) t.response.json_bytes = n;
  return bytes;
}

size_t on_body(char* data, size_t, size_t bytes, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  if (bytes > t.limit - t.response.body.size()) {
    t.too_large = true;
    return 0;
  }
  t.response.body.append(data, bytes);
  return bytes;
}

size_t on_read(char* to, size_t, size_t room, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  size_t done = 0;
  while (done < room && t.segment < t.request.body.size()) {
    const std::span<const char> from = t.request.body[t.segment].subspan(t.offset);
    const size_t n = std::min(room - done, from.size());
    if (n) std::memcpy(to + done, from.data(), n);
    done += n;
    t.offset += n;
    if (n == from.size()) ++t.segment, t.offset = 0;
  }
  return done;
}

/// A kept connection may turn out dead after some of the body was sent: libcurl starts again on a new one.
int on_seek(void* user, curl_off_t offset, int origin) {
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  auto& t = *static_cast<Transfer*>(user);
  t.segment = t.offset = 0;
  return CURL_SEEKFUNC_OK;
}

}  // namespace

class HttpClient::Connection {
 public:
  Connection() : api_(curl_api()), process_(process_id()), multi_(api_.multi_init()), easy_(api_.easy_init()) {
    if (multi_ && easy_) return;
    close();
    fail(ErrorCode::kEpFail, "libcurl has no memory for a connection");
  }
  ~Connection() {
    if (own()) close();  // after a fork the socket belongs to the parent: closing it would end the parent's TLS
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool own() const { return process_ == process_id(); }

  HttpResponse send(const HttpRequest& request, const Options& o, const CancelToken* cancel) {
    Transfer t{.request = request, .response = {}, .limit = o.max_response_bytes};
    char message[CURL_ERROR_SIZE] = "";
    Headers headers{api_};
    for (const std::string& line : request.headers) headers.add(line);
    headers.add("Expect:");  // no pause for "100 Continue"
    if (!o.auth_header.empty()) headers.add(o.auth_header);
    prepare(t, o, headers.list, message);
    const CURLcode code = perform(cancel);
    api_.easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &t.response.status);
    if (code == CURLE_OK && t.response.status) return std::move(t.response);
    t.response.status = 0;
    if (t.too_large)
      t.response.failure = fmt::format("the answer is larger than max_response_mb={}", t.limit >> 20);
    else
      t.response.failure = message[0] ? message : api_.easy_strerror(code);
    long sent = 0;  // bytes of the request's head
    api_.easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &sent);
    t.response.never_sent = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
                            code == CURLE_COULDNT_CONNECT || (code == CURLE_OPERATION_TIMEDOUT && sent == 0);
    return std::move(t.response);
  }

 private:
  struct Headers {
    const CurlApi& api;
    curl_slist* list = nullptr;
    void add(const std::string& line) { list = api.slist_append(list, line.c_str()); }
    ~Headers() { api.slist_free_all(list); }
  };

  void prepare(Transfer& t, const Options& o, curl_slist* headers, char* message) {
    api_.easy_reset(easy_);
    const auto set = [this](CURLoption option, auto value) {
      if (const CURLcode code = api_.easy_setopt(easy_, option, value); code != CURLE_OK)
        fail(ErrorCode::kEpFail, "libcurl refuses option {}: {}", static_cast<int>(option), api_.easy_strerror(code));
    };
    set(CURLOPT_URL, t.request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, message);
    set(CURLOPT_USERAGENT, "tenon");
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(o.timeout_ms));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(o.connect_timeout_ms));
    set(CURLOPT_SSL_VERIFYPEER, o.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, o.verify ? 2L : 0L);
    if (!o.ca_file.empty()) set(CURLOPT_CAINFO, o.ca_file.c_str());
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&t));
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&t));
    if (!t.request.post) return;
    size_t bytes = 0;
    for (const auto& segment : t.request.body) bytes += segment.size();
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
    set(CURLOPT_READFUNCTION, on_read);
    set(CURLOPT_READDATA, static_cast<void*>(&t));
    set(CURLOPT_SEEKFUNCTION, on_seek);
    set(CURLOPT_SEEKDATA, static_cast<void*>(&t));
  }

  CURLcode perform(const CancelToken* cancel) {
    struct Added {  // taken out whatever happens: an unfinished transfer closes its socket
      const CurlApi& api;
      CURLM* multi;
      CURL* easy;
      ~Added() { api.multi_remove_handle(multi, easy); }
    };
    if (const CURLMcode code = api_.multi_add_handle(multi_, easy_); code != CURLM_OK)
      fail(ErrorCode::kEpFail, "libcurl cannot start a request: error {}", static_cast<int>(code));
    const Added added{api_, multi_, easy_};
    for (int running = 1; running;) {
      if (cancel) cancel->check();
      if (const CURLMcode code = api_.multi_perform(multi_, &running); code != CURLM_OK)
        fail(ErrorCode::kEpFail, "libcurl cannot go on with a request: error {}", static_cast<int>(code));
      if (running) api_.multi_poll(multi_, nullptr, 0, cancel ? kPollMs : 1000, nullptr);
    }
    int left = 0;
    while (const CURLMsg* m = api_.multi_info_read(multi_, &left))
      if (m->msg == CURLMSG_DONE) return m->data.result;
    return CURLE_RECV_ERROR;
  }

  void close() {
    if (easy_) api_.easy_cleanup(easy_);
    if (multi_) api_.multi_cleanup(multi_);
  }

  const CurlApi& api_;
  int64_t process_;
  CURLM* multi_;
  CURL* easy_;
};

HttpClient::HttpClient(const Options& options) : options_(options) {}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Connection> HttpClient::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty() && !idle_.back()->own()) idle_.clear();
    if (!idle_.empty()) {
      std::unique_ptr<Connection> c = std::move(idle_.back());
      idle_.pop_back();
      return c;
    }
  }
  return std::make_unique<Connection>();
}

void HttpClient::give(std::unique_ptr<Connection> c) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(c));
}

HttpResponse HttpClient::send(const HttpRequest& request, const CancelToken* cancel) {
  std::unique_ptr<Connection> c = take();
  HttpResponse r = c->send(request, options_, cancel);
  give(std::move(c));
  return r;
}

}  // namespace tenon::ep::remote
