// External tensor data: which file, where in it, and the bytes, mapped or read.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "onnx/load.h"
#include "onnx/model_view.h"

namespace tenon::onnx {

/// Opens what TensorProto.external_data names: relative locations that, symlinks resolved, lie in the model's
/// directory, in the directory of the real model file (a cache of symlinks), or in an allowed one. Not thread-safe.
class ExternalFiles {
 public:
  /// `dir` empty: nothing may be opened. `real_model`: the model file with symlinks resolved, may be empty.
  ExternalFiles(std::filesystem::path dir, const std::filesystem::path& real_model, const LoadOptions& options);

  struct Piece {
    std::span<const std::byte> bytes;
    std::shared_ptr<const FileBytes> owner;
  };
  /// The `size` bytes of a tensor. Errors: kInvalidGraph for keys and numbers, kNoSuchFile for files.
  Piece find(const TensorView& t, uint64_t size);
  /// All of the file that the model names by `location`.
  std::shared_ptr<const FileBytes> file(std::string_view location);
  /// What the client gave for the tensor of that name; an empty handle when it gave nothing.
  Value given(std::string_view name) const;

 private:
  void warn_key(std::string_view key);
  File open(std::string_view location) const;

  std::filesystem::path dir_;
  std::vector<std::filesystem::path> roots_;
  Weights weights_;
  Logger* logger_;
  ExternalData* in_memory_;
  std::vector<std::string> warned_;
  std::map<std::string, std::shared_ptr<const FileBytes>, std::less<>> mapped_;
  std::optional<File> last_;
  std::string last_location_;
};

}  // namespace tenon::onnx
