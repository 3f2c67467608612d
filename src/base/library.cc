// dlopen and dlsym.
#include "base/library.h"

#include <dlfcn.h>
#include <unistd.h>

#include "base/error.h"

namespace tenon {

SharedLibrary::SharedLibrary(std::string soname)
    : soname_(std::move(soname)), handle_(dlopen(soname_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) {
    const char* why = dlerror();
    fail(ErrorCode::kEpFail, "the library {} cannot be loaded: {}", soname_, why ? why : "no reason given");
  }
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

}  // namespace tenon
