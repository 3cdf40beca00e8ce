# libdagrad (needs libc, libm, pthreads), libdagrad_io (zlib, jansson), and the program.
set(placeholder ${PROJECT_BINARY_DIR}/placeholder.c) # for a library whose storeys are empty
if(NOT EXISTS ${placeholder})
    file(WRITE ${placeholder} "typedef int dg_placeholder;\n")
endif()

set(house ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)

# dg_library(TARGET NAME OBJECTS...): TARGET_static and TARGET_shared, both as lib<NAME>.
function(dg_library target name)
    foreach(kind static shared)
        string(TOUPPER ${kind} KIND)
        add_library(${target}_${kind} ${KIND} ${placeholder} ${ARGN})
        set_target_properties(${target}_${kind} PROPERTIES OUTPUT_NAME ${name})
        target_include_directories(${target}_${kind} PUBLIC
            $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    endforeach()
    set_target_properties(${target}_shared PROPERTIES VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR})
    if(NOT DG_SANITIZE)
        target_link_options(${target}_shared PRIVATE -Wl,-z,defs)
    endif()
endfunction()

dg_objects(core base ops ${DG_MATH} graph engine optim)
dg_library(dagrad dagrad ${core})
foreach(kind static shared)
    target_link_libraries(dagrad_${kind} PUBLIC Threads::Threads m)
    set_target_properties(dagrad_${kind} PROPERTIES EXPORT_NAME ${kind})
endforeach()

find_package(ZLIB)
find_package(PkgConfig)
if(PkgConfig_FOUND)
    pkg_check_modules(JANSSON IMPORTED_TARGET jansson)
endif()
set(DG_HAVE_IO FALSE)
if(ZLIB_FOUND AND JANSSON_FOUND)
    set(DG_HAVE_IO TRUE)
else()
    message(WARNING "zlib or jansson is missing: only the core library is built, no program")
endif()

if(DG_HAVE_IO)
    set(digits ${PROJECT_SOURCE_DIR}/src/io/data/digits.csv.gz)
    add_custom_command(OUTPUT digits_gz.c
        COMMAND ${CMAKE_COMMAND} -DIN=${digits} -DOUT=digits_gz.c -DNAME=dg_digits_gz
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${digits} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
    dg_storey(data -O2 ${PROJECT_BINARY_DIR}/digits_gz.c)
    foreach(storey io train cli)
        if(TARGET dg_${storey})
            target_link_libraries(dg_${storey} PRIVATE ZLIB::ZLIB PkgConfig::JANSSON)
        endif()
    endforeach()

    dg_objects(io io data)
    dg_library(dagrad_io dagrad_io ${io})
    target_link_libraries(dagrad_io_static PUBLIC dagrad_static
        PRIVATE ZLIB::ZLIB PkgConfig::JANSSON)
    # The shared one takes what it needs of the core's hidden functions from the archive.
    target_link_libraries(dagrad_io_shared PUBLIC dagrad_shared
        PRIVATE $<BUILD_INTERFACE:$<TARGET_FILE:dagrad_static>> ZLIB::ZLIB PkgConfig::JANSSON)
    target_link_options(dagrad_io_shared PRIVATE -Wl,--exclude-libs,ALL)
    add_dependencies(dagrad_io_shared dagrad_static)
    foreach(kind static shared)
        set_target_properties(dagrad_io_${kind} PROPERTIES EXPORT_NAME io_${kind})
    endforeach()

    # Everything below the program, for the program and the tests.
    dg_objects(upper lang train)
    add_library(dg_all STATIC ${placeholder} ${upper})
    target_link_libraries(dg_all PUBLIC dagrad_io_static PkgConfig::JANSSON ZLIB::ZLIB)
    target_include_directories(dg_all PUBLIC ${house})
    if(DG_CLI_SOURCES)
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
    endif()
else()
    add_library(dg_all INTERFACE)
    target_link_libraries(dg_all INTERFACE dagrad_static)
    target_include_directories(dg_all INTERFACE ${house})
endif()
