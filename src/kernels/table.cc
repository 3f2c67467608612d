// Choice of the kernel table.
#include "kernels/table.h"

namespace tenon::kernels {

namespace portable {
extern const KernelTable kTable;
}
namespace avx2 {
extern const KernelTable kTable;
}
namespace avx512 {
extern const KernelTable kTable;
}
namespace avx512vnni {
extern const KernelTable kTable;
}

const KernelTable& kernels_for(Isa isa) {
#if defined(TENON_HAVE_ISA_AVX512VNNI)
  if (isa >= Isa::kAvx512Vnni) return avx512vnni::kTable;
#endif
#if defined(TENON_HAVE_ISA_AVX512)
  if (isa >= Isa::kAvx512) return avx512::kTable;
#endif
#if defined(TENON_HAVE_ISA_AVX2)
  if (isa >= Isa::kAvx2) return avx2::kTable;
#endif
  static_cast<void>(isa);
  return portable::kTable;
}

const KernelTable& kernels() {
  static const KernelTable& table = kernels_for(active_isa());
  return table;
}

}  // namespace tenon::kernels
