/* Hostile and broken files, byte by byte: each is refused with DG_EDATA and its whole message. */
#include "io/io_tools.h"

#include "io/formats.h"
#include "io/safetensors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int cases_seen, wrong;

/* Reads; compares "line:column text" with what is expected. */
static void refuse(const char *format, const void *bytes, size_t n, const char *expected)
{
    dg_array a;
    dg_diag why = {0};
    char found[800] = "";
    dg_status status = io_read(format, bytes, n, &a, &why);
    if (why.line)
        dg_format(found, sizeof found, "%d:%d ", why.line, why.column);
    dg_format(found + strlen(found), sizeof found - strlen(found), "%s", why.text);
    if (status != DG_EDATA || a.data || strcmp(found, expected) != 0 || why.file[0] != 'F') {
        print_error("%s: status %d, file '%s'\n  found    %s\n  expected %s\n", format, status,
                    why.file, found, expected);
        wrong++;
    }
    cases_seen++;
    dg_array_free(&a);
}

/* Each test ends so: none of its cases was wrong. */
static void check(void)
{
    int n = wrong;
    wrong = 0;
    assert_int_equal(n, 0);
}

/* ---- Whole files ----------------------------------------------------------------------------- */

#define B(s) s, sizeof(s) - 1
#define LATIN1 "`iconv -f LATIN1 -t UTF-8` makes it so, if it is Latin-1"

