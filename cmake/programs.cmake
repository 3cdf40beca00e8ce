# examples/NAME.c and examples/FOLDER/NAME.c are build/examples/NAME; bench/NAME.c is
# build/bench-NAME.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c
    ${PROJECT_SOURCE_DIR}/examples/*/*.c)
list(FILTER examples EXCLUDE REGEX "/examples/nodes/") # plug-ins, below
if(NOT TARGET dagrad_io_static)
    list(FILTER examples EXCLUDE REGEX "/examples/embed/") # they open models
endif()
add_custom_target(examples) # these and the plug-ins
foreach(file ${examples})
    get_filename_component(name ${file} NAME_WE)
    add_executable(example_${name} ${file})
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY examples)
    # Only what a stranger has: the public headers.
    target_link_libraries(example_${name} PRIVATE
        $<IF:$<TARGET_EXISTS:dagrad_io_static>,dagrad_io_static,dagrad_static> m)
    add_dependencies(examples example_${name})
endforeach()

# examples/nodes/NAME.c is the plug-in build/examples/nodes/NAME.so, for --node.
file(GLOB nodes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/nodes/*.c)
add_custom_target(nodes)
foreach(file ${nodes})
    get_filename_component(name ${file} NAME_WE)
    add_library(node_${name} MODULE ${file})
    target_include_directories(node_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(node_${name} PRIVATE m)
    set_target_properties(node_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY examples/nodes)
    add_dependencies(nodes node_${name})
    add_dependencies(examples node_${name})
endforeach()

# tests/nodes/wrong_NAME.c has wrong versions of examples/nodes/NAME.c, which it finds as
# right_nodes: the plug-in build/tests/wrong_NAME.so.
file(GLOB nodes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/nodes/wrong_*.c)
if(NOT BUILD_TESTING)
    set(nodes)
endif()
foreach(file ${nodes})
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "wrong_" "" right ${name})
    add_library(right_${right} OBJECT ${PROJECT_SOURCE_DIR}/examples/nodes/${right}.c)
    target_compile_definitions(right_${right} PRIVATE dg_nodes=right_nodes dg_abi=right_abi)
    add_library(${name} MODULE ${file} $<TARGET_OBJECTS:right_${right}>)
    foreach(target right_${right} ${name})
        set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include
            ${PROJECT_SOURCE_DIR}/examples/nodes)
    endforeach()
    target_link_libraries(${name} PRIVATE m)
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY tests)
    add_dependencies(nodes ${name})
endforeach()
if(TARGET test_examples_nodes)
    add_dependencies(test_examples_nodes nodes)
    target_link_libraries(test_examples_nodes PRIVATE ${CMAKE_DL_LIBS})
    set_target_properties(test_examples_nodes PROPERTIES ENABLE_EXPORTS ON) # it loads plug-ins
    target_link_options(test_examples_nodes PRIVATE -Wl,--gc-keep-exported)
endif()

file(GLOB benches CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
add_custom_target(bench)
add_dependencies(bench dagrad)
foreach(file ${benches})
    get_filename_component(name ${file} NAME_WE)
    add_executable(bench_${name} EXCLUDE_FROM_ALL ${file})
    set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME bench-${name})
    target_link_libraries(bench_${name} PRIVATE dg_all m)
    add_dependencies(bench bench_${name})
endforeach()
