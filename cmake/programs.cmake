# examples/NAME.c is build/examples/NAME; bench/NAME.c is build/bench-NAME.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
foreach(file ${examples})
    get_filename_component(name ${file} NAME_WE)
    add_executable(example_${name} ${file})
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY examples)
    # Only what a stranger has: the public headers.
    target_link_libraries(example_${name} PRIVATE
        $<IF:$<TARGET_EXISTS:dagrad_io_static>,dagrad_io_static,dagrad_static> m)
endforeach()

file(GLOB benches CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
add_custom_target(bench)
if(TARGET dagrad)
    add_dependencies(bench dagrad)
endif()
foreach(file ${benches})
    get_filename_component(name ${file} NAME_WE)
    add_executable(bench_${name} EXCLUDE_FROM_ALL ${file})
    set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME bench-${name})
    target_link_libraries(bench_${name} PRIVATE dg_all m)
    add_dependencies(bench bench_${name})
endforeach()
