// Loads libcurl.
#include "ep/remote/curl_api.h"

#include "base/error.h"
#include "base/library.h"

namespace tenon::ep::remote {
namespace {

CurlApi load() {
  const SharedLibrary library("libcurl.so.4");
  decltype(::curl_global_init)* global_init = nullptr;
  library.bind("curl_global_init", global_init);
  if (const CURLcode code = global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK)
    fail(ErrorCode::kEpFail, "libcurl does not start: error {}", static_cast<int>(code));
  CurlApi api{};
  library.bind("curl_easy_init", api.easy_init);
  library.bind("curl_easy_reset", api.easy_reset);
  library.bind("curl_easy_setopt", api.easy_setopt);
  library.bind("curl_easy_getinfo", api.easy_getinfo);
  library.bind("curl_easy_strerror", api.easy_strerror);
  library.bind("curl_easy_cleanup", api.easy_cleanup);
  library.bind("curl_multi_init", api.multi_init);
  library.bind("curl_multi_add_handle", api.multi_add_handle);
  library.bind("curl_multi_remove_handle", api.multi_remove_handle);
  library.bind("curl_multi_perform", api.multi_perform);
  library.bind("curl_multi_poll", api.multi_poll);
  library.bind("curl_multi_info_read", api.multi_info_read);
  library.bind("curl_multi_cleanup", api.multi_cleanup);
  library.bind("curl_slist_append", api.slist_append);
  library.bind("curl_slist_free_all", api.slist_free_all);
  return api;
}

}  // namespace

const CurlApi& curl_api() {
  static const CurlApi api = load();
  return api;
}

}  // namespace tenon::ep::remote
