/* Albums: folders walked, pictures decoded by a team of threads. */
#include "io/album.h"

#include "base/sha256.h"
#include "base/team.h"
#include "base/text.h"
#include "io/file.h"
#include "io/lexicon.h"
#include "io/reader.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEEPEST = 16 };

void dg_album_free(dg_album *a)
{
    for (int64_t i = 0; i < a->n; i++)
        free(a->path[i]);
    free(a->path);
    *a = (dg_album){.n = 0};
}

/* ---- Files ----------------------------------------------------------------------------------- */

dg_status dg_album_add(dg_album *a, const char *path, dg_diag *why)
{
    if (a->n == a->room) {
        int64_t room = a->room ? 2 * a->room : 64;
        char **more = realloc(a->path, (size_t)room * sizeof *more);
        if (!more)
            return dg_diag_set(why, DG_EMEMORY, "out of memory");
        a->path = more;
        a->room = room;
    }
    a->path[a->n] = strdup(path);
    if (!a->path[a->n])
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    a->n++;
    return DG_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What a folder holds, sorted, without what is hidden. */
static dg_status list(const char *folder, int *n, char ***names, dg_diag *why)
{
    DIR *d = opendir(folder);
    int room = 0;
    bool good = true;
    *n = 0;
    *names = NULL;
    if (!d)
        return dg_file_errno(why, folder, "read", errno);
    for (const struct dirent *e; good && (e = readdir(d));) {
        if (*e->d_name == '.')
            continue;
        if (*n == room) {
            room = room ? 2 * room : 64;
            char **more = realloc(*names, (size_t)room * sizeof *more);
            good = more != NULL;
            *names = more ? more : *names;
        }
        good = good && ((*names)[*n] = strdup(e->d_name));
        *n += good;
    }
    closedir(d);
    if (*n)
        qsort(*names, (size_t)*n, sizeof **names, by_name);
    return good ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool ends_in(const char *name, int n, const char *const endings[])
{
    const char *dot = strrchr(name, '.');
    bool found = false;
    for (int i = 0; dot && i < n; i++)
        found |= strcasecmp(dot + 1, endings[i]) == 0;
    return found;
}

/* A file of pictures, whether it can be read or not; a pipe would be waited for. Others of other
 * formats are counted. */
static bool is_picture(dg_album *a, const char *path)
{
    static const char *const ours[] = {"png", "jpg", "jpeg"};
    static const char *const others[] = {"gif", "bmp",  "webp", "tif", "tiff", "ppm",
                                         "pgm", "avif", "heic", "jxl", "jp2"};
    struct stat s;
    if (stat(path, &s) == 0 && !S_ISREG(s.st_mode))
        return false;
    a->others += ends_in(path, sizeof others / sizeof *others, others);
    return ends_in(path, sizeof ours / sizeof *ours, ours);
}

/* A folder, and the one that it was found in. */
typedef struct place {
    const char *path;
    const struct place *above;
    dev_t device;
    ino_t number;
} place;

static dg_status walk(dg_album *a, const char *folder, const place *above, dg_diag *why);

static dg_status visit(dg_album *a, const char *path, const place *here, dg_diag *why)
{
    if (is_folder(path))
        return walk(a, path, here, why);
    return is_picture(a, path) ? dg_album_add(a, path, why) : DG_OK;
}

static dg_status walk(dg_album *a, const char *folder, const place *above, dg_diag *why)
{
    char **names = NULL;
    int n = 0, depth = 0;
    struct stat s = {0};
    stat(folder, &s);
    const place here = {folder, above, s.st_dev, s.st_ino};
    for (const place *p = above; p; p = p->above, depth++)
        if (p->device == s.st_dev && p->number == s.st_ino)
            return dg_file_fail(why, DG_EDATA, folder, 0, 0,
                                "this leads back to %s, in which it lies; remove the link",
                                p->path);
    dg_status status = depth > DEEPEST ? dg_file_fail(why, DG_EDATA, folder, 0, 0,
                                                      "folders in folders, more than %d", DEEPEST)
                                       : list(folder, &n, &names, why);
    for (int i = 0; i < n && status == DG_OK; i++) {
        dg_text path = dg_text_make(NULL);
        dg_text_printf(&path, "%s/%s", folder, names[i]);
        status = path.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory")
                             : visit(a, path.data, &here, why);
        dg_text_free(&path);
    }
    dg_texts_free(n, names);
    return status;
}

dg_status dg_album_add_folder(dg_album *a, const char *folder, dg_diag *why)
{
    return walk(a, folder, NULL, why);
}

int64_t dg_album_count(const char *folder)
{
    dg_album a = {.n = 0};
    char **names = NULL;
    int n = 0;
    list(folder, &n, &names, NULL);
    for (int i = 0; i < n; i++) {
        dg_text path = dg_text_make(NULL);
        dg_text_printf(&path, "%s/%s", folder, names[i]);
        a.n += !path.failed && !is_folder(path.data) && is_picture(&a, path.data);
        dg_text_free(&path);
    }
    dg_texts_free(n, names);
    return a.n;
}

dg_status dg_album_folders(const char *folder, int *n, char ***names, dg_diag *why)
{
    int all, kept = 0;
    dg_status status = list(folder, &all, names, why);
    for (int i = 0; i < all; i++) {
        dg_text path = dg_text_make(NULL);
        dg_text_printf(&path, "%s/%s", folder, (*names)[i]);
        if (is_folder(path.data))
            (*names)[kept++] = (*names)[i];
        else
            free((*names)[i]);
        dg_text_free(&path);
    }
    *n = kept;
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool read_file(const char *path, char **bytes, size_t *n, char *reason)
{
    dg_reader *r;
    dg_diag why = {.code = DG_OK};
    dg_status status = dg_reader_open(&r, path, DG_READ_RAW, &why);
    if (status == DG_OK) {
        status = dg_reader_rest(r, bytes, n);
        dg_reader_close(r);
    }
    if (status != DG_OK)
        dg_format(reason, DG_PICTURE_REASON, "%.150s", why.text);
    return status == DG_OK;
}

typedef struct {
    dg_album *a;
    dg_team *team;
    uint8_t *kept; /* NULL: they do not fit */
    uint8_t (*sha)[DG_SHA256_BYTES];
    uint64_t *size;
    char *broken;
    char (*reason)[DG_PICTURE_REASON]; /* of each thread: of its first broken picture */
    int64_t *first;                    /* which that is, -1: none */
} reading;

static void hash_of(const char *bytes, size_t n, uint8_t out[DG_SHA256_BYTES])
{
    dg_sha256 s;
    dg_sha256_start(&s);
    dg_sha256_add(&s, bytes, n);
    dg_sha256_end(&s, out);
}

static void read_one(reading *r, int thread, int64_t i)
{
    char *bytes = NULL, reason[DG_PICTURE_REASON] = "";
    size_t n = 0;
    dg_picture p = {.bytes = NULL};
    bool good = read_file(r->a->path[i], &bytes, &n, reason);
    if (good) {
        hash_of(bytes, n, r->sha[i]);
        r->size[i] = n;
        good = dg_picture_read(bytes, n, &r->a->form, &p, reason);
    }
    if (good && r->kept)
        memcpy(r->kept + i * r->a->bytes, p.bytes, (size_t)r->a->bytes);
    free(p.bytes);
    free(bytes);
    r->broken[i] = !good;
    if (!good && (r->first[thread] < 0 || i < r->first[thread])) {
        r->first[thread] = i;
        memcpy(r->reason[thread], reason, sizeof reason);
    }
}

static void read_some(void *arg, int thread)
{
    reading *r = arg;
    for (int64_t i; (i = dg_team_next(r->team, thread, r->a->n)) >= 0;)
        read_one(r, thread, i);
}

/* Without a size, all pictures have that of the first that can be read. */
static dg_status find_form(dg_album *a, dg_diag *why)
{
    char *bytes = NULL, reason[DG_PICTURE_REASON] = "";
    size_t n = 0;
    dg_picture p = {.bytes = NULL};
    for (int64_t i = 0; i < a->n && a->form.height == 0; i++) {
        if (read_file(a->path[i], &bytes, &n, reason) &&
            dg_picture_read(bytes, n, &a->form, &p, reason)) {
            a->form.height = p.height;
            a->form.width = p.width;
            a->form.exact = true;
        }
        free(p.bytes);
        free(bytes);
        p.bytes = NULL;
        bytes = NULL;
    }
    if (a->form.height == 0)
        return dg_file_fail(why, DG_EDATA, a->path[0], 0, 0, "%s", reason);
    a->bytes = a->form.height * a->form.width * a->form.channels;
    return DG_OK;
}

dg_shape dg_album_shape(const dg_album *a)
{
    dg_shape s = {.rank = a->form.index ? 3 : 4,
                  .dim = {a->n, a->form.height, a->form.width, a->form.channels}};
    if (a->form.index)
        s.dim[3] = 0;
    return s;
}

/* One digest of all: names, as the folder is left to be anywhere, and contents. */
static void put_digest(dg_album *a, const reading *r)
{
    uint8_t out[DG_SHA256_BYTES];
    dg_sha256 s;
    dg_sha256_start(&s);
    a->size = 0;
    for (int64_t i = 0; i < a->n; i++) {
        const char *slash = strrchr(a->path[i], '/'), *name = slash ? slash + 1 : a->path[i];
        dg_sha256_add(&s, name, strlen(name) + 1);
        dg_sha256_add(&s, r->sha[i], DG_SHA256_BYTES);
        a->size += r->size[i];
    }
    dg_sha256_end(&s, out);
    dg_sha256_text(out, a->hex);
}

static dg_status tell_broken(const reading *r, int threads, char *reason, bool skip, dg_diag *why)
{
    int64_t n = 0, first = -1;
    int of = 0;
    for (int64_t i = 0; i < r->a->n; i++)
        n += r->broken[i];
    for (int k = 0; k < threads; k++)
        if (r->first[k] >= 0 && (first < 0 || r->first[k] < first)) {
            first = r->first[k];
            of = k;
        }
    if (n && skip)
        dg_format(reason, DG_PICTURE_REASON, "%.80s: %.100s", r->a->path[first], r->reason[of]);
    if (n == 0 || skip)
        return DG_OK;
    return dg_file_fail(why, DG_EDATA, r->a->path[first], 0, 0,
                        "%s; of %lld pictures %lld cannot be read: broken=skip leaves them out",
                        r->reason[of], (long long)r->a->n, (long long)n);
}

static dg_status run(reading *r, int threads, char *reason, bool skip, dg_diag *why)
{
    for (int k = 0; k < threads; k++)
        r->first[k] = -1;
    dg_status status = dg_team_new(threads, NULL, &r->team);
    if (status == DG_OK)
        status = dg_team_run(r->team, read_some, r);
    dg_team_free(r->team);
    if (status != DG_OK)
        return dg_diag_set(why, status, "the threads that read pictures cannot be started");
    put_digest(r->a, r);
    return tell_broken(r, threads, reason, skip, why);
}

dg_status dg_album_read(dg_album *a, int64_t memory, dg_array *out, char *broken,
                        char reason[DG_PICTURE_REASON], dg_diag *why)
{
    int threads = dg_team_processors();
    if (find_form(a, why) != DG_OK)
        return why->code;
    dg_shape shape = dg_album_shape(a);
    dg_status status = DG_OK;
    if (a->bytes * a->n <= memory)
        status = dg_array_make(out, DG_U8, &shape, why);
    size_t n = (size_t)a->n;
    reading r = {.a = a, .kept = out->data};
    r.broken = broken ? broken : calloc(n, 1);
    r.sha = calloc(n, sizeof *r.sha);
    r.size = calloc(n, sizeof *r.size);
    r.first = calloc((size_t)threads, sizeof *r.first);
    r.reason = calloc((size_t)threads, sizeof *r.reason);
    if (status == DG_OK && (!r.broken || !r.sha || !r.size || !r.first || !r.reason))
        status = dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (status == DG_OK)
        status = run(&r, threads, reason, broken != NULL, why);
    if (!broken)
        free(r.broken);
    free(r.sha);
    free(r.size);
    free(r.first);
    free(r.reason);
    return status;
}

dg_status dg_album_get(const dg_album *a, int64_t i, uint8_t *out, dg_diag *why)
{
    char *bytes = NULL, reason[DG_PICTURE_REASON] = "";
    size_t n = 0;
    dg_picture p = {.bytes = NULL};
    bool good = read_file(a->path[i], &bytes, &n, reason) &&
                dg_picture_read(bytes, n, &a->form, &p, reason);
    if (good)
        memcpy(out, p.bytes, (size_t)a->bytes);
    free(p.bytes);
    free(bytes);
    return good ? DG_OK : dg_file_fail(why, DG_EDATA, a->path[i], 0, 0, "%s", reason);
}

bool dg_album_is_picture(const char *path)
{
    uint8_t head[16];
    int fd = dg_open(path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd >= 0 ? dg_read_at(fd, head, sizeof head, 0) : -1;
    if (fd >= 0)
        dg_calls->close(fd);
    return n > 0 && dg_picture_is(head, (size_t)n);
}

void dg_album_join(dg_album *a, const dg_album *b)
{
    uint8_t out[DG_SHA256_BYTES];
    dg_sha256 s;
    dg_sha256_start(&s);
    dg_sha256_add(&s, a->hex, sizeof a->hex);
    dg_sha256_add(&s, b->hex, sizeof b->hex);
    dg_sha256_end(&s, out);
    dg_sha256_text(out, a->hex);
    a->size += b->size;
}