static const struct {
    const char *format, *bytes;
    size_t n;
    const char *text;
} files[] = {
    {"idx", B(""), "byte 0: the file ends here; 4 more bytes were to come"},
    {"idx", B("\0\0\x08"), "byte 3: the file ends here; 1 more bytes were to come"},
    {"idx", B("\x89QNG\r\n"), "byte 0: not an IDX file: it begins with 89 51, not 00 00"},
    {"idx", B("\0\0\x0A\1\0\0\0\1x"), "byte 2: IDX has no type 0a (08 09 0b 0c 0d 0e)"},
    {"idx", B("\0\0\x08\0"), "byte 3: 0 dimensions; 1 to 8 can be read"},
    {"idx", B("\0\0\x08\x09\0\0\0\1"), "byte 3: 9 dimensions; 1 to 8 can be read"},
    {"idx", B("\0\0\x08\2\0\0\0\1\0\0"), "byte 10: the file ends here; 2 more bytes were to come"},
    {"idx", B("\0\0\x08\1\0\0\0\5abcd"), "byte 4: [5] needs 5 bytes, but at most 4 follow"},
    {"idx", B("\0\0\x08\1\0\0\0\3abcd"), "byte 11: bytes follow where the data should end"},
    {"idx",
     B("\0\0\x0E\1\xff\xff\xff\xff"
       "12345678"),
     "byte 4: [4294967295] needs 34359738360 bytes, but at most 8 follow"},
    {"idx", B("\0\0\x0E\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
     "byte 4: [4294967295, 4294967295, 4294967295] has more elements than any file"},
    {"idx", B("\0\0\x0E\2\x80\0\0\0\x40\0\0\0"), /* the product fits, times 8 it does not */
     "byte 4: [2147483648, 1073741824] has more elements than any file"},
    {"idx", B("\x1f\x8b\x08\0\0\0\0\0\0\3"),
     "byte 0: the gz stream is cut off (its 10 bytes end there)"},
    {"idx", B("\x1f\x8b\x09\0\0\0\0\0\0\3\1\2\3"),
     "byte 0: the gz stream is damaged: unknown compression method"},

    {"csv", B(""), "1:1 the file is empty"},
    {"csv", B("\n\n\n"), "1:1 the file is empty"},
    {"csv", B("a,b\n"), "2:1 there is no line of numbers"},
    {"csv", B("a,b\n1,\n"),
     "2:3 1 gap: 'b' has 1, the first here; | fill(mean) (median, a number) fills them, "
     "| drop leaves their rows out"},
    {"csv", B("a,b\n1,  \n"),
     "2:5 1 gap: 'b' has 1, the first here; | fill(mean) (median, a number) fills them, "
     "| drop leaves their rows out"},
    {"csv", B("1,2\n3,NaN\n"),
     "2:3 field 2 is NaN, which is not a finite number; for a gap: missing=[\"\", \"NA\", "
     "\"NaN\"]"},
    {"csv", B("1,2\n3,-inf\n"),
     "2:3 field 2 is -inf, which is not a finite number; for a gap: missing=[\"\", \"NA\", "
     "\"-inf\"]"},
    {"csv", B("1,2\n3,1e999\n"), "2:3 field 2 is 1e999, which is not a finite number"},
    {"csv", B("x\n1,5\n"),
     "2:3 more than 1 field in this line; the first line has 1 (if that is no line of the "
     "table: skip=1)"},
    {"csv", B("x,y\n1\n"), "2:2 only 1 field in this line; the first line has 2"},
    {"csv", B("x\n\n1\n"),
     "2:1 1 gap: 'x' has 1, the first here; | fill(mean) (median, a number) fills them, "
     "| drop leaves their rows out"},
    {"csv", B("1,x\n2,3\n"),
     "1:1 the first line has numbers and others: say header=true or "
     "header=false"},
    {"csv", B("1,,3\n4,5,6\n"),
     "1:1 the first line has numbers and others: say header=true or "
     "header=false"},
    {"csv", B("x\n0x10\n"),
     "2:1 field 1 ('x') is '0x10', which is not a number; for words: | classes or | onehot"},
    {"csv", B("x\n1 2\n"),
     "2:1 field 1 ('x') is '1 2', which is not a number; for words: | classes or | onehot"},
    {"csv", B("x\n1\0002\n"),
     "2:1 field 1 ('x') is '1', which is not a number (U+0000 is no part of one); for words: | "
     "classes or | onehot"},
    {"csv", B("x\n\"1\n"), "2:2 a quote that does not end"},
    {"csv", B("x\n\"1\"2\n"), "2:2 text after the closing quote"},
    {"csv", B("x\n1\"2\"\n"), "2:1 a quote in the middle of a field"},
    {"csv:b", B("a,c\n1,2\n"), "1:0 no column 'b'; there is: a, c"},
    {"csv:3", B("1,2\n3,4\n"), "1:0 no column '3'; without a header they are numbers from 1 to 2"},
    {"csv:a", B("a,a\n1,2\n"), "1:0 the column 'a' is there twice"},
    {"csv:a,a", B("a,b\n1,2\n"), "1:0 the column 'a' is asked for twice"},
    {"csv:a", B("a,\xc3\xa9\xc3\xa9\nx,y\n"),
     "2:1 field 1 ('a') is 'x', which is not a number; for words: | classes or | onehot"},
    {"csv:b", B("a,b\n\xc3\xa9\xc3\xa9,y\n"),
     "2:4 field 2 ('b') is 'y', which is not a number; for words: | classes or | onehot"},

    {"npy", B("\x93NUMPX\1\0\0\0"), "byte 0: not an NPY file: it does not begin with \\x93NUMPY"},
    {"npy", B("\x93NUMPY\4\0\0\0"), "byte 6: NPY version 4.0; 1.0 to 3.0 can be read"},
    {"npy", B("\x93NUMPY\1\0\xff\xff{"),
     "byte 8: a header of 65535 bytes; at most 65536 are read, and 1 follow"},
    {"npy", B("\x93NUMPY\2\0\xff\xff\xff\xff{"),
     "byte 8: a header of 4294967295 bytes; at most 65536 are read, and 1 follow"},
    {"npy", B("\x93NUMPY\1"), "byte 7: the file ends here; 1 more bytes were to come"},

    {"npz", B("PK\5\6"), "byte 0: not a zip file: it has 4 bytes"},
    {"npz", B("this is no zip file at all"),
     "byte 26: not a zip file, or cut off: it has no end record"},
    {"npz", B("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0"),
     "byte 22: not a zip file, or cut off: it has no end record"},
    {"npz", B("PK\5\6\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "byte 0: a zip of several volumes"},
    {"npz", B("PK\5\6\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0"),
     "byte 0: an entry of the zip directory is expected"},
    {"npz", B("PK\5\6\0\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0\0"),
     "byte 0: an entry of the zip directory is expected"},
    {"npz", B("PK\5\6\0\0\0\0\1\0\1\0\x2e\0\0\0\0\0\0\0\0\0"),
     "byte 0: the zip directory is not where its end record says"},
    {"npz", B("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "byte 0: 0 arrays, say which: "},

    {"chars", B(""), "byte 0: an empty text"},
    {"chars", B("ab\0c"), "byte 2: a byte 0: not a text; `tr -d '\\000'` takes such out"},
    {"chars", B("ab\xff"), "byte 2: not UTF-8 (byte ff); " LATIN1},
    {"chars", B("ab\xc0\x80"), "byte 2: not UTF-8 (byte c0); " LATIN1},
    {"chars", B("ab\xed\xa0\x80"), "byte 2: not UTF-8 (byte ed); " LATIN1},
    {"chars", B("ab\xe2\x82"), "byte 2: not UTF-8 (byte e2); " LATIN1},
    {"chars:abc", B("abcd"), "byte 3: the character 'd' (U+0064) is not in the vocabulary"},

    {"safetensors", B("\x10\0\0\0"), "byte 4: the file ends here; 4 more bytes were to come"},
    {"safetensors", B("\xff\xff\xff\xff\xff\xff\xff\xff{}"),
     "byte 0: a header of 18446744073709551615 bytes; at most 100000000 are allowed"},
    {"safetensors", B("\x03\0\0\0\0\0\0\0{}"), "byte 0: a header of 3 bytes, but only 2 follow"},
    {"safetensors", B("\0\0\0\0\0\0\0\0"),
     "byte 8: not a safetensors file: its header is no JSON object"},
};

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        refuse(files[i].format, files[i].bytes, files[i].n, files[i].text);
    check();
}

/* ---- NPY: the dict, and what follows it -------------------------------------------------------
 * */

#define DICT(descr, order, shape)                                                                  \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"

static const struct {
    const char *dict;
    size_t n; /* bytes of zeros that follow */
    const char *text;
} dicts[] = {
    {DICT("'<f4'", "False", "(4,)"), 15, "byte 10: [4] needs 16 bytes, but at most 15 follow"},
    {DICT("'<f4'", "False", "(4,)"), 17, "byte 81: bytes follow where the data should end"},
    {DICT("'<f4'", "False", "(65536, 65536)"), 80,
     "byte 10: [65536, 65536] needs 17179869184 bytes, but at most 80 follow"},
    {DICT("'<f8'", "False", "(3037000500, 3037000500)"), 0,
     "byte 10: [3037000500, 3037000500] has more elements than any file"},
    {DICT("'<f8'", "False", "(1152921504606846976,)"), 0,
     "byte 10: [1152921504606846976] has more elements than any file"},
    {DICT("'<f4'", "False", "(9223372036854775808,)"), 0,
     "byte 61: NPY header: a dimension of the shape is not a number, or too large"},
    {DICT("'<f4'", "False", "(-1,)"), 0,
     "byte 61: NPY header: a dimension of the shape is not a number, or too large"},
    {DICT("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4,
     "byte 77: NPY header: more than 8 dimensions"},
    {DICT("'<f4'", "False", "(1 1)"), 4,
     "byte 63: NPY header: a dimension of the shape is not a number, or too large"},
    {DICT("'<f4'", "False", "4"), 16, "byte 60: NPY header: a shape in ( ) is expected"},
    {DICT("'<f4'", "Maybe", "(4,)"), 16, "byte 44: NPY header: True or False is expected"},
    {DICT("'|O'", "False", "(4,)"), 32,
     "byte 20: NPY header: Python objects are not read; save with .astype('f4')"},
    {DICT("'<c8'", "False", "(4,)"), 32,
     "byte 20: NPY header: the type is none of f2 f4 f8 i1 i2 i4 i8 "
     "u1 u2 u4 u8 b1; save with .astype('f4')"},
    {DICT("'<U10'", "False", "(4,)"), 32,
     "byte 20: NPY header: the type is none of f2 f4 f8 i1 i2 i4 i8 "
     "u1 u2 u4 u8 b1; save with .astype('f4')"},
    {DICT("'< 4'", "False", "(4,)"), 32,
     "byte 20: NPY header: the type is none of f2 f4 f8 i1 i2 i4 i8 "
     "u1 u2 u4 u8 b1; save with .astype('f4')"},
    {DICT("[('a', '<f4')]", "False", "(4,)"), 16,
     "byte 20: NPY header: a structured type; save each field on its own"},
    {"{'descr': '<f4', 'fortran_order': False}", 16,
     "byte 50: NPY header: descr, fortran_order or shape is missing"},
    {"{'descr': '<f4', 'descr': '<f4'}", 16, "byte 27: NPY header: a key is there twice"},
    {"{'descr': '<f4', 'eval': 1}", 16,
     "byte 27: NPY header: a key that is none of descr, fortran_order, shape"},
    {"{'descr': '<f4' 'shape': (1,)}", 16, "byte 26: NPY header: ',' or '}' is expected"},
    {"{'descr' '<f4'}", 16, "byte 19: NPY header: ':' is expected"},
    {"{'descr': '<f4", 16,
     "byte 20: NPY header: a text that has no end, or is none of this format's"},
    {"['descr']", 16, "byte 10: NPY header: '{' is expected"},
    {DICT("'<f4'", "False", "(4,)") " x", 16, "byte 66: NPY header: text after the '}'"},
};

static void test_dicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++) {
        dg_text t = dg_text_make(NULL);
        io_npy(1, dicts[i].dict, NULL, dicts[i].n, &t);
        refuse("npy", t.data, t.length, dicts[i].text);
        dg_text_free(&t);
    }
    dg_text wide = dg_text_make(NULL);
    io_npy(1, DICT("'<i8'", "False", "(2,)"), NULL, 16, &wide);
    wide.data[wide.length - 3] = 1; /* 2^40 */
    refuse("npy", wide.data, wide.length, "byte 73: element 1 does not fit 32 bits");
    dg_text_free(&wide);
    check();
}

/* ---- safetensors: the header, and bytes after it ---------------------------------------------
 * */

#define U8(shape, offsets) "{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    size_t n;
    const char *text;
} headers[] = {
    {"{\"a\":" U8("[4]", "[0,4]") "}", 3, "byte 64: the file ends here; 1 bytes are missing"},
    {"{\"a\":" U8("[4]", "[0,4]") "}", 5, "byte 65: 1 bytes follow the last tensor"},
    {"{}", 1, "byte 10: 1 bytes follow the last tensor"},
    {"{\"a\":" U8("[4]", "[0,4]") ",\"a\":" U8("[4]", "[4,8]") "}", 8,
     "byte 64: the header is not valid JSON: duplicate object key near '\"a\"'"},
    {"{\"a\":" U8("[4]", "[0,4]") ",\"b\":" U8("[4]", "[2,6]") "}", 6,
     "byte 8: tensor 'b': it overlaps the tensor before it"},
    {"{\"a\":" U8("[4]", "[0,4]") ",\"b\":" U8("[4]", "[0,4]") "}", 4,
     "byte 8: tensor 'b': it overlaps the tensor before it"},
    {"{\"a\":" U8("[4]", "[0,4]") ",\"b\":" U8("[4]", "[5,9]") "}", 9,
     "byte 8: tensor 'b': a hole is before it"},
    {"{\"a\":" U8("[4]", "[1,5]") "}", 5, "byte 8: tensor 'a': a hole is before it"},
    {"{\"a\":" U8("[4]", "[0,5]") "}", 5,
     "byte 8: tensor 'a': shape and type need another number of bytes than data_offsets has"},
    {"{\"a\":" U8("[4]", "[4,0]") "}", 4,
     "byte 8: tensor 'a': its data_offsets are not two numbers, begin and end"},
    {"{\"a\":" U8("[4]", "[0]") "}", 4,
     "byte 8: tensor 'a': its data_offsets are not two numbers, begin and end"},
    {"{\"a\":" U8("[4]", "[0,4.0]") "}", 4,
     "byte 8: tensor 'a': its data_offsets are not two numbers, begin and end"},
    {"{\"a\":" U8("[-4]", "[0,4]") "}", 4,
     "byte 8: tensor 'a': a dimension is not a whole number from 0 on"},
    {"{\"a\":" U8("[4.5]", "[0,4]") "}", 4,
     "byte 8: tensor 'a': a dimension is not a whole number from 0 on"},
    {"{\"a\":" U8("[4294967296,4294967296]", "[0,0]") "}", 0,
     "byte 8: tensor 'a': its shape has more elements than any file"},
    {"{\"a\":" U8("[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1,
     "byte 8: tensor 'a': its shape is not a list of at most 8 numbers"},
    {"{\"a\":" U8("\"x\"", "[0,1]") "}", 1,
     "byte 8: tensor 'a': its shape is not a list of at most 8 numbers"},
    {"{\"a\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "byte 8: tensor 'a': its dtype is not one that can be read"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1,
     "byte 8: tensor 'a': dtype, shape and data_offsets are expected, and nothing else"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
     "byte 8: tensor 'a': dtype, shape and data_offsets are expected, and nothing else"},
    {"{\"a\":1}", 1,
     "byte 8: tensor 'a': dtype, shape and data_offsets are expected, and nothing else"},
    {"{\"a\":[[[[1]]]]}", 0, "byte 15: the header is nested deeper than 3"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "byte 8: the note 'k' is not a text"},
    {"{\"__metadata__\":[]}", 0, "byte 8: __metadata__ is not an object"},
    {"{\"a\\u0000b\":" U8("[1]", "[0,1]") "}", 1,
     "byte 19: the header is not valid JSON: NUL byte in object key not supported near "
     "'\"a\\u0000b\"'"},
    {"{\"a\":" U8("[99999999999999999999]", "[0,1]") "}", 1,
     "byte 56: the header is not valid JSON: too big integer near '99999999999999999999'"},
    {"{\"a\":" U8("[1]", "[0,1]"), 1,
     "byte 60: the header is not valid JSON: '}' expected near end of file"},
    {"{} {}", 0, "byte 12: the header is not valid JSON: end of file expected near '{'"},
    {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, NULL},
    {"{\"__metadata__\":{\"dagrad.sha256\":"
     "\"0123456789012345678901234567890123456789012345678901234567890123\"}}",
     0, "byte 42: the checksum is wrong: the file is damaged"},
    {"{\"__metadata__\":{\"dagrad.sha256\":"
     "\"0123456789012345678901234567890123456789012345678901234567890123\"},"
     "\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
     2, "byte 8: tensor 'a': a checksum of dagrad over a type that it does not write"},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        dg_text t = dg_text_make(NULL);
        io_safetensors(headers[i].header, headers[i].n, &t);
        if (headers[i].text)
            refuse("safetensors", t.data, t.length, headers[i].text);
        else { /* the same with a number that fits is read, with 2^56 it is not */
            dg_array a;
            assert_int_equal(io_read("safetensors", t.data, t.length, &a, NULL), DG_OK);
            assert_int_equal(a.type, DG_I32);
            dg_array_free(&a);
            t.data[t.length - 1] = 1;
            refuse("safetensors", t.data, t.length, "byte 62: element 0 does not fit 32 bits");
        }
        dg_text_free(&t);
    }
    check();
}

/* A header so deep that a parser would need megabytes of stack. */
static void test_deep(void **state)
{
    (void)state;
    dg_text h = dg_text_make(NULL), t = dg_text_make(NULL);
    dg_text_add(&h, "{\"a\":");
    for (int i = 0; i < 60000; i++)
        dg_text_add(&h, "[");
    io_safetensors(h.data, 0, &t);
    refuse("safetensors", t.data, t.length, "byte 15: the header is nested deeper than 3");
    dg_text_free(&h);
    dg_text_free(&t);
    check();
}

/* ---- Whole files with an edit -----------------------------------------------------------------
 * */

/* An NPZ of one array "x" of four bytes: local header of 30 + 5 bytes at 0, NPY of 128 + 4 bytes at
 * 35, the directory of 46 + 5 bytes at 167, the end record of 22 bytes at 218; 240 bytes. */
enum { LOCAL = 0, ELEMENT = 163, CENTRAL = 167, END = 218, WHOLE = 240 };

static dg_text make_npz(void)
{
    char folder[64], path[200];
    io_folder_make(folder);
    io_path(folder, "x.npz", path);
    dg_array a = io_count(DG_U8, io_shape(1, 4, 0, 0));
    dg_writer *w;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_npz_write(w, 1, (const char *[]){"x"}, &a)), DG_OK);
    dg_text t = io_bytes(path);
    io_folder_remove(folder);
    dg_array_free(&a);
    assert_int_equal(t.length, WHOLE);
    return t;
}

