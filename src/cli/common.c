/* What the commands share: messages, exit codes, signals, opening a model or a run. */
#include "cli/command.h"
#include "io/file.h"
#include "io/reader.h"
#include "model/handle.h"
#include "train/rundir.h"
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

volatile sig_atomic_t dg_stop_signal;

int dg_exit_code(dg_status s)
{
    switch (s) {
    case DG_OK:
        return EXIT_DONE;
    case DG_EUSAGE:
    case DG_EMODEL:
        return EXIT_USAGE;
    case DG_EDATA:
        return EXIT_DATA;
    case DG_EFINITE:
        return EXIT_DIVERGED;
    case DG_ESTOP:
        return 128 + (int)dg_stop_signal;
    case DG_EMEMORY:
    case DG_EFILE:
    case DG_EINTERNAL:
        break;
    }
    return EXIT_INTERNAL;
}

/* 1: the text names the file as a word of its own. */
static int mentions(const char *text, const char *file)
{
    size_t n = strlen(file);
    for (const char *at = text; (at = strstr(at, file)); at++) {
        int before = at > text && (isalnum((unsigned char)at[-1]) || strchr("._/-", at[-1]));
        int after = isalnum((unsigned char)at[n]) || (at[n] && strchr("._/-", at[n]));
        if (!before && !after)
            return 1;
    }
    return 0;
}

int dg_tell(const dg_command *c, const dg_diag *why)
{
    const char *text = why->text[0] ? why->text : dg_status_text(why->code);
    int named = why->file[0] && !mentions(text, why->file);
    fprintf(stderr, "dagrad %s: ", c->name);
    if (named && why->line > 0 && why->column > 0)
        fprintf(stderr, "%s:%d:%d: ", why->file, why->line, why->column);
    else if (named && why->line > 0)
        fprintf(stderr, "%s:%d: ", why->file, why->line);
    else if (named)
        fprintf(stderr, "%s: ", why->file);
    fprintf(stderr, "%s%s%s\n", why->node, why->node[0] ? ": " : "", text);
    return dg_exit_code(why->code);
}

int dg_usage(const dg_command *c, const char *wrong)
{
    fprintf(stderr, "dagrad %s: %s; usage: dagrad %s %s\n", c->name, wrong, c->name, c->usage);
    return EXIT_USAGE;
}

int dg_need_run(const dg_command *c, const char *path)
{
    struct stat s;
    char room[DG_PATH_SHOWN];
    const char *shown = dg_path_shown(path, room);
    if (dg_is_run(path))
        return EXIT_DONE;
    if (stat(path, &s) != 0) {
        fprintf(stderr, "dagrad %s: there is no run '%s': %s\n", c->name, shown, strerror(errno));
        return EXIT_USAGE;
    }
    fprintf(stderr, "dagrad %s: '%s' is no run directory: %s\n", c->name, shown,
            S_ISDIR(s.st_mode) ? "it has no run.json" : "`dagrad train` makes one");
    return EXIT_USAGE;
}

void dg_weights_text(const dg_experiment *e, dg_text *out)
{
    char hash[17] = "";
    out->failed |= dg_graph_hash(e->model->graph, hash) != DG_OK;
    dg_text_add(out, hash);
    if (e->weights.which)
        dg_text_printf(out, " (%s)", e->weights.which);
    if (e->weights.step >= 0)
        dg_text_printf(out, "  step %lld", (long long)e->weights.step);
}

int dg_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

int dg_can_tell(int seconds)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&p, 1, 1000 * seconds) != 0;
}

int dg_colors(void)
{
    const char *no = getenv("NO_COLOR");
    return dg_terminal() && !(no && *no);
}

int dg_tell_model(const dg_experiment *e)
{
    dg_text text = dg_text_make(NULL);
    dg_diags_text(&e->model->diags, &text, dg_colors());
    if (text.length) /* none where the first failure was that of memory */
        fputs(text.data, stderr);
    else
        fprintf(stderr, "dagrad: %s\n", dg_status_text(dg_experiment_status(e)));
    dg_text_free(&text);
    return dg_exit_code(dg_experiment_status(e));
}

