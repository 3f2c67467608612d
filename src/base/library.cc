// dlopen and dlsym.
#include "base/library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace tenon {
namespace {

const char* loader_reason() {
  const char* why = dlerror();
  return why ? why : "no reason given";
}

}  // namespace

SharedLibrary::SharedLibrary(std::string soname)
    : soname_(std::move(soname)), handle_(dlopen(soname_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) fail(ErrorCode::kEpFail, "the library {} cannot be loaded: {}", soname_, loader_reason());
}

SharedLibrary SharedLibrary::beside(const std::string& soname) {
  static const char here = 0;
  Dl_info self{};
  if (dladdr(&here, &self) && self.dli_fname) {
    const std::string file = self.dli_fname;
    const size_t slash = file.rfind('/');
    const std::string folder = slash == file.npos ? std::string() : file.substr(0, slash + 1);
    for (const char* from : {"", "../lib/"})
      if (const std::string path = folder + from + soname;
          path.find('/') != path.npos && access(path.c_str(), R_OK) == 0)
        return SharedLibrary(path);
  }
  return SharedLibrary(soname);
}

void* SharedLibrary::symbol(const char* name) const {
  void* p = dlsym(handle_, name);
  if (!p) fail(ErrorCode::kEpFail, "the library {} has no {}", soname_, name);
  return p;
}

PluginLibrary::PluginLibrary(const std::string& path) {
  std::error_code error;
  path_ = std::filesystem::absolute(path, error).lexically_normal().string();
  if (path.empty() || error || !std::filesystem::is_regular_file(path_, error))
    fail(ErrorCode::kNoSuchFile, "library \"{}\": there is no such file", path);
  handle_ = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) fail(ErrorCode::kFail, "library \"{}\" cannot be loaded: {}", path, loader_reason());
}

PluginLibrary::~PluginLibrary() { dlclose(handle_); }

bool PluginLibrary::has(const char* name) const noexcept { return dlsym(handle_, name) != nullptr; }

const void* PluginLibrary::entry(const char* name, uint32_t api, uint32_t abi) const {
  const void* p = dlsym(handle_, name);
  if (!p) fail(ErrorCode::kFail, "library \"{}\" exports no {}", path_, name);
  uint32_t found[2];
  std::memcpy(found, p, sizeof found);
  if (found[0] != api)
    fail(ErrorCode::kFail, "library \"{}\" was built for version {} of tenon/plugin.h, expected {}", path_, found[0],
         api);
  if (found[1] != abi)
    fail(ErrorCode::kFail, "library \"{}\" was built with another C++ standard library ({:#x} found, expected {:#x})",
         path_, found[1], abi);
  return p;
}

}  // namespace tenon
