// SharedLibrary: a library of the system, or one of ours, that is loaded when it is first needed. PluginLibrary: one
// that a client names.
#pragma once
#include <cstdint>
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

/// An extension by its path, loaded until the last owner lets it go.
class PluginLibrary {
 public:
  /// Relative paths, bare names too, count from the working directory: no search path is asked. Throws kNoSuchFile when
  /// there is no such file, kFail with the loader's reason when it is no library.
  explicit PluginLibrary(const std::string& path);
  ~PluginLibrary();
  PluginLibrary(const PluginLibrary&) = delete;
  PluginLibrary& operator=(const PluginLibrary&) = delete;

  const std::string& path() const { return path_; }  ///< absolute
  bool has(const char* name) const noexcept;
  /// The entry `name`, an object that begins with the versions `api` and `abi` of tenon/plugin.h. Throws kFail when the
  /// library has no such entry or was built for other versions.
  const void* entry(const char* name, uint32_t api, uint32_t abi) const;

 private:
  std::string path_;
  void* handle_ = nullptr;
};

}  // namespace tenon
