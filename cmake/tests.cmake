# Tests, all by glob: tests/<storey>/test_NAME.c is the test <storey>.NAME, its label the storey.
#   tests/<storey>/shim_NAME.c   a shared object for LD_PRELOAD, build/tests/shim_NAME.so
#   any other tests/**/*.c       helpers, in one archive that every test is linked with
# Each test finds in its environment DAGRAD_PROGRAM (the program), DAGRAD_SOURCE (this folder) and
# DAGRAD_BUILD (the build folder).
set(DG_TEST_ENVIRONMENT DAGRAD_PROGRAM=${PROJECT_BINARY_DIR}/dagrad
    DAGRAD_SOURCE=${PROJECT_SOURCE_DIR} DAGRAD_BUILD=${PROJECT_BINARY_DIR}
    UBSAN_OPTIONS=print_stacktrace=1)

find_path(CMOCKA_INCLUDE cmocka.h)
find_library(CMOCKA_LIBRARY cmocka)
file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*.c)
if(NOT CMOCKA_LIBRARY OR NOT CMOCKA_INCLUDE)
    message(WARNING "cmocka is missing: the tests in C are not built")
    set(sources)
endif()

set(helpers ${sources})
list(FILTER helpers EXCLUDE REGEX "/(test|shim)_[^/]*\\.c$")
set(shims ${sources})
list(FILTER shims INCLUDE REGEX "/shim_[^/]*\\.c$")
list(FILTER sources INCLUDE REGEX "/test_[^/]*\\.c$")

if(helpers)
    add_library(dg_test_helpers STATIC ${helpers})
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

foreach(file ${sources})
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(storey ${folder} NAME)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" name ${name})
    set(target test_${storey}_${name})
    add_executable(${target} ${file})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${CMOCKA_INCLUDE})
    if(helpers)
        target_link_libraries(${target} PRIVATE dg_test_helpers)
    endif()
    target_link_libraries(${target} PRIVATE dg_all ${CMOCKA_LIBRARY})
    if(TARGET dagrad AND storey MATCHES "^(cli|train)$")
        add_dependencies(${target} dagrad ${DG_SHIMS})
    endif()
    add_test(NAME ${storey}.${name} COMMAND ${target})
    set_tests_properties(${storey}.${name} PROPERTIES LABELS ${storey} TIMEOUT 300
        ENVIRONMENT "${DG_TEST_ENVIRONMENT}")
endforeach()

# Tests of the house itself: scripts, exit 77 for 'skipped, and why'.
file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*/test_*.sh)
foreach(file ${scripts})
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(storey ${folder} NAME)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" name ${name})
    add_test(NAME ${storey}.${name} COMMAND bash ${file})
    set_tests_properties(${storey}.${name} PROPERTIES LABELS ${storey} TIMEOUT 300
        SKIP_RETURN_CODE 77 ENVIRONMENT "${DG_TEST_ENVIRONMENT};DAGRAD_CC=${CMAKE_C_COMPILER}")
endforeach()
