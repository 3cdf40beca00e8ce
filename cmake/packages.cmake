# zlib and jansson: with them data, files, language and program are built, else the core alone.
# A package for another machine than the target's is found at times, so both must also link.
find_package(ZLIB QUIET)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
    pkg_check_modules(JANSSON QUIET IMPORTED_TARGET jansson)
endif()
if(ZLIB_FOUND AND JANSSON_FOUND)
    include(CheckCSourceCompiles)
    set(CMAKE_REQUIRED_LIBRARIES ZLIB::ZLIB PkgConfig::JANSSON)
    check_c_source_compiles("#include <jansson.h>
        #include <zlib.h>
        int main(void) { return !zlibVersion() || !json_null(); }" DG_HAS_ZLIB_AND_JANSSON)
    unset(CMAKE_REQUIRED_LIBRARIES)
endif()
set(DG_HAVE_IO FALSE)
if(ZLIB_FOUND AND JANSSON_FOUND AND DG_HAS_ZLIB_AND_JANSSON)
    set(DG_HAVE_IO TRUE)
else()
    message(STATUS "zlib or jansson is missing: only the core library is built, no program")
endif()
