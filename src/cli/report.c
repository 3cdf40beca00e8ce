/* dagrad report: what a run did, or several beside one another, as a page of HTML. */
#include "report/report.h"
#include "cli/command.h"
#include "cli/draw.h"
#include "cli/plugin.h"
#include "io/file.h"
#include "train/lock.h"
#include "train/rundir.h"
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REFRESH = 3 }; /* seconds between two looks of --watch */

typedef struct report_options {
    const char *out, *weights;
    dg_list data, node;
    dg_as_flags as;
    int64_t threads;
    int watch;
} report_options;

/* Bytes that all runs have logged: when they grow there is something new. */
static int64_t logged(int n, const char *const run[])
{
    int64_t bytes = 0;
    for (int i = 0; i < n; i++) {
        char file[PATH_MAX];
        struct stat s;
        if (stat(dg_run_file(run[i], "metrics.jsonl", file, sizeof file), &s) == 0)
            bytes += s.st_size;
    }
    return bytes;
}

static int is_trained(int n, const char *const run[])
{
    for (int i = 0; i < n; i++)
        if (dg_lock_is_held(run[i]))
            return 1;
    return 0;
}

/* While a run is trained the page is made anew whenever something was logged; then once more. */
static dg_status watch(int n, const char *const run[], dg_report_options *o, dg_diag *why)
{
    int64_t seen = -1;
    dg_status s = DG_OK;
    while (s == DG_OK && is_trained(n, run)) {
        int64_t now = logged(n, run);
        o->refresh = REFRESH;
        if (now != seen)
            s = dg_report_write(n, run, NULL, o, why);
        seen = now;
        sleep(REFRESH);
    }
    o->refresh = 0;
    return s == DG_OK ? dg_report_write(n, run, NULL, o, why) : s;
}

static int write_report(int n, const char *const run[], const report_options *o,
                        const dg_plugins *plugins)
{
    char room[DG_PATH_SHOWN], file[PATH_MAX];
    dg_diag why = {.code = DG_OK};
    const char *out = o->out   ? o->out
                      : n == 1 ? dg_run_file(run[0], "report.html", file, sizeof file)
                               : "report.html";
    dg_report_options ro = {
        .view = {.experiment = {.dirs = o->data.item,
                                .n_dirs = o->data.n,
                                .types = plugins->type,
                                .n_types = plugins->n,
                                .as = dg_as_of(&o->as)},
                 .weights = o->weights,
                 .threads = (int)o->threads},
        .out = out,
        .draw = dg_draw_into,
    };
    dg_status s = o->watch ? watch(n, run, &ro, &why) : dg_report_write(n, run, NULL, &ro, &why);
    if (s != DG_OK)
        return dg_tell(&dg_command_report, &why);
    if (*out != '-' || out[1])
        printf("%s\n", dg_path_shown(out, room));
    return EXIT_DONE;
}

static int report(int argc, char **argv)
{
    report_options o = {.out = NULL};
    const char *run[DG_MOST_LIST] = {NULL};
    int n = 0;
    const dg_flag flags[] = {
        {"out", FLAG_TEXT, &o.out, "FILE",
         "report.html in the run; of several runs here (-: standard output)"},
        {"watch", FLAG_ON, &o.watch, NULL, "again and again while a run is trained"},
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "last, best (the default where there is a validation part), or a file"},
        {"layout", FLAG_TEXT, &o.as.layout, "HOW", dg_layout_text},
        {"map", FLAG_LIST, &o.as.map, "OLD=NEW", dg_map_text},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
    };
    int code = dg_flags_read(&dg_command_report, flags, sizeof flags / sizeof flags[0], run,
                             DG_MOST_LIST, argc, argv);
    while (n < DG_MOST_LIST && run[n])
        n++;
    if (code < 0 && n == 0)
        return dg_usage(&dg_command_report, "a run is missing");
    for (int i = 0; i < n && code < 0; i++)
        code = dg_need_run(&dg_command_report, run[i]) == EXIT_DONE ? -1 : EXIT_USAGE;
    if (code >= 0)
        return code;
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_report, &o.node, &plugins);
    return code >= 0 ? code : write_report(n, run, &o, &plugins);
}

const dg_command dg_command_report = {
    "report", "RUN... [--out FILE] [--watch]", "a page of curves, mistakes, samples, layers",
    report,
    "One page of HTML that needs no network: result, curves, mistakes by class or residuals, the\n"
    "worst samples and some others, states and error vectors by layer, the graph, options and\n"
    "data. A training writes one at its end. Of several runs: their curves over one another, "
    "their\n"
    "results, and the options in which they differ."};
