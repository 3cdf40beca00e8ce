/* The words of train { }, metric and data; see vocabulary.h. */
#include "train/vocabulary.h"
#include "io/dataset.h"
#include "train/metrics.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum { HUGE_COUNT = 1 << 30 };

static const dg_attr_spec rate_only[] = {
    [DG_GD_RATE] = {"rate", DG_ATTR_REAL, 1, 1e-30, 1e6, "0.01", NULL, "length of a step"},
};

static const dg_attr_spec sgd[] = {
    [DG_SGD_RATE] = {"rate", DG_ATTR_REAL, 1, 1e-30, 1e6, "0.01", NULL, "length of a step"},
    [DG_SGD_MOMENTUM] = {"momentum", DG_ATTR_REAL, 1, 0, 0.999999, "0", NULL,
                         "share of the last step that is kept"},
    [DG_SGD_NESTEROV] = {"nesterov", DG_ATTR_BOOL, 1, 0, 1, "false", NULL,
                         "looks ahead by the momentum"},
    [DG_SGD_DECAY] = {"decay", DG_ATTR_REAL, 1, 0, 1e6, "0", NULL,
                      "times theta, added to the gradient"},
};

static const dg_attr_spec adam[] = {
    [DG_ADAM_RATE] = {"rate", DG_ATTR_REAL, 1, 1e-30, 1e6, "1e-3", NULL, "length of a step"},
    [DG_ADAM_BETA1] = {"beta1", DG_ATTR_REAL, 1, 0, 0.999999, "0.9", NULL,
                       "memory of the gradient"},
    [DG_ADAM_BETA2] = {"beta2", DG_ATTR_REAL, 1, 0, 0.99999999, "0.999", NULL,
                       "memory of its square"},
    [DG_ADAM_EPSILON] = {"epsilon", DG_ATTR_REAL, 1, 1e-30, 1, "1e-8", NULL, "added to the root"},
    [DG_ADAM_DECAY] = {"decay", DG_ATTR_REAL, 1, 0, 1e6, "0", NULL,
                       "times theta, added to the gradient"},
};

static const dg_attr_spec adamw[] = {
    [DG_ADAM_RATE] = {"rate", DG_ATTR_REAL, 1, 1e-30, 1e6, "1e-3", NULL, "length of a step"},
    [DG_ADAM_BETA1] = {"beta1", DG_ATTR_REAL, 1, 0, 0.999999, "0.9", NULL,
                       "memory of the gradient"},
    [DG_ADAM_BETA2] = {"beta2", DG_ATTR_REAL, 1, 0, 0.99999999, "0.999", NULL,
                       "memory of its square"},
    [DG_ADAM_EPSILON] = {"epsilon", DG_ATTR_REAL, 1, 1e-30, 1, "1e-8", NULL, "added to the root"},
    [DG_ADAM_DECAY] = {"decay", DG_ATTR_REAL, 1, 0, 1e6, "0.01", NULL,
                       "times rate and theta, taken from theta"},
};

static const dg_attr_spec rmsprop[] = {
    [DG_RMSPROP_RATE] = {"rate", DG_ATTR_REAL, 1, 1e-30, 1e6, "1e-3", NULL, "length of a step"},
    [DG_RMSPROP_BETA2] = {"beta2", DG_ATTR_REAL, 1, 0, 0.99999999, "0.99", NULL,
                          "memory of the squared gradient"},
    [DG_RMSPROP_EPSILON] = {"epsilon", DG_ATTR_REAL, 1, 1e-30, 1, "1e-8", NULL,
                            "added to the root"},
    [DG_RMSPROP_DECAY] = {"decay", DG_ATTR_REAL, 1, 0, 1e6, "0", NULL,
                          "times theta, added to the gradient"},
};

/* In the order of dg_optimizer_kind. */
static const dg_word optimizers[] = {
    {"gd", rate_only, COUNT(rate_only), "theta -= rate g; the batch is the whole training part"},
    {"sgd", sgd, COUNT(sgd),
     "m = momentum m + g; theta -= rate m, or rate (g + momentum m) with nesterov"},
    {"adam", adam, COUNT(adam),
     "theta -= rate mhat / (sqrt(vhat) + epsilon), running means of g and g^2"},
    {"adamw", adamw, COUNT(adamw), "adam, with decay taken from theta and not from the gradient"},
    {"rmsprop", rmsprop, COUNT(rmsprop),
     "theta -= rate g / (sqrt(v) + epsilon), v the running mean of g^2"},
};

static const dg_attr_spec step[] = {
    [DG_STEP_EVERY] = {"every", DG_ATTR_INT, 1, 1, HUGE_COUNT, NULL, NULL, "steps at one rate"},
    [DG_STEP_FACTOR] = {"factor", DG_ATTR_REAL, 1, 1e-30, 1e6, "0.1", NULL,
                        "what the rate is multiplied by then"},
};

