# tests/fuzz/fuzz_NAME.c is a function that takes any bytes. Of each two programs are made:
#   BUILD/tests/replay_NAME   by every compiler: gives it the files named; the test fuzz.NAME gives
#                             it the corpus, tests/fuzz/corpus/NAME.tar.gz
#   BUILD/fuzz_NAME           by clang, target fuzz: looks for new inputs (libFuzzer). What reads
#                             what others wrote is compiled again, instrumented, with sanitizers.
# scripts/fuzz.sh (make fuzz) runs the latter and keeps the corpora.
if(NOT DG_HAVE_IO)
    return()
endif()
set(tests ${PROJECT_SOURCE_DIR}/tests)
file(GLOB fuzzers CONFIGURE_DEPENDS ${tests}/fuzz/fuzz_*.c)
file(GLOB tools CONFIGURE_DEPENDS ${tests}/io/*.c ${tests}/lang/*.c)
list(FILTER tools EXCLUDE REGEX "/(test|shim|each)_[^/]*\\.c$")
list(APPEND tools ${tests}/fuzz/readers.c ${tests}/fuzz/program.c)

# dg_fuzz_tools(NAME SOURCES...): a library of these, the program among them, its main renamed.
function(dg_fuzz_tools name)
    add_library(${name} STATIC EXCLUDE_FROM_ALL ${ARGN} ${tools} ${DG_CLI_SOURCES})
    target_include_directories(${name} PUBLIC ${house} ${tests})
    target_compile_definitions(${name} PRIVATE main=dagrad_main DAGRAD_VERSION="0"
        DAGRAD_BUILD="fuzzed")
    target_compile_options(${name} PRIVATE -Wno-missing-prototypes) # of dagrad_main
    target_link_libraries(${name} PUBLIC dg_all ${CMAKE_DL_LIBS} m)
endfunction()

dg_fuzz_tools(dg_replayed)
add_executable(fuzz_seeds EXCLUDE_FROM_ALL ${tests}/fuzz/seeds.c) # good files to begin with
target_link_libraries(fuzz_seeds PRIVATE dg_replayed)
foreach(file ${fuzzers})
    get_filename_component(target ${file} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" name ${target})
    add_executable(replay_${name} ${file} ${tests}/fuzz/replay.c)
    set_target_properties(replay_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    target_link_libraries(replay_${name} PRIVATE dg_replayed)
    add_test(NAME fuzz.${name} COMMAND bash ${tests}/fuzz/replay.sh ${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz SKIP_RETURN_CODE 77 ENVIRONMENT
        "${DG_TEST_ENVIRONMENT};\
ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=512")
endforeach()

if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    return()
endif()
set(flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
set(sources ${PROJECT_BINARY_DIR}/digits_gz.c)
foreach(storey base graph lang io onnx train report)
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${storey}/*.c)
    list(APPEND sources ${files})
endforeach()
dg_fuzz_tools(dg_fuzzed ${sources})
target_compile_options(dg_fuzzed PUBLIC ${flags} PRIVATE -fsanitize=fuzzer-no-link)
target_link_options(dg_fuzzed PUBLIC ${flags})
dg_picture_definitions(dg_fuzzed)

add_custom_target(fuzz DEPENDS fuzz_seeds)
foreach(file ${fuzzers})
    get_filename_component(name ${file} NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL ${file})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE dg_fuzzed)
    add_dependencies(fuzz ${name})
endforeach()
