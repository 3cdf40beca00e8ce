/* A model opened from C (library dagrad-io): a .dag, a run that `dagrad train` left, or an .onnx.
 * Raw rows go in as the model's own data files hold them; predictions come out in the units of the
 * target, with the names of its classes. What lies between, the fixed transforms of the model's
 * `data` lines (scale, standardize, onehot, classes, fill, ...) with what they learnt in training,
 * goes with the run and needs no line of code.
 *
 *     dg_diag why = {0};
 *     dg_model *m = dg_model_open("runs/penguins-1", NULL);
 *     float size[4] = {39.1f, 18.7f, 181, 3750};
 *     const char *kind[2] = {"Adelie", "Torgersen"};
 *     dg_rows in[2] = {
 *         {"size", .numbers = {DG_F32, dg_shape_make(2, (int64_t[]){1, 4}), size, sizeof size}},
 *         {"kind", .texts = kind, .n_texts = 2}};
 *     dg_tensor logits;
 *     int64_t best;
 *     if (dg_model_predict(m, 2, in, "logits", &logits, &why) == DG_OK &&
 *         dg_top(&logits, 0, 1, &best) == 1)
 *         puts(dg_model_class(m, "logits", best));           "male"
 *     dg_model_free(m);
 *
 * Opening neither trains nor prints nor starts threads, and does not read the model's data. The
 * model is only read from then on: each thread may have a dg_predictor of its own. This library
 * takes its memory from malloc. */
#ifndef DAGRAD_MODEL_H
#define DAGRAD_MODEL_H

#include <dagrad/program.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dg_model dg_model;
typedef struct dg_predictor dg_predictor;

/* ---- Opening --------------------------------------------------------------------------------- */

/* The size of a free dimension, one that the model only names: T of text[N, T]. */
typedef struct dg_dimension {
    const char *name;
    int64_t size;
} dg_dimension;

/* How a model is opened. Start from {.size = sizeof(dg_model_options)}: 0 and NULL are the usual
 * choice. All of it is copied, but node types and user, which are kept by reference. */
typedef struct {
    size_t size;
    const char *weights;    /* a safetensors file. Of a run also "best" or "last", NULL: best where
                               there is a validation part, else last. Else NULL: by the model's
                               initialisers (an .onnx has its own) */
    const char *const *set; /* "NAME=VALUE": a let of the model, or a key of its train block */
    int n_set;
    const char *const *dirs; /* folders to look for data in, before the model's own */
    int n_dirs;
    const dg_node_type *const *types; /* node types of your own */
    int n_types;
    const dg_dimension
        *sizes; /* of free dimensions; others come with the rows of a predictor, which
                                  then has a copy of the weights */
    int n_sizes;
    const char
        *resume; /* a run to go on with by dg_train (run.h), its folder or, with changes, that
                           and another path; it is locked before anything of it is read, until it
                           was trained or the model is freed. Its data are read */
    int data;    /* 1: the model's data blocks are read, to train on and for dg_predict_part */
    void (*log)(void *user, const char *line); /* remarks; NULL: silence */
    void *user;
    /* How a file of weights is read, here and by dg_train. layout: "dagrad" or "pytorch", a state
     * dict; NULL: the file tells. map: "OLD=NEW", a module of PyTorch and a node ("*": any
     * text). */
    const char *layout;
    const char *const *map;
    int n_map;
} dg_model_options;

/* path: a .dag, a run directory, an .onnx. NULL only out of memory: ask its status. o may be NULL.
 */
DG_API dg_model *dg_model_open(const char *path, const dg_model_options *o);
/* The same for the text of a .dag. name: for messages; its data are looked for beside it. */
DG_API dg_model *dg_model_parse(const char *name, const char *text, const dg_model_options *o);
/* After its predictors and the programs of its graph. NULL allowed. */
DG_API void dg_model_free(dg_model *m);

/* DG_OK, or what is wrong: DG_EUSAGE (no such file, option), DG_EMODEL, DG_EDATA (a file of data or
 * of weights), DG_EFILE, DG_EMEMORY. first may be NULL. A model that failed is good for the calls
 * of this section alone; the others return its status, or nothing. */
DG_API dg_status dg_model_status(const dg_model *m, dg_diag *first);
/* All that is wrong, in order of place: the k-th from 0. DG_EUSAGE after the last. start and end
 * are bytes of the model's text, from 0; line and column those of its file. */
DG_API dg_status dg_model_diag(const dg_model *m, int k, dg_diag *diag);
/* The same as the program prints it, with lines of the model and what would fit. color: for a
 * terminal. */
DG_API void dg_model_print(const dg_model *m, int color, void (*line)(void *user, const char *text),
                           void *user);

/* ---- What it has ----------------------------------------------------------------------------- */

/* Its graph: for programs of your own, and to look at (graph.h). It stays the model's. */
DG_API dg_graph *dg_model_graph(dg_model *m);

