# Build type, language, warnings, sanitizers.
set(DG_SANITIZE "" CACHE STRING "address (with undefined behaviour), thread, or empty")
set_property(CACHE DG_SANITIZE PROPERTY STRINGS "" address thread)
option(DG_WERROR "warnings are errors (for developers: make tidy, make test)" OFF)

set(DG_TOP_LEVEL FALSE) # else part of another project: no tests, no programs, nothing installed
if(CMAKE_SOURCE_DIR STREQUAL PROJECT_SOURCE_DIR)
    set(DG_TOP_LEVEL TRUE)
endif()
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    if(DG_TOP_LEVEL)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
    else()
        set(CMAKE_BUILD_TYPE Release) # in this folder only
    endif()
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# The program takes of each archive only the functions that it calls; and what is released carries
# no tables for unwinding (debuggers have their own with -g), a twentieth of its size.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT DG_SANITIZE)
    add_compile_options(-fno-asynchronous-unwind-tables)
endif()

# Relocations of a program packed, where the linker and the C library know how: 70 kB less. Only a
# run shows whether the C library does, so a program for another machine is made without.
if(CMAKE_CROSSCOMPILING)
    set(DG_HAS_RELR FALSE)
else()
    include(CheckCSourceRuns)
    set(CMAKE_REQUIRED_LINK_OPTIONS -Wl,-z,pack-relative-relocs)
    check_c_source_runs("int main(void) { return 0; }" DG_HAS_RELR)
    unset(CMAKE_REQUIRED_LINK_OPTIONS)
endif()
if(DG_HAS_RELR)
    set(DG_RELR -Wl,-z,pack-relative-relocs)
endif()

# No compiler flag may decide where a product is fused with a sum: the same bits everywhere.
add_compile_options(-ffp-contract=off)
if(DG_TOP_LEVEL)
    add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
        -Wdouble-promotion -Wvla -Wno-missing-field-initializers)
    if(DG_WERROR)
        add_compile_options(-Werror)
    endif()
else()
    add_compile_options(-w) # the warnings that a parent asks for are for its own sources
endif()

if(DG_SANITIZE STREQUAL "address")
    set(DG_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(DG_SANITIZE STREQUAL "thread")
    set(DG_SANITIZE_FLAGS -fsanitize=thread)
elseif(NOT DG_SANITIZE STREQUAL "")
    message(FATAL_ERROR "DG_SANITIZE=${DG_SANITIZE}: choose address, thread, or nothing")
endif()
if(DG_SANITIZE_FLAGS)
    # After the build type's -O3, so this one counts. With -O1 alone gcc leaves the upper halves of
    # vector registers dirty, and all code of the portable path that follows is 10 times as slow.
    add_compile_options(${DG_SANITIZE_FLAGS} -fno-omit-frame-pointer -g1 -O1)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-fexpensive-optimizations)
    endif()
    add_compile_definitions(DG_SANITIZED)
    add_link_options(${DG_SANITIZE_FLAGS})
endif()

# The kernels need a compiler that knows the x86-64 levels (gcc 11, clang 12).
include(CheckCCompilerFlag)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    check_c_compiler_flag(-march=x86-64-v4 DG_KNOWS_X86_64_V4)
    if(NOT DG_KNOWS_X86_64_V4)
        message(FATAL_ERROR "this compiler does not know -march=x86-64-v4: take gcc 11, clang 12, "
            "or newer")
    endif()
endif()