static const struct {
    size_t cut;       /* bytes left; 0: all */
    int at[3], to[3]; /* bytes that are changed; to 0 is written too where at > 0 */
    const char *text;
} edits[] = {
    {239, {0}, {0}, "byte 239: not a zip file, or cut off: it has no end record"},
    {0, {ELEMENT}, {9}, "byte 0: this zip entry is damaged: its CRC is wrong"},
    {0, {CENTRAL + 16}, {1}, "byte 0: this zip entry is damaged: its CRC is wrong"},
    {0, {CENTRAL + 8}, {1}, "byte 0: this zip entry is encrypted"},
    {0, {CENTRAL + 10}, {12}, "byte 0: this zip entry is neither stored nor deflated"},
    {0, {CENTRAL + 20}, {'\x20'}, "byte 0: this zip entry is stored, but its two sizes differ"},
    {0, {CENTRAL + 23}, {1}, "byte 167: entries of the zip overlap"},
    {0, {CENTRAL + 42}, {1}, "byte 1: a zip entry is expected here"},
    {0, {CENTRAL + 45}, {0x7f}, "byte 2130706432: a zip entry is expected here"},
    {0, {CENTRAL + 46}, {'y'}, "byte 0: this zip entry is not the one its directory says"},
    {0, {26}, {6}, "byte 0: this zip entry is not the one its directory says"},
    {0, {28, 29}, {-1, -1}, "byte 0: this zip entry is not the one its directory says"},
    {0, {CENTRAL + 28}, {'\x40'}, "byte 167: an entry of the zip directory is cut off"},
    {0, {CENTRAL + 30}, {'\x40'}, "byte 167: an entry of the zip directory is cut off"},
    {0, {CENTRAL}, {'p'}, "byte 167: an entry of the zip directory is expected"},
    {0, {END + 8, END + 10}, {2, 2}, "byte 218: an entry of the zip directory is expected"},
    {0, {END + 16}, {1}, "byte 218: the zip directory is not where its end record says"},
    {0, {END + 12}, {1}, "byte 218: the zip directory is not where its end record says"},
    /* said to be deflated, and to become 2 GiB */
    {0,
     {CENTRAL + 10, CENTRAL + 27, 0},
     {8, 0x7f, 0},
     "byte 0: this zip entry says that 132 bytes become 2130706564: more than 256 times"},
    {0, {CENTRAL + 10}, {8}, "byte 0: this zip entry is damaged: 132 bytes do not inflate to 132"},
};

