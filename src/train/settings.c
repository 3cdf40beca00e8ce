/* The values of train { }; see settings.h. */
#include "train/settings.h"
#include "train/vocabulary.h"
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const dg_setting *setting(const dg_dag *m, int key)
{
    return &m->settings[key];
}

static double number(const dg_dag *m, int key, double absent)
{
    const dg_attr_value *v = &setting(m, key)->value;
    return v->count > 0 ? v->number[0] : absent;
}

static void read_optimizer(const dg_dag *m, dg_optimizer *o)
{
    const dg_clause *c = &setting(m, DG_KEY_OPTIMIZER)->clause;
    if (c->word < 0)
        return;
    const dg_attrs *a = &c->attrs;
    *o = dg_optimizer_default((dg_optimizer_kind)c->word);
    if (a->n == 0)
        return;
    o->rate = dg_attr_real(a, DG_GD_RATE);
    if (o->kind == DG_SGD) {
        o->momentum = dg_attr_real(a, DG_SGD_MOMENTUM);
        o->nesterov = (int)dg_attr_int(a, DG_SGD_NESTEROV);
        o->decay = dg_attr_real(a, DG_SGD_DECAY);
    } else if (o->kind == DG_ADAM || o->kind == DG_ADAMW) {
        o->beta1 = dg_attr_real(a, DG_ADAM_BETA1);
        o->beta2 = dg_attr_real(a, DG_ADAM_BETA2);
        o->epsilon = dg_attr_real(a, DG_ADAM_EPSILON);
        o->decay = dg_attr_real(a, DG_ADAM_DECAY);
    } else if (o->kind == DG_RMSPROP) {
        o->beta2 = dg_attr_real(a, DG_RMSPROP_BETA2);
        o->epsilon = dg_attr_real(a, DG_RMSPROP_EPSILON);
        o->decay = dg_attr_real(a, DG_RMSPROP_DECAY);
    }
}

static void read_schedule(const dg_dag *m, dg_schedule *s)
{
    const dg_clause *c = &setting(m, DG_KEY_SCHEDULE)->clause;
    *s = (dg_schedule){
        .kind = c->word < 0 ? DG_RATE_FIXED : (dg_schedule_kind)c->word, .every = 1, .factor = 1};
    if (c->attrs.n == 0)
        return;
    if (s->kind == DG_RATE_STEP) {
        s->every = dg_attr_int(&c->attrs, DG_STEP_EVERY);
        s->factor = dg_attr_real(&c->attrs, DG_STEP_FACTOR);
    } else if (s->kind != DG_RATE_FIXED) {
        s->warmup = dg_attr_int(&c->attrs, DG_SLOPE_WARMUP);
        s->final = dg_attr_real(&c->attrs, DG_SLOPE_FINAL);
    }
}

static void check(dg_dag *m, const dg_settings *s)
{
    dg_diag why = {0};
    const dg_setting *epochs = setting(m, DG_KEY_EPOCHS), *batch = setting(m, DG_KEY_BATCH);
    if (dg_diags_status(&m->diags) != DG_OK)
        return;
    if (s->epochs > 0 && s->steps > 0 && epochs->by == setting(m, DG_KEY_STEPS)->by)
        dg_diags_at(&m->diags, setting(m, DG_KEY_STEPS)->span, NULL, NULL,
                    "both epochs and steps are given; the run ends after one of them");
    int with_it = batch->by == DG_SET_OPTION ||
                  (batch->by == DG_SET_FILE && setting(m, DG_KEY_OPTIMIZER)->by == DG_SET_FILE);
    if (s->optimizer.kind == DG_GD && with_it)
        dg_diags_at(&m->diags, batch->span, NULL, "sgd takes batches",
                    "gd takes the whole training part as its batch");
    dg_optimizer probe = s->optimizer;
    probe.schedule.steps =
        probe.schedule.steps > 0 ? probe.schedule.steps : probe.schedule.warmup + 1;
    if (dg_optimizer_check(&probe, &why) != DG_OK)
        dg_diags_failure(&m->diags, &why, setting(m, DG_KEY_OPTIMIZER)->span);
}

void dg_settings_read(dg_dag *m, dg_settings *s)
{
    *s = (dg_settings){.optimizer = dg_optimizer_default(DG_SGD)};
    read_optimizer(m, &s->optimizer);
    read_schedule(m, &s->optimizer.schedule);
    s->optimizer.clip = number(m, DG_KEY_CLIP, 0);
    s->batch = s->optimizer.kind == DG_GD ? 0 : (int64_t)number(m, DG_KEY_BATCH, 32);
    s->epochs = (int64_t)number(m, DG_KEY_EPOCHS, -1);
    s->steps = (int64_t)number(m, DG_KEY_STEPS, -1);
    s->seed = (uint64_t)number(m, DG_KEY_SEED, 1);
    s->real = setting(m, DG_KEY_PRECISION)->value.word == DG_PRECISION_F64 ? DG_F64 : DG_F32;
    s->exact = (int)number(m, DG_KEY_EXACT, 0);
    s->shuffle = (int)number(m, DG_KEY_SHUFFLE, 1);
    s->drop_last = setting(m, DG_KEY_LAST)->value.word == DG_LAST_DROP;
    s->split = number(m, DG_KEY_SPLIT, 0);
    s->freeze = setting(m, DG_KEY_FREEZE)->value.text;
    s->freeze = s->freeze ? s->freeze : "";
    s->save_every = (int64_t)number(m, DG_KEY_SAVE_EVERY, 0);
    const dg_clause *stop = &setting(m, DG_KEY_STOP)->clause;
    s->patience =
        stop->word >= 0 && stop->attrs.n > 0 ? dg_attr_int(&stop->attrs, DG_PATIENCE_EPOCHS) : 0;
    check(m, s);
    if (s->epochs > 0 && s->steps > 0) { /* the option wins over the file */
        if (setting(m, DG_KEY_EPOCHS)->by == DG_SET_OPTION)
            s->steps = -1;
        else
            s->epochs = -1;
    }
}

int dg_name_fits(const char *patterns, const char *name)
{
    char one[256];
    for (const char *p = patterns; p && *p; p += *p == '\n') {
        size_t n = strcspn(p, "\n");
        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one - 1 ? n : sizeof one - 1), p);
        if (n > 0 && fnmatch(one, name, 0) == 0)
            return 1;
        p += n;
    }
    return 0;
}
