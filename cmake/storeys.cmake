# Storeys of the house as object libraries. A storey without sources has no target: ask TARGET.
set(DG_STOREYS base kernels ops graph engine optim lang io train cli) # from below to above

# dg_storey(NAME SOURCES...): object library dg_NAME of these files.
function(dg_storey name)
    if(NOT ARGN)
        return()
    endif()
    add_library(dg_${name} OBJECT ${ARGN})
    target_include_directories(dg_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src
        ${PROJECT_SOURCE_DIR}/include)
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

# The mathematics is compiled for each type and each instruction set: six times on x86-64.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(DG_ISAS v4 v3 portable)
else()
    set(DG_ISAS portable)
endif()
set(DG_ISA_FLAGS_v4 -march=x86-64-v4)
set(DG_ISA_FLAGS_v3 -march=x86-64-v3)
set(DG_ISA_FLAGS_portable)

# dg_math_libraries(PREFIX OUT SOURCES...): object libraries dg_<prefix>_<f32|f64>_<isa>; their
# names, without dg_, go to OUT.
function(dg_math_libraries prefix out)
    set(names)
    foreach(real 32 64)
        foreach(isa ${DG_ISAS})
            set(name ${prefix}_f${real}_${isa})
            dg_storey(${name} ${ARGN})
            list(APPEND names ${name})
            if(TARGET dg_${name})
                target_compile_definitions(dg_${name} PRIVATE DG_REAL=${real} DG_ISA=${isa})
                target_compile_options(dg_${name} PRIVATE ${DG_ISA_FLAGS_${isa}})
                if(NOT DG_SANITIZE)
                    target_compile_options(dg_${name} PRIVATE -O3) # also in a debug build
                endif()
            endif()
        endforeach()
    endforeach()
    set(${out} ${names} PARENT_SCOPE)
endfunction()

foreach(storey base graph engine optim lang io train cli)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${storey}/*.c)
    if(storey STREQUAL "cli")
        set(DG_CLI_SOURCES ${sources})
    else()
        dg_storey(${storey} ${sources})
    endif()
endforeach()

# src/ops/NAME.c: once without DG_REAL for its dg_node_type, and once in each math library.
# src/ops/registry*.c and isa*.c are tables: compiled once only. src/kernels: mathematics only.
file(GLOB ops CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/ops/*.c)
file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*.c)
dg_storey(ops ${ops})
list(FILTER ops EXCLUDE REGEX "/(registry|isa)[^/]*\\.c$")
dg_math_libraries(math DG_MATH ${ops} ${kernels})