static void test_edits(void **state)
{
    (void)state;
    dg_text t = make_npz();
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char bytes[WHOLE];
        memcpy(bytes, t.data, WHOLE);
        for (int k = 0; k < 3; k++)
            if (edits[i].at[k] > 0 || (k == 0 && !edits[i].cut))
                bytes[edits[i].at[k]] = (char)edits[i].to[k];
        refuse("npz", bytes, edits[i].cut ? edits[i].cut : WHOLE, edits[i].text);
    }
    refuse("npz:z", t.data, t.length, "byte 167: no array 'z'; there is: x");
    dg_text_free(&t);
    check();
}

/* Every prefix of a good file is refused, and every file with one byte changed is refused or read:
 * no crash, which the sanitizers of this test watch. */
static void every_prefix(const char *format, const char *bytes, size_t n, int text)
{
    char *copy = malloc(n);
    assert_non_null(copy);
    dg_array a;
    for (size_t k = 0; k < n; k++) {
        memcpy(copy, bytes, k); /* so that a byte too far is one too far */
        char *exact = malloc(k + 1);
        memcpy(exact, bytes, k);
        dg_diag why = {0};
        dg_status status = io_read(format, exact, k, &a, &why);
        assert_true(status == DG_EDATA || (text && status == DG_OK));
        assert_true(status == DG_OK || why.text[0]);
        dg_array_free(&a);
        free(exact);
    }
    for (size_t k = 0; k < n; k++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, bytes, n);
            copy[k] = (char)(copy[k] ^ 1 << bit);
            dg_status status = io_read(format, copy, n, &a, NULL);
            assert_true(status == DG_OK || status == DG_EDATA);
            dg_array_free(&a);
        }
    free(copy);
}

