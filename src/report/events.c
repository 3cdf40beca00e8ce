/* Event files of TensorBoard; see events.h. */
#include "report/events.h"
#include "io/file.h"
#include "train/rundir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct dg_events {
    char path[PATH_MAX];
    int fd;
    FILE *log;   /* metrics.jsonl */
    dg_text out; /* records not written yet */
    char *line;
    size_t room;
};

/* ---- Records --------------------------------------------------------------------------------- */

uint32_t dg_crc32c(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static void add_little(dg_text *out, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        dg_text_add_bytes(out, &(char){(char)(x >> 8 * i & 0xff)}, 1);
}

/* CRCs of data that hold CRCs are masked. */
static void add_crc(dg_text *out, const void *bytes, size_t n)
{
    uint32_t crc = dg_crc32c(bytes, n);
    add_little(out, (uint32_t)((crc >> 15 | crc << 17) + 0xa282ead8), 4);
}

void dg_event_record(dg_text *out, const void *bytes, size_t n)
{
    dg_text length = dg_text_make(NULL);
    add_little(&length, n, 8);
    dg_text_add_bytes(out, length.data, length.length);
    add_crc(out, length.data, length.length);
    dg_text_add_bytes(out, bytes, n);
    add_crc(out, bytes, n);
    out->failed |= length.failed;
    dg_text_free(&length);
}

/* ---- Events, as protocol buffers ------------------------------------------------------------- */

enum { WALL_TIME = 1, STEP, VERSION, SUMMARY = 5, SESSION = 7 }; /* fields of Event */
enum { VARINT, FIXED64, BYTES, FIXED32 = 5 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, SESSION_STATUS = 1, SESSION_START = 1 };

static void add_varint(dg_text *out, uint64_t x)
{
    for (; x > 127; x >>= 7)
        add_little(out, (x & 127) | 128, 1);
    add_little(out, x, 1);
}

static void add_key(dg_text *out, int field, int kind)
{
    add_varint(out, (uint64_t)(field << 3 | kind));
}

static void add_bytes(dg_text *out, int field, const char *bytes, size_t n)
{
    add_key(out, field, BYTES);
    add_varint(out, n);
    dg_text_add_bytes(out, bytes, n);
}

static void begin_event(dg_text *event, uint64_t step)
{
    struct timespec now;
    uint64_t bits;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    add_key(event, WALL_TIME, FIXED64);
    add_little(event, bits, 8);
    add_key(event, STEP, VARINT);
    add_varint(event, step);
}

static void add_scalar(dg_text *summary, const char *tag, const json_t *number)
{
    dg_text value = dg_text_make(NULL);
    float x = json_is_number(number) ? (float)json_number_value(number) : NAN;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    add_bytes(&value, VALUE_TAG, tag, strlen(tag));
    add_key(&value, VALUE_SIMPLE, FIXED32);
    add_little(&value, bits, 4);
    add_bytes(summary, SUMMARY_VALUE, value.data, value.length);
    summary->failed |= value.failed;
    dg_text_free(&value);
}

static void end_event(dg_text *out, dg_text *event)
{
    dg_event_record(out, event->data, event->length);
    out->failed |= event->failed;
    dg_text_free(event);
}

/* What begins a file: its version, and that steps are counted from here. */
static void add_head(dg_text *out, uint64_t step)
{
    static const char version[] = "brain.Event:2";
    dg_text event = dg_text_make(NULL), session = dg_text_make(NULL);
    struct timespec now;
    uint64_t bits;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec;
    memcpy(&bits, &seconds, sizeof bits);
    add_key(&event, WALL_TIME, FIXED64);
    add_little(&event, bits, 8);
    add_bytes(&event, VERSION, version, strlen(version));
    end_event(out, &event);
    event = dg_text_make(NULL);
    begin_event(&event, step);
    add_key(&session, SESSION_STATUS, VARINT);
    add_varint(&session, SESSION_START);
    add_bytes(&event, SESSION, session.data, session.length);
    end_event(out, &event);
    dg_text_free(&session);
}

/* ---- Lines of metrics.jsonl ------------------------------------------------------------------ */

/* Each number of an object: PREFIX NAME / KIND. */
static void add_object(dg_text *summary, json_t *object, const char *prefix, const char *kind)
{
    const char *name;
    json_t *value;
    char tag[512];
    json_object_foreach(object, name, value)
    {
        dg_format(tag, sizeof tag, "%s%s%s", prefix, name, kind);
        add_scalar(summary, tag, value);
    }
}

/* [name, number] pairs; a name that has come before gets its number. */
static void add_pairs(dg_text *summary, const json_t *list, const char *prefix)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i), *name = json_array_get(pair, 0);
        char tag[512];
        int before = 1;
        for (size_t k = 0; k < i; k++)
            before += json_equal(json_array_get(json_array_get(list, k), 0), name);
        int n = dg_format(tag, sizeof tag, "%s/%s", prefix, json_string_value(name));
        if (before > 1 && n > 0 && (size_t)n < sizeof tag)
            dg_format(tag + n, sizeof tag - (size_t)n, " %d", before);
        add_scalar(summary, tag, json_array_get(pair, 1));
    }
}

