/* A vocabulary as the storeys above give it. */
#include "lang/words.h"

#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define TEXT .kind = DG_ATTR_TEXT, .max_count = 1
#define REAL .kind = DG_ATTR_REAL, .max_count = 1, .low = -HUGE_VAL, .high = HUGE_VAL
#define RATE .kind = DG_ATTR_REAL, .max_count = 1, .low = 0, .high = HUGE_VAL
#define WHOLE .kind = DG_ATTR_INT, .max_count = 1, .low = 1, .high = 1e9
#define SEED .kind = DG_ATTR_INT, .max_count = 1, .low = 0, .high = 0x1p53
#define TRUTH .kind = DG_ATTR_BOOL, .max_count = 1, .high = 1
#define WORD .kind = DG_ATTR_WORD, .max_count = 1

static const dg_attr_spec file[] = {{.name = "file", TEXT}};
static const dg_attr_spec csv[] = {
    {.name = "file", TEXT},
    {.name = "columns", .kind = DG_ATTR_TEXT, .max_count = 16, .preset = ""},
    {.name = "header",
     .kind = DG_ATTR_WORD | DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .words = "auto",
     .preset = "auto"}};
static const dg_attr_spec chars[] = {
    {.name = "file", TEXT}, {.name = "length", WHOLE}, {.name = "stride", WHOLE, .preset = ""}};
static const dg_attr_spec digits[] = {
    {.name = "what", .kind = DG_ATTR_TEXT | DG_ATTR_WORD, .max_count = 1, .words = "image label"}};
static const dg_word sources[] = {{"idx", file, 1, NULL},
                                  {"csv", csv, 3, NULL},
                                  {"npy", file, 1, NULL},
                                  {"chars", chars, 3, NULL},
                                  {"digits", digits, 1, NULL}};

static const dg_attr_spec scale[] = {{.name = "a", REAL}, {.name = "b", REAL, .preset = "0"}};
static const dg_attr_spec size[] = {{.name = "h", WHOLE}, {.name = "w", WHOLE}};
static const dg_attr_spec n[] = {{.name = "n", WHOLE}};
static const dg_word transforms[] = {{"scale", scale, 2, NULL}, {"standardize", NULL, 0, NULL},
                                     {"onehot", n, 1, NULL},    {"crop", size, 2, NULL},
                                     {"flip", NULL, 0, NULL},   {"shift", n, 1, NULL}};

static const dg_attr_spec k[] = {{.name = "k", WHOLE}};
static const dg_attr_spec peak[] = {{.name = "peak", RATE, .preset = "1"}};
static const dg_word metrics[] = {{"accuracy", NULL, 0, NULL},
                                  {"top", k, 1, NULL},
                                  {"mse", NULL, 0, NULL},
                                  {"mae", NULL, 0, NULL},
                                  {"psnr", peak, 1, NULL}};

static const dg_attr_spec block[] = {
    {.name = "part", .kind = DG_ATTR_REAL, .max_count = 2, .low = 0, .high = 1, .preset = ""},
    {.name = "shuffle", SEED, .preset = ""}};

static const dg_attr_spec sgd[] = {{.name = "rate", RATE, .preset = "0.01"},
                                   {.name = "momentum", RATE, .preset = "0"},
                                   {.name = "nesterov", TRUTH, .preset = "false"},
                                   {.name = "decay", RATE, .preset = "0"}};
static const dg_attr_spec adam[] = {{.name = "rate", RATE, .preset = "0.001"},
                                    {.name = "beta1", RATE, .preset = "0.9"},
                                    {.name = "decay", RATE, .preset = "0"}};
static const dg_word optimizers[] = {
    {"gd", sgd, 1, NULL}, {"sgd", sgd, 4, NULL}, {"adam", adam, 3, NULL}, {"adamw", adam, 3, NULL}};
static const dg_attr_spec cosine[] = {{.name = "warmup", SEED, .preset = "0"},
                                      {.name = "final", RATE, .preset = "0"}};
static const dg_word schedules[] = {{"fixed", NULL, 0, NULL}, {"cosine", cosine, 2, NULL}};
static const dg_word stops[] = {{"patience", n, 1, NULL}};

static const dg_key keys[] = {
    {{.name = "optimizer", .preset = "sgd"}, optimizers, COUNT(optimizers)},
    {{.name = "schedule", .preset = "fixed"}, schedules, COUNT(schedules)},
    {{.name = "stop", .preset = ""}, stops, COUNT(stops)},
    {{.name = "batch", WHOLE, .preset = "32"}, NULL, 0},
    {{.name = "epochs", WHOLE, .preset = ""}, NULL, 0},
    {{.name = "steps", WHOLE, .preset = ""}, NULL, 0},
    {{.name = "clip", RATE, .preset = ""}, NULL, 0},
    {{.name = "seed", SEED, .preset = "1"}, NULL, 0},
    {{.name = "exact", TRUTH, .preset = "false"}, NULL, 0},
    {{.name = "last", WORD, .words = "train drop", .preset = "train"}, NULL, 0},
    {{.name = "precision", WORD, .words = "f32 f64 bf16", .preset = "f32"}, NULL, 0},
    {{.name = "freeze", .kind = DG_ATTR_TEXT, .max_count = 16, .preset = ""}, NULL, 0}};

const dg_vocabulary dg_test_words = {.sources = sources,
                                     .n_sources = COUNT(sources),
                                     .transforms = transforms,
                                     .n_transforms = COUNT(transforms),
                                     .metrics = metrics,
                                     .n_metrics = COUNT(metrics),
                                     .block = block,
                                     .n_block = COUNT(block),
                                     .keys = keys,
                                     .n_keys = COUNT(keys)};
