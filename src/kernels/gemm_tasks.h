// GemmTasks: one product cut into tasks that any thread may run. Shared by GEMM, batched GEMM and convolution.
#pragma once
#include "base/function_ref.h"
#include "kernels/gemm.h"
#include "kernels/gemm_tiles.h"

namespace tenon::kernels {

/// Packs B(k0 .. k0 + kc, n0 .. n0 + n) as GemmTiles::pack_rows does.
using PanelPacker = FunctionRef<void(int64_t k0, int64_t kc, int64_t n0, int64_t n, float* dst)>;

inline constexpr int64_t kGemmKc = 256;    ///< k is added up in blocks of this size
inline constexpr int64_t kGemmMaxNr = 64;  ///< largest GemmTiles::nr

/// How a product of given shape runs. Depends on the shape and the table alone, never on threads.
class GemmTasks {
 public:
  /// `packer`: B comes from it instead of args.b.
  GemmTasks(const GemmArgs& args, bool has_packer, const KernelTable& table);

  int64_t count() const { return m_blocks_ * n_blocks_; }
  /// Rough nanoseconds per task.
  double cost() const { return cost_; }
  /// Runs task t of `args`, which has the shape given to the constructor (pointers may differ).
  void run(const GemmArgs& args, int64_t t, const PanelPacker* packer = nullptr) const;

 private:
  enum class Path : uint8_t {
    kTiled,
    kDirect,
    kPackRows,
    kPackColumns,
    kPackAny,
    kPacker,
    kGemvPacked,
    kGemvRows,
    kDot
  };

  void run_tiled(const GemmArgs& args, int64_t m0, int64_t m1, int64_t n0, int64_t n1, const PanelPacker* packer) const;
  void run_rows(const GemmArgs& args, int64_t m0, int64_t m1, int64_t n0, int64_t n1) const;
  const float* pack(const GemmArgs& args, int64_t k0, int64_t kc, int64_t n0, int64_t n, const PanelPacker* packer,
                    float* dst) const;

  const KernelTable& table_;
  const GemmTiles& tiles_;
  Path path_ = Path::kTiled;
  bool pack_a_ = false;
  int64_t mc_ = 1, nc_ = 1, m_blocks_ = 0, n_blocks_ = 0;
  double cost_ = 0;
};

}  // namespace tenon::kernels