static const dg_attr_spec slope[] = {
    [DG_SLOPE_WARMUP] = {"warmup", DG_ATTR_INT, 1, 0, HUGE_COUNT, "0", NULL,
                         "steps in which the rate rises"},
    [DG_SLOPE_FINAL] = {"final", DG_ATTR_REAL, 1, 0, 1e6, "0", NULL, "the rate at the end"},
};

/* In the order of dg_schedule_kind. */
static const dg_word schedules[] = {
    {"fixed", NULL, 0, "the rate as it is"},
    {"step", step, COUNT(step), "rate * factor^floor(step / every)"},
    {"cosine", slope, COUNT(slope), "a rise over warmup steps, then half a cosine down to final"},
    {"linear", slope, COUNT(slope), "a rise over warmup steps, then a straight line down to final"},
};

static const dg_attr_spec patience[] = {
    [DG_PATIENCE_EPOCHS] = {"epochs", DG_ATTR_INT, 1, 1, HUGE_COUNT, "5", NULL,
                            "epochs without a better validation loss"},
};

static const dg_word stops[] = {
    {"patience", patience, COUNT(patience),
     "ends the run after so many epochs without a better loss of the validation part"}};

static const dg_key keys[DG_KEYS] = {
    {{"optimizer", 0, 1, 0, 0, "sgd", NULL, "how a step follows from the gradient"},
     optimizers,
     COUNT(optimizers)},
    {{"batch", DG_ATTR_INT, 1, 1, HUGE_COUNT, "32", NULL, "rows of a step"}, NULL, 0},
    {{"epochs", DG_ATTR_INT, 1, 1, HUGE_COUNT, "", NULL, "passes over the training part"},
     .instead = "steps"},
    {{"steps", DG_ATTR_INT, 1, 1, HUGE_COUNT, "", NULL, "steps, instead of epochs"},
     .instead = "epochs"},
    {{"schedule", 0, 1, 0, 0, "fixed", NULL, "the rate by step"}, schedules, COUNT(schedules)},
    {{"clip", DG_ATTR_REAL, 1, 0, 1e30, "0", NULL, "largest norm of the whole gradient; 0: any"},
     NULL,
     0},
    {{"seed", DG_ATTR_INT, 1, 0, 9007199254740991.0, "1", NULL, "of all that is left to chance"},
     NULL,
     0},
    {{"precision", DG_ATTR_WORD, 1, 0, 0, "f32", "f32 f64", "of all real values"}, NULL, 0},
    {{"exact", DG_ATTR_BOOL, 1, 0, 1, "false", NULL, "no faster algorithm that rounds otherwise"},
     NULL,
     0},
    {{"shuffle", DG_ATTR_BOOL, 1, 0, 1, "true", NULL, "rows in a new order each epoch"}, NULL, 0},
    {{"last", DG_ATTR_WORD, 1, 0, 0, "train", "train drop", "what to do with a smaller last batch"},
     NULL,
     0},
    {{"split", DG_ATTR_REAL, 1, 0, 0.9, "0", NULL,
      "share of the training part for validation, drawn by seed"},
     NULL,
     0},
    {{"freeze", DG_ATTR_TEXT, 64, 0, 0, "", NULL, "patterns of parameters that stay as they are"},
     NULL,
     0},
    {{"save_every", DG_ATTR_INT, 1, 0, HUGE_COUNT, "0", NULL, "steps between checkpoints; 0: 30 s"},
     NULL,
     0},
    {{"stop", 0, 1, 0, 0, "", NULL, "ends the run early"}, stops, COUNT(stops)},
};

static const dg_attr_spec block[] = {
    {"part", DG_ATTR_REAL, 2, 0, 1, "", NULL, "share of the rows, from and to"},
    {"shuffle", DG_ATTR_INT, 1, 0, 9007199254740991.0, "", NULL, "seed of a permutation before it"},
};

static int copy_words(dg_word *to, const dg_io_type *(*at)(int k))
{
    int n = 0;
    for (const dg_io_type *t; n < DG_MOST_IO_WORDS && (t = at(n)); n++)
        to[n] = (dg_word){t->name, t->attrs, t->n_attrs, t->text};
    return n;
}

void dg_words_make(dg_words *words)
{
    int sources = copy_words(words->source, dg_source_at);
    int transforms = copy_words(words->transform, dg_transform_at);
    words->vocabulary = (dg_vocabulary){.sources = words->source,
                                        .n_sources = sources,
                                        .transforms = words->transform,
                                        .n_transforms = transforms,
                                        .metrics = dg_metric_words,
                                        .n_metrics = DG_METRIC_WORDS,
                                        .block = block,
                                        .n_block = COUNT(block),
                                        .keys = keys,
                                        .n_keys = DG_KEYS};
}
