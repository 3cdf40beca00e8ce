/* The words that a model may use in `data`, `train` and `metric`, handed to the language. */
#ifndef DG_TRAIN_VOCABULARY_H
#define DG_TRAIN_VOCABULARY_H

#include "lang/dag.h"

/* Keys of train { }, indices of dg_dag.settings. */
enum {
    DG_KEY_OPTIMIZER,
    DG_KEY_BATCH,
    DG_KEY_EPOCHS,
    DG_KEY_STEPS,
    DG_KEY_SCHEDULE,
    DG_KEY_CLIP,
    DG_KEY_SEED,
    DG_KEY_PRECISION,
    DG_KEY_EXACT,
    DG_KEY_SHUFFLE,
    DG_KEY_LAST,
    DG_KEY_SPLIT,
    DG_KEY_FREEZE,
    DG_KEY_SAVE_EVERY,
    DG_KEY_STOP,
    DG_KEYS
};

/* Attributes of the optimizers (adamw has those of adam), schedules (slope: cosine and linear) and
 * of patience. The rate is the first of each optimizer. */
enum { DG_GD_RATE };
enum { DG_SGD_RATE, DG_SGD_MOMENTUM, DG_SGD_NESTEROV, DG_SGD_DECAY };
enum { DG_ADAM_RATE, DG_ADAM_BETA1, DG_ADAM_BETA2, DG_ADAM_EPSILON, DG_ADAM_DECAY };
enum { DG_RMSPROP_RATE, DG_RMSPROP_BETA2, DG_RMSPROP_EPSILON, DG_RMSPROP_DECAY };
enum { DG_STEP_EVERY, DG_STEP_FACTOR };
enum { DG_SLOPE_WARMUP, DG_SLOPE_FINAL };
enum { DG_PATIENCE_EPOCHS };

/* Words of the keys precision and last. */
enum { DG_PRECISION_F32, DG_PRECISION_F64 };
enum { DG_LAST_TRAIN, DG_LAST_DROP };

/* Attributes of data train(part=, shuffle=). */
enum { DG_BLOCK_PART, DG_BLOCK_SHUFFLE };

enum { DG_MOST_IO_WORDS = 32 };

/* The tables of io/ are copied into room. */
typedef struct dg_words {
    dg_vocabulary vocabulary;
    dg_word source[DG_MOST_IO_WORDS], transform[DG_MOST_IO_WORDS];
} dg_words;

/* words must outlive the models that are opened with its vocabulary. */
void dg_words_make(dg_words *words);

#endif
