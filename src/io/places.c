/* Where data files are looked for. */
#include "io/file.h"

#include "base/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_place(dg_places *p, const char *dir, size_t n)
{
    char **more = realloc(p->dir, ((size_t)p->n + 1) * sizeof *more);
    if (!more)
        return 0;
    p->dir = more;
    p->dir[p->n] = strndup(n > 0 ? dir : ".", n > 0 ? n : 1);
    return p->dir[p->n] ? ++p->n : 0;
}

/* The folders of a list separated by ":"; empty ones are left out. */
static int add_list(dg_places *p, const char *list)
{
    for (const char *at = list; at && *at;) {
        size_t n = strcspn(at, ":");
        if (n > 0 && !add_place(p, at, n))
            return 0;
        at += n + (at[n] == ':');
    }
    return 1;
}

dg_status dg_places_make(dg_places *p, const char *model_folder, int n, const char *const dirs[],
                         dg_diag *why)
{
    *p = (dg_places){0};
    const char *first = model_folder ? model_folder : ".";
    int good = add_place(p, first, strlen(first));
    for (int i = 0; good && i < n; i++)
        good = add_place(p, dirs[i], strlen(dirs[i]));
    static const char last[] = "/usr/share/datasets";
    if (good && add_list(p, getenv("DAGRAD_DATA")) && add_place(p, last, sizeof last - 1))
        return DG_OK;
    dg_places_free(p);
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

void dg_places_free(dg_places *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->dir[i]);
    free(p->dir);
    *p = (dg_places){0};
}

/* NULL with errno: no such regular file. */
static char *try_path(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return NULL;
    if (!S_ISDIR(s.st_mode))
        return realpath(path, NULL);
    errno = EISDIR;
    return NULL;
}

static dg_status not_found(const dg_places *p, const char *name, dg_diag *why)
{
    dg_text list = dg_text_make(NULL);
    char shown[DG_PATH_SHOWN];
    for (int i = 0; i < p->n; i++)
        dg_text_printf(&list, "%s%s", i ? ", " : "", dg_path_shown(p->dir[i], shown));
    dg_status status =
        dg_file_fail(why, DG_EDATA, name, 0, 0, "no such file in any of: %s", list.data);
    dg_text_free(&list);
    return status;
}

static dg_status try_place(const char *dir, const char *name, char *(*try)(const char *),
                           char **path, dg_diag *why)
{
    dg_text full = dg_text_make(NULL);
    dg_text_printf(&full, "%s/%s", dir, name);
    dg_status status = full.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory") : DG_OK;
    *path = full.failed ? NULL : try(full.data);
    if (status == DG_OK && !*path && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
        status = dg_file_errno(why, full.data, "read", errno);
    dg_text_free(&full);
    return status;
}

static dg_status find(const dg_places *p, const char *name, char *(*try)(const char *), char **path,
                      dg_diag *why)
{
    *path = NULL;
    if (name[0] == '/') {
        *path = try(name);
        return *path ? DG_OK : dg_file_errno(why, name, "read", errno);
    }
    for (int i = 0; name[0] && i < p->n && !*path; i++) {
        dg_status status = try_place(p->dir[i], name, try, path, why);
        if (status != DG_OK)
            return status;
    }
    return *path ? DG_OK : not_found(p, name, why);
}

dg_status dg_find_file(const dg_places *p, const char *name, char **path, dg_diag *why)
{
    return find(p, name, try_path, path, why);
}

/* The absolute path of a folder; NULL, with errno, if it is none. */
static char *try_folder(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return NULL;
    if (S_ISDIR(s.st_mode))
        return realpath(path, NULL);
    errno = ENOTDIR;
    return NULL;
}

dg_status dg_find_folder(const dg_places *p, const char *name, char **path, dg_diag *why)
{
    return find(p, name, try_folder, path, why);
}
