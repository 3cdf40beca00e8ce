/* Commands of the program: one file each, found by name in main.c. */
#ifndef DG_CLI_COMMAND_H
#define DG_CLI_COMMAND_H

#include "base/text.h"
#include "train/experiment.h"
#include <dagrad/model.h>
#include <signal.h>
#include <stdio.h>

/* Exit codes. 128 + n: ended by signal n. */
enum { EXIT_DONE, EXIT_INTERNAL, EXIT_USAGE, EXIT_DATA, EXIT_DIVERGED, EXIT_MISSED };

typedef enum { FLAG_ON, FLAG_TEXT, FLAG_COUNT, FLAG_THREADS, FLAG_LIST } dg_flag_kind;

enum { DG_MOST_LIST = 64 };

typedef struct dg_list {
    const char *item[DG_MOST_LIST];
    int n;
} dg_list;

/* An option: to is an int (on), a const char * (text), an int64_t (count, >= 0; threads, no
 * more than the engine takes), a dg_list. */
typedef struct dg_flag {
    const char *name; /* "epochs" */
    dg_flag_kind kind;
    void *to;
    const char *value; /* what --help calls its value */
    const char *text;
} dg_flag;

/* --layout and --map, which say how a file of --weights is read; and their help. */
typedef struct dg_as_flags {
    const char *layout;
    dg_list map;
} dg_as_flags;

extern const char dg_layout_text[], dg_map_text[];
dg_weights_as dg_as_of(const dg_as_flags *f);

typedef struct dg_command {
    const char *name;
    const char *usage; /* "MODEL [--out RUN] ..." */
    const char *text;  /* a line */
    int (*run)(int argc, char **argv);
    const char *about; /* what that does not say, in paragraphs */
} dg_command;

extern const dg_command dg_command_train, dg_command_eval, dg_command_predict, dg_command_show,
    dg_command_bench, dg_command_convert, dg_command_nodes, dg_command_check, dg_command_grad,
    dg_command_generate, dg_command_report, dg_command_help;

/* The k-th command; NULL at the end. */
const dg_command *dg_command_at(int k);

/* Parses argv[1..]; up to n_places values without a dash go to place[] (NULL: not given). Returns
 * -1 to go on, else the exit code: --help (printed to standard output), or a mistake (told). */
int dg_flags_read(const dg_command *c, const dg_flag flags[], int n_flags, const char *place[],
                  int n_places, int argc, char **argv);

/* Hands a command's table of options to `use`. The table stands where the command runs, so that its
 * entries can point to what they set: it is looked at as `--help` does. */
typedef void dg_flags_use(void *user, const dg_command *c, const dg_flag flags[], int n_flags);
void dg_flags_look(const dg_command *c, dg_flags_use *use, void *user);

/* The list of commands, and of what else `dagrad help` tells. */
void dg_help_list(FILE *to);

/* The exit code of a status. */
int dg_exit_code(dg_status s);

/* Tells a failure that is not one of a model: "dagrad train: TEXT", and returns its exit code. */
int dg_tell(const dg_command *c, const dg_diag *why);
/* Tells a mistake of usage, and the usage; returns EXIT_USAGE. */
int dg_usage(const dg_command *c, const char *wrong);
/* EXIT_DONE if path is a run directory, else tells what it is and returns the exit code. */
int dg_need_run(const dg_command *c, const char *path);
/* Prints the diagnostics of an experiment; returns the exit code. */
int dg_tell_model(const dg_experiment *e);

/* Appends the hash of the weights and which they are: "4f1c20aa9b3e7d51 (best)  step 3200". */
void dg_weights_text(const dg_experiment *e, dg_text *out);

/* 1: this remark was the last one too, as when several inputs come from one table. */
int dg_said(const char *text);

/* 1: standard error is a terminal on which a line can be written over (TERM is not dumb). */
int dg_terminal(void);
/* 1: standard error takes a line now, or within so many seconds. */
int dg_can_tell(int seconds);
/* 1: a terminal, and NO_COLOR is not set. */
int dg_colors(void);

/* The flag that SIGINT, SIGTERM and SIGHUP set; a second signal ends the program at once. A command
 * that has nothing to save does not catch them, so the first one ends it, whatever it waits for. */
extern volatile sig_atomic_t dg_stop_signal;
void dg_catch_signals(void);
/* There is nothing to save any more. */
void dg_release_signals(void);
/* Ends the program as if by the signal that was caught: 128 + n. */
int dg_stopped(void);

/* Opens a model file, or a run with its weights, and tells what is wrong. NULL: *code is the exit
 * code. weights as in dg_run_open. Remarks go to standard error. */
dg_experiment *dg_open_either(const dg_command *c, const char *path, const char *weights,
                              dg_experiment_options *o, int *code);

/* The same through <dagrad/model.h>. o->log NULL: remarks go to standard error. */
dg_model *dg_open_model(const dg_command *c, const char *path, const dg_model_options *o,
                        int *code);

#endif
