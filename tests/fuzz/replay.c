/* Gives a fuzzer's function the files of folders, one after the other: the corpora in builds
 * without libFuzzer. replay FOLDER-OR-FILE... */
#include "fuzz/readers.h"

#include "io/io_tools.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mutators are not called here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
    (void)data;
    (void)most;
    return size;
}

static void give(const char *path)
{
    dg_text t = io_bytes(path);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
    uint8_t *exact = malloc(t.length + (t.length == 0)); /* a sanitizer sees what is after */
    if (!exact)
        abort();
    memcpy(exact, t.data, t.length);
    LLVMFuzzerTestOneInput(exact, t.length);
    free(exact);
    dg_text_free(&t);
}

static int give_all(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    if (!d) {
        give(path);
        return 1;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        give(name);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++)
        n += give_all(argv[i]);
    printf("%d inputs\n", n);
    return n == 0;
}
