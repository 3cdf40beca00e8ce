# Storeys of the house as object libraries. A storey without sources has no target: ask TARGET.
# from below to above
set(DG_STOREYS base kernels ops graph engine optim lang io onnx train model report cli)

# dg_optimise(NAME LEVEL): the level of optimisation in a release build; the sanitizers have theirs.
function(dg_optimise name level)
    if(TARGET dg_${name} AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT DG_SANITIZE)
        target_compile_options(dg_${name} PRIVATE ${level})
    endif()
endfunction()

# dg_storey(NAME LEVEL SOURCES...): object library dg_NAME of these files.
function(dg_storey name level)
    if(NOT ARGN)
        return()
    endif()
    add_library(dg_${name} OBJECT ${ARGN})
    target_include_directories(dg_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src
        ${PROJECT_SOURCE_DIR}/include)
    dg_optimise(${name} ${level})
endfunction()

# dg_objects(OUT NAME...): the objects of those storeys that have any.
function(dg_objects out)
    set(objects)
    foreach(name ${ARGN})
        if(TARGET dg_${name})
            list(APPEND objects $<TARGET_OBJECTS:dg_${name}>)
        endif()
    endforeach()
    set(${out} ${objects} PARENT_SCOPE)
endfunction()

# The mathematics is compiled for each type and each instruction set: six times on x86-64. The
# program is to stay small (2 MB), so each part is optimised as far as it pays: f32 kernels all the
# way, what passes over memory once less; what is there to be right rather than fast (f64, and the
# portable path) one step less again, but for portable kernels, which -Os makes half as fast.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(DG_ISAS v4 v3 portable)
else()
    set(DG_ISAS portable)
endif()
set(DG_FLAGS_v4 -march=x86-64-v4 -mprfchw)
set(DG_FLAGS_v3 -march=x86-64-v3 -mprfchw)
set(DG_FLAGS_portable)

# dg_math(PREFIX OUT FAST RIGHT SOURCES...): object libraries dg_<prefix>_<f32|f64>_<isa>, optimised
# by FAST or RIGHT (above); their names, without dg_, go to OUT.
function(dg_math prefix out fast right)
    set(names)
    foreach(real 32 64)
        foreach(isa ${DG_ISAS})
            set(name ${prefix}_f${real}_${isa})
            if(real EQUAL 32 AND NOT isa STREQUAL "portable")
                dg_storey(${name} ${fast} ${ARGN})
            else()
                dg_storey(${name} ${right} ${ARGN})
            endif()
            list(APPEND names ${name})
            if(TARGET dg_${name})
                target_compile_definitions(dg_${name} PRIVATE DG_REAL=${real} DG_ISA=${isa})
                target_compile_options(dg_${name} PRIVATE ${DG_FLAGS_${isa}})
            endif()
        endforeach()
    endforeach()
    set(${out} ${names} PARENT_SCOPE)
endfunction()

set(levels -O2 -O2 -O2 -O2 -O2 -Os -Os -Os -Os -Os)
foreach(storey base graph engine optim io lang onnx train model report)
    list(POP_FRONT levels level)
    if(storey MATCHES "^(io|lang|onnx|train|model|report)$" AND NOT DG_HAVE_IO)
        continue()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${storey}/*.c)
    dg_storey(${storey} ${level} ${sources})
endforeach()
file(GLOB DG_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cli/*.c)

# src/ops/NAME.c: once without DG_REAL for its dg_node_type, and once in each math library.
# src/ops/registry*.c and isa*.c are tables: compiled once only. src/kernels: mathematics only.
file(GLOB ops CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/ops/*.c)
file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*.c)
dg_storey(ops -Os ${ops})
list(FILTER ops EXCLUDE REGEX "/(registry|isa)[^/]*\\.c$")
dg_math(math_ops DG_MATH_OPS -O2 -Os ${ops})
dg_math(math_kernels DG_MATH_KERNELS -O3 -O2 ${kernels})
set(DG_MATH ${DG_MATH_OPS} ${DG_MATH_KERNELS})
