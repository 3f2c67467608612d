// SharedLibrary: a library of the system, or one of ours, that is loaded when it is first needed.
#pragma once
#include <string>

namespace tenon {

/// Stays loaded until the process ends.
class SharedLibrary {
 public:
  /// Throws kEpFail with the loader's reason when there is no such library.
  explicit SharedLibrary(std::string soname);
  /// One that comes with this one: beside the file that holds this code, in ../lib of it, else wherever the loader
  /// looks.
  static SharedLibrary beside(const std::string& soname);
  /// Throws kEpFail naming library and symbol when it has none of that name.
  void* symbol(const char* name) const;
  template <class F>
  void bind(const char* name, F*& function) const {
    function = reinterpret_cast<F*>(symbol(name));
  }

 private:
  std::string soname_;
  void* handle_;
};

}  // namespace tenon
