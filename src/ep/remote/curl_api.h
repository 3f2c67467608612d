// CurlApi: the functions of libcurl that requests need, bound when the first one is made.
#pragma once
#include <curl/curl.h>

namespace tenon::ep::remote {

/// Not linked: libcurl and what it needs would cost every process some 6 MB and 10 ms, remote or not.
struct CurlApi {
  decltype(::curl_easy_init)* easy_init;
  decltype(::curl_easy_reset)* easy_reset;
  decltype(::curl_easy_setopt)* easy_setopt;
  decltype(::curl_easy_getinfo)* easy_getinfo;
  decltype(::curl_easy_strerror)* easy_strerror;
  decltype(::curl_easy_cleanup)* easy_cleanup;
  decltype(::curl_multi_init)* multi_init;
  decltype(::curl_multi_add_handle)* multi_add_handle;
  decltype(::curl_multi_remove_handle)* multi_remove_handle;
  decltype(::curl_multi_perform)* multi_perform;
  decltype(::curl_multi_poll)* multi_poll;
  decltype(::curl_multi_info_read)* multi_info_read;
  decltype(::curl_multi_cleanup)* multi_cleanup;
  decltype(::curl_slist_append)* slist_append;
  decltype(::curl_slist_free_all)* slist_free_all;
};

/// Throws kEpFail when the system has no libcurl.so.4 (Debian: libcurl4).
const CurlApi& curl_api();

}  // namespace tenon::ep::remote
