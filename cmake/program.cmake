# dg_all, what the program and the tests are made of; and the target dagrad: the program, or where
# zlib or jansson is missing the core library, so that `make` builds what can be built.
if(DG_HAVE_IO)
    dg_objects(upper report)
    add_library(dg_all STATIC ${placeholder} ${upper})
    target_link_libraries(dg_all PUBLIC dagrad_io_static PkgConfig::JANSSON ZLIB::ZLIB
        ${DG_PICTURES})
    target_include_directories(dg_all PUBLIC ${house})
else()
    add_library(dg_all INTERFACE)
    target_link_libraries(dg_all INTERFACE dagrad_static)
    target_include_directories(dg_all INTERFACE ${house})
endif()

if(NOT DG_HAVE_IO OR NOT DG_CLI_SOURCES)
    add_custom_target(dagrad COMMENT "no program without zlib and jansson: the core library alone")
    add_dependencies(dagrad dagrad_static dagrad_shared)
    return()
endif()
add_executable(dagrad ${DG_CLI_SOURCES})
target_link_libraries(dagrad PRIVATE dg_all ${CMAKE_DL_LIBS})
set_target_properties(dagrad PROPERTIES ENABLE_EXPORTS ON) # for a user's nodes (--node)
target_link_options(dagrad PRIVATE -Wl,--gc-keep-exported ${DG_RELR})
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT DG_SANITIZE)
    target_compile_options(dagrad PRIVATE -Os)
endif()
string(TOLOWER "${CMAKE_BUILD_TYPE}" build)
target_compile_definitions(dagrad PRIVATE DAGRAD_VERSION="${PROJECT_VERSION}"
    DAGRAD_BUILD="${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}, ${build}")

# Manual pages of the commands, from the program's own tables, into build/man.
if(NOT CMAKE_CROSSCOMPILING)
    add_custom_command(TARGET dagrad POST_BUILD
        COMMAND sh ${PROJECT_SOURCE_DIR}/scripts/manual.sh $<TARGET_FILE:dagrad>
            ${PROJECT_BINARY_DIR}/man VERBATIM)
endif()
