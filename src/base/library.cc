// dlopen and dlsym.
#include "base/library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace tenon {

SharedLibrary::SharedLibrary(std::string soname)
    : soname_(std::move(soname)), handle_(dlopen(soname_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) {
    const char* why = dlerror();
    fail(ErrorCode::kEpFail, "the library {} cannot be loaded: {}", soname_, why ? why : "no reason given");
  }
}

void* SharedLibrary::symbol(const char* name) const {
  void* p = dlsym(handle_, name);
  if (!p) fail(ErrorCode::kEpFail, "the library {} has no {}", soname_, name);
  return p;
}

}  // namespace tenon
