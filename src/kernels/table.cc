// Choice of the kernel table.
#include "kernels/table.h"

namespace tenon::kernels {

const KernelTable& kernels_for(Isa isa) {
  static const KernelTable tables[] = {{Isa::kPortable}, {Isa::kAvx2}, {Isa::kAvx512}, {Isa::kAvx512Vnni}};
  return tables[static_cast<int>(isa)];
}

const KernelTable& kernels() {
  static const KernelTable& table = kernels_for(active_isa());
  return table;
}

}  // namespace tenon::kernels
