/* SHA-256: the vectors of FIPS 180-2's examples, and any cut of the input gives the same hash. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/sha256.h"
#include <string.h>

static void expect(const void *data, size_t n, const char *text)
{
    dg_sha256 s;
    uint8_t hash[DG_SHA256_BYTES];
    char got[DG_SHA256_TEXT];
    dg_sha256_start(&s);
    dg_sha256_add(&s, data, n);
    dg_sha256_end(&s, hash);
    assert_string_equal(dg_sha256_text(hash, got), text);
}

static void known_answers(void **state)
{
    (void)state;
    expect(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    dg_sha256 s;
    uint8_t hash[DG_SHA256_BYTES];
    char got[DG_SHA256_TEXT], block[1000];
    memset(block, 'a', sizeof block);
    dg_sha256_start(&s);
    for (int i = 0; i < 1000; i++)
        dg_sha256_add(&s, block, sizeof block);
    dg_sha256_end(&s, hash);
    assert_string_equal(dg_sha256_text(hash, got),
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The padding has edges at 55, 56, 63 and 64 bytes: no length may depend on how it is given. */
static void cuts_do_not_matter(void **state)
{
    (void)state;
    uint8_t data[200], whole[DG_SHA256_BYTES], parts[DG_SHA256_BYTES], last[DG_SHA256_BYTES] = {0};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof data; n++) {
        dg_sha256 s;
        dg_sha256_start(&s);
        dg_sha256_add(&s, data, n);
        dg_sha256_end(&s, whole);
        assert_memory_not_equal(whole, last, sizeof last);
        memcpy(last, whole, sizeof last);
        for (size_t piece = 1; piece < 80; piece += 13) {
            dg_sha256_start(&s);
            for (size_t at = 0; at < n; at += piece)
                dg_sha256_add(&s, data + at, n - at < piece ? n - at : piece);
            dg_sha256_end(&s, parts);
            assert_memory_equal(whole, parts, sizeof whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers),
                                       cmocka_unit_test(cuts_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
