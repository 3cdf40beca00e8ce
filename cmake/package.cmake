# make install: headers, libraries, program, pkg-config files, CMake package, manual page.
include(CMakePackageConfigHelpers)

set(targets dagrad_static dagrad_shared)
set(pcs dagrad)
if(DG_HAVE_IO)
    list(APPEND targets dagrad_io_static dagrad_io_shared)
    list(APPEND pcs dagrad-io)
endif()
add_custom_target(install_set) # what `make install` has to build
add_dependencies(install_set ${targets})
if(TARGET dagrad)
    add_dependencies(install_set dagrad)
endif()
install(TARGETS ${targets} EXPORT dagrad
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET dagrad)
    install(TARGETS dagrad RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/dagrad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
if(EXISTS ${PROJECT_SOURCE_DIR}/docs/dagrad.1)
    install(FILES ${PROJECT_SOURCE_DIR}/docs/dagrad.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

# From the folder of the .pc files to the prefix, so that the installed tree can be moved.
file(RELATIVE_PATH DG_UP /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" DG_UP ${DG_UP})
foreach(pc ${pcs})
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${pc}.pc.in ${pc}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${pc}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/dagrad)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dagrad-config.cmake.in
    dagrad-config.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(dagrad-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dagrad-config.cmake
    ${PROJECT_BINARY_DIR}/dagrad-config-version.cmake DESTINATION ${package})
install(EXPORT dagrad NAMESPACE dagrad:: DESTINATION ${package})
