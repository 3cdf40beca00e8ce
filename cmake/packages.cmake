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

# Pictures, where their libraries are found and linked with: without them `images` says so.
find_package(PNG QUIET)
find_package(JPEG QUIET)
set(CMAKE_REQUIRED_LIBRARIES)
if(PNG_FOUND)
    set(CMAKE_REQUIRED_LIBRARIES PNG::PNG)
    check_c_source_compiles("#include <png.h>
        int main(void) { return !png_access_version_number(); }" DG_HAS_PNG)
endif()
if(JPEG_FOUND)
    set(CMAKE_REQUIRED_LIBRARIES JPEG::JPEG)
    check_c_source_compiles("#include <stdio.h>
        #include <jpeglib.h>
        int main(void) { struct jpeg_error_mgr e; return !jpeg_std_error(&e); }" DG_HAS_JPEG)
endif()
unset(CMAKE_REQUIRED_LIBRARIES)
set(DG_PICTURES $<$<BOOL:${DG_HAS_PNG}>:PNG::PNG> $<$<BOOL:${DG_HAS_JPEG}>:JPEG::JPEG>)
set(DG_PICTURES_PC)
if(DG_HAS_PNG)
    string(APPEND DG_PICTURES_PC " libpng")
endif()
if(DG_HAS_JPEG)
    string(APPEND DG_PICTURES_PC " libjpeg")
endif()

function(dg_picture_definitions target)
    target_compile_definitions(${target} PRIVATE $<$<BOOL:${DG_HAS_PNG}>:DG_PNG>
        $<$<BOOL:${DG_HAS_JPEG}>:DG_JPEG>)
endfunction()
