/* Event files for TensorBoard, byte by byte: checksums and frames as their formats say, and a
 * training's own file read back by a reader written here. */
#include "cli/cli_tools.h"
#include "report/events.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* RFC 3720, appendix B.4, and the customary check value. */
static void checksums(void **state)
{
    uint8_t bytes[32];
    (void)state;
    assert_int_equal(dg_crc32c("123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(dg_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(dg_crc32c(bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(dg_crc32c(bytes, 32), 0x46dd794e);
}

/* The frame of a record of 24 bytes begins as that of each event file does. */
static void frames(void **state)
{
    static const uint8_t head[] = {24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22};
    char bytes[24] = "twenty-four bytes of it";
    dg_text t = dg_text_make(NULL);
    (void)state;
    dg_event_record(&t, bytes, sizeof bytes);
    assert_int_equal(t.length, 8 + 4 + 24 + 4);
    assert_memory_equal(t.data, head, sizeof head);
    assert_memory_equal(t.data + 12, bytes, sizeof bytes);
    dg_text_free(&t);
}

/* ---- A reader -------------------------------------------------------------------------------- */

static uint64_t little(const uint8_t *p, int n)
{
    uint64_t x = 0;
    for (int i = n - 1; i >= 0; i--)
        x = x << 8 | p[i];
    return x;
}

static uint64_t varint(const uint8_t **p)
{
    uint64_t x = 0;
    for (int shift = 0;; shift += 7) {
        x |= (uint64_t)(**p & 127) << shift;
        if (!(*(*p)++ & 128))
            return x;
    }
}

typedef struct field {
    int number;
    uint64_t x; /* of a fixed one its bits, of bytes their number */
    const uint8_t *bytes;
} field;

static field next_field(const uint8_t **p)
{
    uint64_t key = varint(p);
    field f = {.number = (int)(key >> 3), .bytes = *p};
    switch (key & 7) {
    case 0:
        f.x = varint(p);
        break;
    case 1:
        f.x = little(*p, 8);
        *p += 8;
        break;
    case 2:
        f.x = varint(p);
        f.bytes = *p;
        *p += f.x;
        break;
    default:
        assert_int_equal(key & 7, 5);
        f.x = little(*p, 4);
        *p += 4;
    }
    return f;
}

typedef struct seen {
    int events, versions, starts, scalars;
    char tag[64]; /* that is looked for, in events of this step */
    uint64_t step;
    float value;
    int found;
} seen;

static void read_value(seen *s, const field *summary, uint64_t step)
{
    const uint8_t *p = summary->bytes, *end = p + summary->x;
    while (p < end) {
        field value = next_field(&p);
        const uint8_t *q = value.bytes, *stop = q + value.x;
        assert_int_equal(value.number, 1);
        field tag = next_field(&q), number = next_field(&q);
        assert_ptr_equal(q, stop);
        s->scalars++;
        if (step != s->step || tag.x != strlen(s->tag) || memcmp(tag.bytes, s->tag, tag.x) != 0)
            continue;
        uint32_t bits = (uint32_t)number.x;
        memcpy(&s->value, &bits, sizeof bits);
        s->found++;
    }
}

static void read_event(seen *s, const uint8_t *p, uint64_t n)
{
    const uint8_t *end = p + n;
    uint64_t step = 0;
    s->events++;
    while (p < end) {
        field f = next_field(&p);
        if (f.number == 2)
            step = f.x;
        else if (f.number == 3)
            s->versions += f.x == 13 && memcmp(f.bytes, "brain.Event:2", 13) == 0;
        else if (f.number == 7)
            s->starts++;
        else if (f.number == 5)
            read_value(s, &f, step);
    }
    assert_ptr_equal(p, end);
}

static uint32_t masked(const void *bytes, size_t n)
{
    uint32_t crc = dg_crc32c(bytes, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void read_file(seen *s, const char *name)
{
    size_t size;
    char *text = cli_read(name, &size);
    assert_non_null(text);
    const uint8_t *p = (const uint8_t *)text, *end = p + size;
    while (p < end) {
        uint64_t n = little(p, 8);
        assert_int_equal(little(p + 8, 4), masked(p, 8));
        assert_int_equal(little(p + 12 + n, 4), masked(p + 12, n));
        read_event(s, p + 12, n);
        p += n + 16;
    }
    assert_ptr_equal(p, end);
    free(text);
}

static const char model[] =
    "input z[N, 1]\ntarget t[N, 1]\ny = linear(z, 1, init=fill(2)) | linear(1, init=fill(1))\n"
    "output y\nloss mse(t, y)\nmetric mae(t, y)\n"
    "data train { z = csv(\"n.csv\", columns=[\"a\"])\nt = csv(\"n.csv\", columns=[\"t\"]) }\n"
    "train { optimizer = gd(rate=1e-30); epochs = 3 }\n";

/* Loss and metric of the data at y = 2 z: (0 + 1 + 4) / 3, (0 + 1 + 2) / 3. */
static void a_training_is_read_back(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out run --quiet --tensorboard board"), 0);
    DIR *d = opendir("board");
    struct dirent *entry;
    char file[512] = "";
    assert_non_null(d);
    while ((entry = readdir(d)))
        if (strncmp(entry->d_name, "events.out.tfevents.", 20) == 0)
            snprintf(file, sizeof file, "board/%.400s", entry->d_name);
    closedir(d);
    static const struct {
        const char *tag;
        uint64_t step;
        float value;
    } want[] = {
        {"loss/epoch", 2, 5.0f / 3},    {"metric.mae/epoch", 3, 1}, {"loss/step", 1, 5.0f / 3},
        {"term.mse/step", 3, 5.0f / 3}, {"rate/step", 2, 1e-30f},   {"rms/loss.mse", 1, -1},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        seen s = {.step = want[i].step};
        snprintf(s.tag, sizeof s.tag, "%s", want[i].tag);
        read_file(&s, file);
        assert_int_equal(s.versions, 1);
        assert_int_equal(s.starts, 1);
        assert_int_equal(s.events, 2 + 6); /* 3 steps, 3 epochs */
        assert_int_equal(s.found, 1);
        if (want[i].value >= 0)
            assert_true(fabsf(s.value - want[i].value) <= 1e-6f * want[i].value);
    }
}

static void a_folder_that_cannot_be_made(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out other --quiet --tensorboard n.csv"), 1);
    char *err = cli_read("err", NULL);
    if (!strstr(err, "n.csv/events.out"))
        fail_msg("%s", err);
    free(err);
}

static int enter(void **state)
{
    (void)state;
    cli_enter();
    cli_write("m.dag", model, sizeof model - 1);
    cli_write("n.csv", "a,t\n1,2\n2,3\n3,4\n", 16);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums),
        cmocka_unit_test(frames),
        cmocka_unit_test(a_training_is_read_back),
        cmocka_unit_test(a_folder_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, enter, cli_tear_down);
}
