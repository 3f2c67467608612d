# Rooms: each folder under src/ is one or two object libraries; tenon_link_rooms joins them into one library.

# Include paths and third-party interfaces shared by every target of ours.
function(tenon_configure target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE fmt::fmt Threads::Threads)
endfunction()

# Groups sources for unity compilation by a hash of the file name, so that a new file touches one batch only.
function(tenon_batch target prefix)
  if(NOT TENON_UNITY)
    return()
  endif()
  list(LENGTH ARGN count)
  set(batches 1)
  while(count GREATER 8)  # a power of two, so that the batches keep their members while files are added
    math(EXPR count "(${count} + 1) / 2")
    math(EXPR batches "${batches} * 2")
  endwhile()
  foreach(source ${ARGN})
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${source})
    string(MD5 hash ${name})
    string(SUBSTRING ${hash} 0 6 hash)
    math(EXPR batch "0x${hash} % ${batches}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${prefix}_${batch})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

function(tenon_add_objects target)
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  tenon_configure(${target})
endfunction()

# One header precompiled for all rooms but kernels and batched files, which would only pay for it.
if(TENON_PCH)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/gen/pch.cc CONTENT "")
  tenon_add_objects(tenon_pch ${PROJECT_BINARY_DIR}/gen/pch.cc)
  target_compile_options(tenon_pch PRIVATE -ffp-contract=off "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  target_precompile_headers(
    tenon_pch PRIVATE <algorithm> <array> <atomic> <chrono> <cstdint> <cstring> <functional> <map> <memory> <mutex>
    <optional> <set> <span> <string> <string_view> <unordered_map> <unordered_set> <variant> <vector> <fmt/format.h>)
endif()

# tenon_<room>: every src/<room>/**.cc but tests. Results must not depend on the compiler, hence -ffp-contract=off.
function(tenon_add_room room)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/src/kernels/simd/")
  if(NOT sources)
    return()
  endif()
  set(target tenon_${room})
  tenon_add_objects(${target} ${sources})
  target_compile_options(${target} PRIVATE -ffp-contract=off)
  if(room STREQUAL "kernels")
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O3>)
    foreach(isa ${TENON_ISAS})
      string(TOUPPER ${isa} upper)
      target_compile_definitions(${target} PRIVATE TENON_HAVE_ISA_${upper}=1)
    endforeach()
  endif()
  set(batched ${sources})
  list(FILTER batched INCLUDE REGEX "/src/(ops/[^/]+|passes/rules)/[^/]+\\.cc$")
  if(batched)
    tenon_batch(${target} ${room} ${batched})
  elseif(TENON_PCH AND NOT room STREQUAL "kernels")
    target_precompile_headers(${target} REUSE_FROM tenon_pch)
  endif()
endfunction()

set(TENON_FLAGS_portable "")
set(TENON_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(TENON_FLAGS_avx512 ${TENON_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd)
set(TENON_FLAGS_avx512vnni ${TENON_FLAGS_avx512} -mavx512vnni)  # all that detected_isa() asks for

# tenon_simd_<isa>: every src/kernels/simd/*.cc once per ISA with -DTENON_ISA=<isa>; foo_avx2.cc for avx2 only.
function(tenon_add_simd)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/simd/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  foreach(isa ${TENON_ISAS})
    set(mine ${sources})
    foreach(other portable avx2 avx512 avx512vnni)
      if(NOT other STREQUAL isa)
        list(FILTER mine EXCLUDE REGEX "_${other}\\.cc$")
      endif()
    endforeach()
    if(mine)
      tenon_add_objects(tenon_simd_${isa} ${mine})
      target_compile_options(tenon_simd_${isa} PRIVATE -ffp-contract=off $<$<CONFIG:Release>:-O3> ${TENON_FLAGS_${isa}})
      target_compile_definitions(tenon_simd_${isa} PRIVATE TENON_ISA=${isa})
    endif()
  endforeach()
endfunction()

# A library made of the objects of the named rooms; rooms that do not exist yet are left out.
function(tenon_link_rooms target kind)
  set(objects ${PROJECT_BINARY_DIR}/gen/version.cc)
  foreach(room ${ARGN})
    if(TARGET tenon_${room})
      list(APPEND objects $<TARGET_OBJECTS:tenon_${room}>)
    endif()
    if(room STREQUAL "kernels")
      foreach(isa ${TENON_ISAS})
        if(TARGET tenon_simd_${isa})
          list(APPEND objects $<TARGET_OBJECTS:tenon_simd_${isa}>)
        endif()
      endforeach()
    elseif(room STREQUAL "ops" AND TARGET tenon_op_table)
      list(APPEND objects $<TARGET_OBJECTS:tenon_op_table>)
    endif()
  endforeach()
  add_library(${target} ${kind} ${objects})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  if(kind STREQUAL "STATIC")
    target_link_libraries(${target} PUBLIC fmt::fmt Threads::Threads ${CMAKE_DL_LIBS})
  else()
    target_link_libraries(${target} PRIVATE fmt::fmt Threads::Threads ${CMAKE_DL_LIBS})
  endif()
endfunction()

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/gen/version.cc @ONLY CONTENT [[
// Generated by cmake/rooms.cmake: the version that this build calls itself.
namespace tenon {
extern const char kVersion[];
const char kVersion[] = "@PROJECT_VERSION@";
}  // namespace tenon
]])