static void test_prefixes(void **state)
{
    (void)state;
    dg_text t = make_npz(), gz = dg_text_make(NULL), st = dg_text_make(NULL),
            n = dg_text_make(NULL);
    static const char idx[] = "\0\0\x0B\2\0\0\0\2\0\0\0\3abcdefabcdef";
    every_prefix("npz", t.data, t.length, 0);
    every_prefix("idx", idx, sizeof idx - 1, 0);
    io_gz(idx, sizeof idx - 1, 6, &gz);
    every_prefix("idx", gz.data, gz.length, 0);
    io_safetensors("{\"a\":" U8("[4]", "[0,4]") ",\"b\":" U8("[2,2]", "[4,8]") "}", 8, &st);
    every_prefix("safetensors", st.data, st.length, 0);
    io_npy(1, DICT("'<f4'", "True", "(2, 3)"), NULL, 24, &n);
    every_prefix("npy", n.data, n.length, 0);
    static const char csv[] = "a,\"b,\"\"c\"\n1,2\r\n-3.5e2,\"4\"\n";
    every_prefix("csv", csv, sizeof csv - 1, 1);
    dg_text_free(&t);
    dg_text_free(&gz);
    dg_text_free(&st);
    dg_text_free(&n);
}

/* ---- gz -------------------------------------------------------------------------------------- */

