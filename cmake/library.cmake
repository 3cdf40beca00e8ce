# libdagrad (needs libc, libm, pthreads), libdagrad_io (zlib, jansson), and the program.
set(placeholder ${PROJECT_BINARY_DIR}/placeholder.c) # for a library whose storeys are empty
if(NOT EXISTS ${placeholder})
    file(WRITE ${placeholder} "typedef int dg_placeholder;\n")
endif()

set(house ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)

# dg_library(NAME PREFIX OBJECTS...): NAME_static and NAME_shared, both lib<NAME>; for others
# dagrad::<PREFIX>static and dagrad::<PREFIX>shared, in this build as in an installed package.
function(dg_library name prefix)
    foreach(kind static shared)
        string(TOUPPER ${kind} KIND)
        add_library(${name}_${kind} ${KIND} ${placeholder} ${ARGN})
        add_library(dagrad::${prefix}${kind} ALIAS ${name}_${kind})
        set_target_properties(${name}_${kind} PROPERTIES OUTPUT_NAME ${name}
            EXPORT_NAME ${prefix}${kind})
        target_include_directories(${name}_${kind} PUBLIC
            $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    endforeach()
    set_target_properties(${name}_shared PROPERTIES VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR})
    if(NOT DG_SANITIZE)
        target_link_options(${name}_shared PRIVATE -Wl,-z,defs)
    endif()
endfunction()

dg_objects(core base ops ${DG_MATH} graph engine optim)
dg_library(dagrad "" ${core})
foreach(kind static shared)
    target_link_libraries(dagrad_${kind} PUBLIC Threads::Threads m)
endforeach()

if(DG_HAVE_IO)
    set(digits ${PROJECT_SOURCE_DIR}/src/io/data/digits.csv.gz)
    add_custom_command(OUTPUT digits_gz.c
        COMMAND ${CMAKE_COMMAND} -DIN=${digits} -DOUT=digits_gz.c -DNAME=dg_digits_gz
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${digits} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
    dg_storey(data -O2 ${PROJECT_BINARY_DIR}/digits_gz.c)
    foreach(storey io onnx train model report cli)
        if(TARGET dg_${storey})
            target_link_libraries(dg_${storey} PRIVATE ZLIB::ZLIB PkgConfig::JANSSON
                ${DG_PICTURES})
        endif()
    endforeach()
    dg_picture_definitions(dg_io)

    dg_objects(io lang io data onnx train model)
    dg_library(dagrad_io io_ ${io})
    target_link_libraries(dagrad_io_static PUBLIC dagrad_static
        PRIVATE ZLIB::ZLIB PkgConfig::JANSSON ${DG_PICTURES})
    # The shared one takes what it needs of the core's hidden functions from the archive.
    target_link_libraries(dagrad_io_shared PUBLIC dagrad_shared
        PRIVATE $<BUILD_INTERFACE:$<TARGET_FILE:dagrad_static>> ZLIB::ZLIB PkgConfig::JANSSON
        ${DG_PICTURES})
    target_link_options(dagrad_io_shared PRIVATE -Wl,--exclude-libs,ALL)
    # A program that calls this library alone finds the core beside it.
    if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
        set_target_properties(dagrad_io_shared PROPERTIES INSTALL_RPATH "\$ORIGIN")
    endif()
    add_dependencies(dagrad_io_shared dagrad_static)
endif()