static void add_line(dg_text *out, const json_t *j)
{
    static const char *const plain[] = {"loss", "rate", "samples_per_second"};
    const char *name = json_string_value(json_object_get(j, "kind"));
    char kind[64], tag[128];
    dg_text event = dg_text_make(NULL), summary = dg_text_make(NULL);
    dg_format(kind, sizeof kind, "/%s", name ? name : "");
    for (int i = 0; i < 3; i++) {
        dg_format(tag, sizeof tag, "%s%s", plain[i], kind);
        add_scalar(&summary, tag, json_object_get(j, plain[i]));
    }
    add_object(&summary, json_object_get(j, "terms"), "term.", kind);
    add_object(&summary, json_object_get(j, "metrics"), "metric.", kind);
    add_object(&summary, json_object_get(j, "gradient_norm"), "gradient_norm/", "");
    add_pairs(&summary, json_object_get(j, "rms"), "rms");
    add_pairs(&summary, json_object_get(j, "rms_error_vector"), "rms_error_vector");
    begin_event(&event, (uint64_t)json_integer_value(json_object_get(j, "step")));
    add_bytes(&event, SUMMARY, summary.data, summary.length);
    out->failed |= summary.failed;
    end_event(out, &event);
    dg_text_free(&summary);
}

/* ---- The file -------------------------------------------------------------------------------- */

static dg_status flush(dg_events *e, dg_diag *why)
{
    dg_status s = DG_OK;
    if (e->out.failed)
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    else if (e->out.length > 0 && dg_write_all(e->fd, e->out.data, e->out.length) != 0)
        s = dg_file_errno(why, e->path, "write", errno);
    dg_text_free(&e->out);
    e->out = dg_text_make(NULL);
    return s;
}

dg_status dg_events_follow(dg_events *e, dg_diag *why)
{
    ssize_t n;
    clearerr(e->log);
    while ((n = getline(&e->line, &e->room, e->log)) > 0) {
        json_t *j = e->line[n - 1] == '\n' ? json_loadb(e->line, (size_t)n, 0, NULL) : NULL;
        if (j)
            add_line(&e->out, j);
        json_decref(j);
    }
    return e->out.length > 0 ? flush(e, why) : DG_OK;
}

/* events.out.tfevents.SECONDS.HOST.PROCESS: TensorBoard takes files of a folder in this order. */
static dg_status make_file(dg_events *e, const char *folder, dg_diag *why)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return dg_file_errno(why, folder, "make", errno);
    dg_format(e->path, sizeof e->path, "%s/events.out.tfevents.%010lld.%s.%ld", folder,
              (long long)time(NULL), *host ? host : "host", (long)getpid());
    e->fd = dg_open(e->path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    return e->fd < 0 ? dg_file_errno(why, e->path, "write", errno) : DG_OK;
}

dg_status dg_events_open(dg_events **out, const char *folder, const char *run, uint64_t step,
                         dg_diag *why)
{
    char log[PATH_MAX];
    dg_events *e = calloc(1, sizeof *e);
    *out = e;
    if (!e)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    e->fd = -1;
    e->out = dg_text_make(NULL);
    if (make_file(e, folder, why) != DG_OK)
        return why->code;
    e->log = fopen(dg_run_file(run, "metrics.jsonl", log, sizeof log), "r");
    if (!e->log || fseek(e->log, 0, SEEK_END) != 0)
        return dg_file_errno(why, log, "read", errno);
    add_head(&e->out, step);
    return flush(e, why);
}

dg_status dg_events_close(dg_events *e, dg_diag *why)
{
    dg_status s = DG_OK;
    if (!e)
        return s;
    if (e->fd >= 0 && e->log)
        s = dg_events_follow(e, why);
    if (e->fd >= 0 && dg_calls->close(e->fd) != 0 && s == DG_OK && errno != EINTR)
        s = dg_file_errno(why, e->path, "close", errno);
    if (e->log)
        fclose(e->log);
    free(e->line);
    dg_text_free(&e->out);
    free(e);
    return s;
}
