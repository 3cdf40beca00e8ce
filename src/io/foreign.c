/* Files of other kinds, given where numbers are wanted: what they are, and what can be done. */
#include "io/formats.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *magic;
    int n, at;        /* bytes of it, and where they stand */
    const char *what; /* what it is; what can be done */
} kind;

#define MAGIC(text) text, sizeof text - 1
#define IS_PICTURE                                                                                 \
    "; pictures are read by images(folder, size=[h, w]) or csv(...) | image(size=[h, w])"
#define UNPACK(command) "; unpack it first: " command

static const kind kinds[] = {
    {MAGIC("version https://git-lfs"), 0,
     "a pointer of Git LFS, not the file that it stands for; `git lfs pull` fetches that"},
    {MAGIC("\xff\xd8\xff"), 0, "a JPEG picture" IS_PICTURE},
    {MAGIC("\x89PNG\r\n"), 0, "a PNG picture" IS_PICTURE},
    {MAGIC("GIF8"), 0, "a GIF picture; save it as PNG" IS_PICTURE},
    {MAGIC("WEBP"), 8, "a WebP picture; save it as PNG" IS_PICTURE},
    {MAGIC("II*\0"), 0, "a TIFF picture; save it as PNG" IS_PICTURE},
    {MAGIC("MM\0*"), 0, "a TIFF picture; save it as PNG" IS_PICTURE},
    {MAGIC("\x89HDF\r\n"), 0,
     "an HDF5 file (Keras, MATLAB); in Python: numpy.savez(OUT, **{k: h5py.File(IN)[k][()] for k "
     "in NAMES})"},
    {MAGIC("MATLAB 5.0"), 0, "a MATLAB file; in Python: numpy.savez(OUT, **scipy.io.loadmat(IN))"},
    {MAGIC("PAR1"), 0,
     "a Parquet file; in Python: pandas.read_parquet(IN).to_csv(OUT, index=False)"},
    {MAGIC("SQLite format 3"), 0,
     "an SQLite data base; sqlite3 -header -csv IN 'select * from TABLE' >OUT"},
    {MAGIC("GGUF"), 0, "a GGUF file; weights are read from safetensors and NPZ"},
    {MAGIC("%PDF"), 0, "a PDF document; tables are read as CSV"},
    {MAGIC("\xfd"
           "7zXZ"),
     0, "compressed by xz" UNPACK("xz -d")},
    {MAGIC("BZh"), 0, "compressed by bzip2" UNPACK("bzip2 -d")},
    {MAGIC("\x28\xb5\x2f\xfd"), 0, "compressed by zstd" UNPACK("zstd -d")},
    {MAGIC("7z\xbc\xaf"), 0, "a 7z archive" UNPACK("7z x")},
    {MAGIC("ustar"), 257, "a tar archive" UNPACK("tar xf")},
    {MAGIC("\x7f"
           "ELF"),
     0, "a program or shared object; node types go with --node"},
};

static const char torch[] =
    "a file of torch.save; in Python: safetensors.torch.save_file(torch.load(IN, "
    "map_location=\"cpu\"), OUT)";
static const char pickle[] =
    "a pickle of Python, which may run code; in Python: numpy.save or safetensors' save_file write "
    "what it holds";

static bool holds(const char *p, size_t n, const char *text)
{
    const size_t length = strlen(text);
    for (size_t i = 0; i + length <= n; i++)
        if (memcmp(p + i, text, length) == 0)
            return true;
    return false;
}

/* A zip by the name of its first entries. */
static const char *zip_kind(const char *p, size_t n, bool npz)
{
    size_t names = n < 4096 ? n : 4096;
    if (holds(p, names, "data.pkl"))
        return torch;
    if (holds(p, names, "[Content_Types].xml") || holds(p, names, "mimetypeapplication/vnd"))
        return "a spreadsheet or document of an office program; save the table as CSV";
    if (!npz && holds(p, names, ".npy"))
        return "an NPZ file; `dagrad convert IN OUT.safetensors` makes weights of it";
    return npz ? NULL : "a zip archive; unpack it first: unzip";
}

static const char *pickle_kind(const char *p, size_t n)
{
    static const char legacy[] = "\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19"; /* torch before 1.6 */
    if (n < 4 || (unsigned char)p[0] != 0x80 || p[1] < 2 || p[1] > 5)
        return NULL;
    return memcmp(p + 2, legacy, n - 2 < sizeof legacy - 1 ? n - 2 : sizeof legacy - 1) == 0
               ? torch
               : pickle;
}

static const char *page_kind(const char *p, size_t n)
{
    size_t at = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < n && isspace((unsigned char)p[at]))
        at++;
    static const char *const starts[] = {"<!doctype html", "<html", "<head"};
    for (int i = 0; i < 3; i++)
        if (n - at >= strlen(starts[i]) && strncasecmp(p + at, starts[i], strlen(starts[i])) == 0)
            return "a web page (HTML), as a download that failed leaves; fetch the file itself "
                   "(the link that 'raw' or 'download' names)";
    return NULL;
}

/* Of safetensors the first 8 bytes are a length of at most 100 MB. */
static bool is_text(const char *p, size_t n)
{
    for (size_t i = 0; i < 8 && i < n; i++)
        if (!isprint((unsigned char)p[i]) && !isspace((unsigned char)p[i]))
            return false;
    return n >= 8;
}

const char *dg_foreign_kind(const void *bytes, size_t n, bool tensors)
{
    const char *p = bytes;
    if (n > 8 && p[8] == '{' && p[6] == 0 && p[7] == 0)
        return NULL; /* safetensors: its length may look like any of them */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (n >= (size_t)(kinds[i].at + kinds[i].n) &&
            memcmp(p + kinds[i].at, kinds[i].magic, (size_t)kinds[i].n) == 0)
            return kinds[i].what;
    if (n >= 4 && memcmp(p, "PK\3\4", 4) == 0)
        return zip_kind(p, n, !tensors);
    if (tensors && n >= 6 && memcmp(p, "\x93NUMPY", 6) == 0)
        return "an NPY file; `dagrad convert IN OUT.safetensors` makes weights of it";
    const char *what = pickle_kind(p, n);
    what = what ? what : page_kind(p, n);
    return !what && tensors && is_text(p, n) ? "a text file; weights are read from safetensors"
                                             : what;
}

dg_status dg_foreign_refuse(dg_reader *r, bool tensors)
{
    const void *bytes;
    size_t n = dg_reader_peek(r, &bytes);
    const char *what = dg_foreign_kind(bytes, n, tensors);
    return what ? dg_reader_refuse(r, what) : dg_reader_status(r);
}
