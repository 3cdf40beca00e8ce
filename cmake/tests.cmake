# Tests, all by glob: tests/<storey>/test_NAME.c is the test <storey>.NAME, its label the storey.
#   tests/<storey>/shim_NAME.c   a shared object for LD_PRELOAD, build/tests/shim_NAME.so
#   tests/<storey>/each_NAME.c   mathematics: compiled for each type and instruction set
#   tests/fuzz/                  fuzzers, with clang: see cmake/fuzz.cmake
#   tests/nodes/                 wrong nodes, plug-ins: see cmake/programs.cmake
#   tests/long/                  scripts that `make longtest` runs, and programs for them
#   any other tests/**/*.c       helpers, in one archive that every test is linked with
# Each test finds in its environment DAGRAD_PROGRAM (the program), DAGRAD_SOURCE (this folder) and
# DAGRAD_BUILD (the build folder). `make longtest` sets DAGRAD_LONGTEST=1: the long version; a file
# that asks for it says how long that takes: 'longtest: N min'. A test that cannot run here ends
# with status 77, skipped, and prints why. A test named *hash* appends the hashes it found to
# $DAGRAD_BUILD/hashes.txt, a line each: gcc's and clang's must be the same.
set(DG_TEST_ENVIRONMENT DAGRAD_PROGRAM=${PROJECT_BINARY_DIR}/dagrad
    DAGRAD_SOURCE=${PROJECT_SOURCE_DIR} DAGRAD_BUILD=${PROJECT_BINARY_DIR}
    UBSAN_OPTIONS=print_stacktrace=1)

find_path(CMOCKA_INCLUDE cmocka.h)
find_library(CMOCKA_LIBRARY cmocka)
file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*.c)
list(FILTER sources EXCLUDE REGEX "/tests/(fuzz|long|nodes)/")
if(NOT DG_HAVE_IO)
    list(FILTER sources EXCLUDE REGEX "/tests/(lang|io|onnx|train|model|report|cli|examples)/")
endif()
if(NOT CMOCKA_LIBRARY OR NOT CMOCKA_INCLUDE)
    message(WARNING "cmocka is missing: the tests in C are not built")
    set(sources)
endif()

set(helpers ${sources})
list(FILTER helpers EXCLUDE REGEX "/(test|shim|each)_[^/]*\\.c$")
set(each ${sources})
list(FILTER each INCLUDE REGEX "/each_[^/]*\\.c$")
set(shims ${sources})
list(FILTER shims INCLUDE REGEX "/shim_[^/]*\\.c$")
list(FILTER sources INCLUDE REGEX "/test_[^/]*\\.c$")

set(each_objects)
if(each)
    dg_math(each test_libraries -O2 -O2 ${each})
    foreach(name ${test_libraries})
        target_include_directories(dg_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${CMOCKA_INCLUDE})
        list(APPEND each_objects $<TARGET_OBJECTS:dg_${name}>)
    endforeach()
endif()

if(helpers OR each)
    add_library(dg_test_helpers STATIC ${helpers} ${each_objects})
    target_include_directories(dg_test_helpers PUBLIC ${PROJECT_SOURCE_DIR}/tests ${CMOCKA_INCLUDE})
    target_link_libraries(dg_test_helpers PUBLIC dg_all ${CMOCKA_LIBRARY})
endif()

set(DG_SHIMS)
foreach(file ${shims})
    get_filename_component(name ${file} NAME_WE)
    list(APPEND DG_SHIMS ${name})
    add_library(${name} MODULE ${file})
    target_link_libraries(${name} PRIVATE dl)
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY tests)
endforeach()

# The labels of a test: its storey; hash if its name says so; threads for what the thread sanitizer
# is to see. tests_<label> builds all tests of a label.
function(dg_labels out storey name)
    set(labels ${storey})
    if(name MATCHES "hash")
        list(APPEND labels hash)
    endif()
    if(storey STREQUAL "engine" OR name MATCHES "team|thread")
        list(APPEND labels threads)
    endif()
    set(${out} ${labels} PARENT_SCOPE)
endfunction()

add_custom_target(tests_hash)
add_custom_target(tests_threads)
foreach(file ${sources})
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(storey ${folder} NAME)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" name ${name})
    set(target test_${storey}_${name})
    add_executable(${target} ${file})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${CMOCKA_INCLUDE})
    if(TARGET dg_test_helpers)
        target_link_libraries(${target} PRIVATE dg_test_helpers)
    endif()
    if(DG_HAVE_IO)
        dg_picture_definitions(${target})
    endif()
    target_link_libraries(${target} PRIVATE dg_all ${CMOCKA_LIBRARY} m)
    if(storey MATCHES "^(cli|train|model|report|examples)$")
        add_dependencies(${target} dagrad ${DG_SHIMS})
    endif()
    dg_labels(labels ${storey} ${name})
    foreach(label ${labels})
        if(NOT TARGET tests_${label})
            add_custom_target(tests_${label})
        endif()
        add_dependencies(tests_${label} ${target})
    endforeach()
    add_test(NAME ${storey}.${name} COMMAND ${target})
    set_tests_properties(${storey}.${name} PROPERTIES LABELS "${labels}"
        SKIP_RETURN_CODE 77 ENVIRONMENT "${DG_TEST_ENVIRONMENT}")
endforeach()

# Numbers against MPFR, where it is.
find_library(MPFR_LIBRARY mpfr)
find_path(MPFR_INCLUDE mpfr.h)
if(TARGET test_ops_numbers AND MPFR_LIBRARY AND MPFR_INCLUDE)
    target_compile_definitions(test_ops_numbers PRIVATE DG_HAVE_MPFR)
    target_link_libraries(test_ops_numbers PRIVATE ${MPFR_LIBRARY})
endif()

# A node of ops.def that has no cases does not build: this names it.
if(TARGET test_ops_derivatives AND NOT CMAKE_CROSSCOMPILING)
    add_custom_command(TARGET test_ops_derivatives POST_BUILD
        COMMAND test_ops_derivatives --cases VERBATIM)
endif()

# tests/long/NAME.c is build/tests/long_NAME, on the core library alone.
file(GLOB programs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/long/*.c)
foreach(file ${programs})
    get_filename_component(name ${file} NAME_WE)
    add_executable(long_${name} ${file} ${PROJECT_SOURCE_DIR}/tests/engine/random_dag.c)
    target_include_directories(long_${name} PRIVATE ${house} ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(long_${name} PRIVATE dagrad_static)
    set_target_properties(long_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
endforeach()

# Tests of the house itself: scripts, exit 77 for 'skipped, and why'.
file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/test_*.sh)
foreach(file ${scripts})
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(storey ${folder} NAME)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" name ${name})
    add_test(NAME ${storey}.${name} COMMAND bash ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${storey}.${name} PROPERTIES LABELS ${storey}
        SKIP_RETURN_CODE 77 ENVIRONMENT "${DG_TEST_ENVIRONMENT};DAGRAD_CC=${CMAKE_C_COMPILER}")
endforeach()