static void catch_signal(int n)
{
    dg_stop_signal = n;
}

void dg_catch_signals(void)
{
    /* the first sets the flag and takes the handler away: the second ends the program */
    struct sigaction a = {.sa_handler = catch_signal, .sa_flags = (int)SA_RESETHAND}, found;
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&a.sa_mask);
    for (int i = 0; i < 3; i++) /* ignored by nohup or a shell: it stays so */
        if (sigaction(signals[i], NULL, &found) == 0 && found.sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
    /* a reader of the progress that has gone, or a limit of file sizes: an error, not the end */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void dg_release_signals(void)
{
    struct sigaction found;
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++)
        if (sigaction(signals[i], NULL, &found) == 0 && found.sa_handler == catch_signal)
            signal(signals[i], SIG_DFL);
}

int dg_stopped(void)
{
    return 128 + (int)dg_stop_signal;
}

const char dg_layout_text[] =
    "of a --weights file: dagrad or pytorch (a state dict), where it does not tell";
const char dg_map_text[] =
    "a module of PyTorch is this node, a tensor this parameter; patterns \"a.*=b.*\" (repeatable)";

dg_weights_as dg_as_of(const dg_as_flags *f)
{
    return (dg_weights_as){.layout = f->layout, .map = f->map.item, .n_map = f->map.n};
}

int dg_said(const char *text)
{
    static char last[512];
    int same = strncmp(last, text, sizeof last - 1) == 0;
    dg_format(last, sizeof last, "%s", text);
    return same;
}

static void say(void *user, const char *text)
{
    const dg_command *c = user;
    if (!dg_said(text))
        fprintf(stderr, "dagrad %s: %s\n", c->name, text);
}

/* The model "-" is read from standard input, once: a command may open it twice. NULL: *why. */
static const char *read_standard_input(dg_diag *why)
{
    static char *text;
    dg_reader *r;
    size_t n;
    if (!text && dg_reader_open(&r, "-", DG_READ_RAW, why) == DG_OK) {
        dg_reader_rest(r, &text, &n);
        dg_reader_close(r);
    }
    return text;
}

dg_experiment *dg_open_either(const dg_command *c, const char *path, const char *weights,
                              dg_experiment_options *o, int *code)
{
    dg_diag why = {.code = DG_OK};
    if (strcmp(path, "-") == 0 && !(o->text = read_standard_input(&why))) {
        *code = dg_tell(c, &why);
        return NULL;
    }
    o->path = path;
    o->say = say;
    o->user = (void *)(uintptr_t)c;
    dg_experiment *e =
        dg_is_run(path) ? dg_run_open(path, weights, o, &why) : dg_experiment_open(o);
    if (e && dg_experiment_status(e) != DG_OK) {
        *code = dg_tell_model(e);
    } else if (!e || why.code != DG_OK) {
        if (why.code == DG_OK)
            dg_diag_set(&why, DG_EMEMORY, "out of memory");
        *code = dg_tell(c, &why);
    } else {
        return e;
    }
    dg_experiment_free(e);
    return NULL;
}

/* What is wrong with a model: its own messages as they are, any other with the command's name. */
static void print_line(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

dg_model *dg_open_model(const dg_command *c, const char *path, const dg_model_options *o, int *code)
{
    dg_diag why = {.code = DG_OK};
    dg_model_options all = *o;
    if (!all.log) {
        all.log = say;
        all.user = (void *)(uintptr_t)c;
    }
    const char *text = strcmp(path, "-") == 0 ? read_standard_input(&why) : NULL;
    if (why.code != DG_OK) {
        *code = dg_tell(c, &why);
        return NULL;
    }
    dg_model *m = text ? dg_model_parse(path, text, &all) : dg_model_open(path, &all);
    if (dg_model_status(m, &why) == DG_OK)
        return m;
    *code = dg_exit_code(why.code);
    if (dg_model_is_misread(m))
        dg_model_print(m, dg_colors(), print_line, NULL);
    else
        dg_tell(c, &why);
    dg_model_free(m);
    return NULL;
}