typedef enum { DG_PORT_INPUT, DG_PORT_TARGET, DG_PORT_OUTPUT } dg_port_role;

/* An input, a target or an output. Names live as long as the model. */
typedef struct {
    size_t size;
    const char *name;
    dg_port_role role;
    dg_value value; /* in the graph */
    dg_type type;
    dg_shape shape;                /* as the network has it, dim[0] DG_N where it has rows */
    const char *free[DG_MAX_RANK]; /* names of its free dimensions, else NULL */
    int needed;                    /* of an input: an output depends on it */
    int texts;                     /* raw rows are texts: words, dates, paths of pictures */
    int n_columns;                 /* of the table it is read from, as training found them; */
    const char *const *columns;    /* 0: not known, or no table */
    int n_classes;              /* of a target, and of the output that estimates it: names in the */
    const char *const *classes; /* order of their numbers; of a text its characters; 0: none */
} dg_port_info;

/* The k-th from 0: inputs and targets as they stand in the model, then outputs. DG_EUSAGE: there is
 * none such. */
DG_API dg_status dg_model_port(const dg_model *m, int k, dg_port_info *info);
DG_API dg_status dg_model_find(const dg_model *m, const char *name, dg_port_info *info);
/* The name of class k of a target or an output; NULL: it has no names, or not so many. */
DG_API const char *dg_model_class(const dg_model *m, const char *name, int64_t k);

/* Which weights it has: hash as in graph.h (17 bytes, may be NULL), "best", "last" or NULL for
 * those of another file or none, the step at which they were taken or -1. */
DG_API dg_status dg_model_weights(const dg_model *m, char hash[17], const char **which,
                                  int64_t *step);

/* ---- Predicting ------------------------------------------------------------------------------ */

/* Raw rows of an input, in one of three forms; they are copied.
 *     numbers  any type, rows first: a row as a line of the data file has it (4 numbers, a picture
 *              of bytes), before its transforms. NaN is a gap where the pipe takes gaps. A tensor
 *              that fits only as a whole is one row
 *     texts    of an input whose source is a table: rows x columns, a row after the other; "" is a
 *              gap. Words must be among those of the training
 *     file     a file with such rows: read as the model's own, or NPY, NPZ, IDX, CSV; "-": standard
 *              input */
typedef struct {
    const char *name; /* of the input */
    dg_tensor numbers;
    const char *const *texts;
    int64_t n_texts;
    const char *file;
} dg_rows;

/* How a predictor works; NULL, 0: the usual choice. */
typedef struct {
    size_t size;
    int threads;   /* 0: one for each processor; 1 where each of your threads has its own */
    int64_t batch; /* rows at a time; 0: 64, or as in training if those are more */
} dg_predictor_options;

/* What predicts from a model. Several, in several threads, share its weights. NULL only out of
 * memory, or if m failed. */
DG_API dg_predictor *dg_predictor_new(dg_model *m, const dg_predictor_options *o);
DG_API void dg_predictor_free(dg_predictor *p); /* NULL allowed */

/* Predicts from n inputs: each on which an output depends; others (targets) are allowed. The first
 * calls compile, later ones of no more rows do not. DG_EUSAGE: an input is missing, unknown or
 * twice there; DG_EDATA: rows that do not fit, with their number; DG_EFINITE never: what is not
 * finite comes out. why may be NULL. Afterwards the predictor can be used again, whatever
 * happened. */
DG_API dg_status dg_predict(dg_predictor *p, int n, const dg_rows in[], dg_diag *why);
/* Predicts from the model's own data: "train", "validation" or "test", NULL the last that there is.
 * The model was opened with data; one predictor at a time. */
DG_API dg_status dg_predict_part(dg_predictor *p, const char *part, dg_diag *why);

/* An output of the last prediction, all rows, in the units of its target. t->data is the
 * predictor's until its next prediction. DG_EUSAGE: there is no such output, or no prediction. */
DG_API dg_status dg_predicted(const dg_predictor *p, const char *output, dg_tensor *t);
/* The number that row k of the outputs has among the rows that were given (`drop` leaves out rows
 * with gaps); -1: there are not so many. */
DG_API int64_t dg_predicted_row(const dg_predictor *p, int64_t k);

/* Predicts with a predictor that the model keeps, in one call; one thread at a time. */
DG_API dg_status dg_model_predict(dg_model *m, int n, const dg_rows in[], const char *output,
                                  dg_tensor *t, dg_diag *why);

/* The places of the k largest numbers among those of one row of t on its last axis, largest first;
 * of equal ones the first, NaN as the smallest. row counts over all axes but the last. Returns how
 * many were written: k, or as many as there are. */
DG_API int dg_top(const dg_tensor *t, int64_t row, int k, int64_t place[]);

#ifdef __cplusplus
}
#endif
#endif