static void test_gz(void **state)
{
    (void)state;
    static const char idx[] = "\0\0\x08\1\0\0\0\4abcd";
    dg_text gz = dg_text_make(NULL);
    io_gz(idx, sizeof idx - 1, 0, &gz);
    gz.data[gz.length - 8] ^= 1;
    refuse("idx", gz.data, gz.length, "byte 12: the gz stream is damaged: incorrect data check");
    gz.data[gz.length - 8] ^= 1;
    gz.data[gz.length - 4] ^= 1;
    refuse("idx", gz.data, gz.length, "byte 12: the gz stream is damaged: incorrect length check");
    gz.data[gz.length - 4] ^= 1;
    dg_text_add(&gz, "junk");
    refuse("idx", gz.data, gz.length, "byte 12: bytes follow the end of the gz stream");
    gz.length -= 5;
    char expected[80];
    dg_format(expected, sizeof expected,
              "byte 12: the gz stream is cut off (its %zu bytes end there)", gz.length);
    refuse("idx", gz.data, gz.length, expected);
    dg_text_free(&gz);
    check();
}

/* 40 MB of zeros in 40 KB, as text and as IDX that does claim them. */
static void test_bombs(void **state)
{
    (void)state;
    size_t n = 40000000;
    char *zeros = calloc(n, 1);
    assert_non_null(zeros);
    dg_text gz = dg_text_make(NULL);
    memcpy(zeros, "\0\0\x08\1\x02\x62\x59\xf8", 8); /* 39999992 */
    io_gz(zeros, n, 9, &gz);
    assert_true(gz.length < 50000);
    char expected[120];
    size_t limit = gz.length * DG_GZ_RATIO + DG_GZ_FREE;
    dg_format(expected, sizeof expected,
              "byte 4: [39999992] needs 39999992 bytes, but at most %zu follow", limit - 8);
    refuse("idx", gz.data, gz.length, expected);
    dg_format(expected, sizeof expected,
              "byte %zu: inflates to more than 256 times its size plus 16 MiB", limit);
    refuse("csv", gz.data, gz.length, expected);
    dg_text_free(&gz);
    free(zeros);
    check();
}

static void test_count(void **state)
{
    (void)state;
    print_message("%d hostile files refused, each with its whole message\n", cases_seen);
    assert_true(cases_seen >= 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files), cmocka_unit_test(test_dicts), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_deep),  cmocka_unit_test(test_edits), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_gz),    cmocka_unit_test(test_bombs), cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
