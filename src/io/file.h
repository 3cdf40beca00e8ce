/* Files: the system calls, where data are looked for, and hashes.
 *
 * Nothing is ever mapped: a file that shrinks while it is read is an error, not a signal.
 * Interrupted calls are repeated, short ones continued. A failure sets file and text of the
 * diagnostic. */
#ifndef DG_IO_FILE_H
#define DG_IO_FILE_H

#include <dagrad/status.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Every system call that this storey makes on files. A test puts its own table here, to fail or to
 * stop at each call; nothing else may. It belongs to the calling thread. */
typedef struct {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *to, size_t n);
    ssize_t (*pread)(int fd, void *to, size_t n, off_t at);
    ssize_t (*write)(int fd, const void *from, size_t n);
    int (*fstat)(int fd, struct stat *s);
    int (*lstat)(const char *path, struct stat *s);
    int (*lock)(int fd); /* flock, exclusive, without waiting */
    int (*fchmod)(int fd, mode_t mode);
    int (*fsync)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*close)(int fd);
    int (*ftruncate)(int fd, off_t n);
    int (*mkdir)(const char *path, mode_t mode);
} dg_file_calls;

extern _Thread_local const dg_file_calls *dg_calls;
extern const dg_file_calls dg_system_calls; /* the table that dg_calls starts with */

/* Records a failure of a file: file, line and column of it (0: not known), and what. Like
 * dg_diag_set, it keeps the first failure, and returns its code. */
dg_status dg_file_fail(dg_diag *why, dg_status code, const char *file, int line, int column,
                       const char *format, ...) DG_PRINTF(6, 7);

/* The same for a system call that left errno: "cannot VERB: No space left on device". DG_EDATA when
 * a file to be read is not there or may not be read, else DG_EFILE. */
dg_status dg_file_errno(dg_diag *why, const char *file, const char *verb, int error);

/* The open, read and close that go on after a signal. dg_read_at: n bytes at `at` (-1: the next
 * ones, for pipes); fewer only at the end of the file; -1 with errno. */
int dg_open(const char *path, int flags, mode_t mode);
ssize_t dg_read_at(int fd, void *to, size_t n, int64_t at);
/* Writes all n bytes at the descriptor's place: 0, or -1 with errno. */
int dg_write_all(int fd, const void *from, size_t n);
/* Forces a file to the disk: 0, or -1 with errno. What cannot be forced (a pipe, /dev/null, some
 * network folders) is none the worse. */
int dg_sync(int fd);
/* Forces a folder's names to the disk; one that may be written but not read is passed over. */
int dg_sync_folder(const char *folder);

/* SHA-256 of the bytes of a file as 64 hex digits and a 0, and its size. size may be NULL. */
dg_status dg_file_sha256(const char *path, char hex[65], uint64_t *size, dg_diag *why);

/* ---- Paths, which are bytes ------------------------------------------------------------------ */

/* A path as UTF-8, for JSON: bytes that are none, and "%", become %E9 and the like. Both are to be
 * freed; NULL: out of memory. */
char *dg_path_encode(const char *path);
char *dg_path_decode(const char *text);

enum { DG_PATH_SHOWN = 200 };
/* A path for a message: itself, or, if it is longer, its beginning and end in room. */
const char *dg_path_shown(const char *path, char room[DG_PATH_SHOWN]);

/* Where data files are looked for, in this order. */
typedef struct {
    int n;
    char **dir;
} dg_places;

/* The folder of the model (NULL: the current one), each of dirs, those of $DAGRAD_DATA (separated
 * by ":"), /usr/share/datasets. */
dg_status dg_places_make(dg_places *p, const char *model_folder, int n, const char *const dirs[],
                         dg_diag *why);
void dg_places_free(dg_places *p);

/* *path (to be freed) is the absolute path of the first regular file called name below the places;
 * an absolute name is taken as it is. DG_EDATA lists the places tried. */
dg_status dg_find_file(const dg_places *p, const char *name, char **path, dg_diag *why);
/* The same for a folder. */
dg_status dg_find_folder(const dg_places *p, const char *name, char **path, dg_diag *why);

#endif
