# make install: headers, libraries, program, pkg-config files, CMake package, manual pages,
# completion.
include(CMakePackageConfigHelpers)

add_custom_target(install_set) # what `make install` has to build
add_dependencies(install_set dagrad)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/dagrad)

# dg_install(NAME PC): lib<NAME>, the CMake file of its targets, its pkg-config file.
function(dg_install name pc)
    add_dependencies(install_set ${name}_static ${name}_shared)
    install(TARGETS ${name}_static ${name}_shared EXPORT ${pc}-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT ${pc}-targets NAMESPACE dagrad:: DESTINATION ${package})
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${pc}.pc.in ${pc}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${pc}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# From the folder of the .pc files to the prefix, so that the installed tree can be moved.
file(RELATIVE_PATH DG_UP /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" DG_UP ${DG_UP})
# A program finds the shared library where it was linked with it, also in a prefix of one's own;
# a distribution, which installs to /usr, needs no such path.
set(DG_RPATH "-Wl,-rpath,\${libdir}")
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(DG_RPATH)
endif()

dg_install(dagrad dagrad)
if(DG_HAVE_IO)
    dg_install(dagrad_io dagrad-io)
    install(TARGETS dagrad RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES ${PROJECT_SOURCE_DIR}/docs/dagrad.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
    set(completions ${PROJECT_SOURCE_DIR}/completions)
    install(FILES ${completions}/dagrad.bash RENAME dagrad
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${completions}/_dagrad
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${completions}/dagrad.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/dagrad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dagrad-config.cmake.in
    dagrad-config.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(dagrad-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dagrad-config.cmake
    ${PROJECT_BINARY_DIR}/dagrad-config-version.cmake DESTINATION ${package})
