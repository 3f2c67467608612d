// CPU features: names, order of levels, what tests iterate over.
#include "base/cpu.h"

#include <gtest/gtest.h>

namespace tenon::base::cpu_test {
namespace {

TEST(Cpu, RunnableLevelsStartPortableAndEndAtDetected) {
  const auto isas = runnable_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::kPortable);
  EXPECT_EQ(isas.back(), detected_isa());
  for (size_t i = 0; i < isas.size(); ++i) EXPECT_EQ(static_cast<size_t>(isas[i]), i);
}

TEST(Cpu, NamesAndDescription) {
  EXPECT_EQ(isa_name(Isa::kPortable), "portable");
  EXPECT_EQ(isa_name(Isa::kAvx512Vnni), "avx512vnni");
  EXPECT_LE(active_isa(), detected_isa());
  EXPECT_NE(cpu_description().find(isa_name(detected_isa())), std::string_view::npos);
  EXPECT_GE(physical_cores(), 1);
}

}  // namespace
}  // namespace tenon::base::cpu_test
