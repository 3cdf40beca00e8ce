/* dagrad generate: continues a text, a character after the other, from a model that was trained on
 * chars(..).
 *
 * The model sees a window of the last characters, as long as a row of its training data, and is
 * computed anew for each one: a recurrent model therefore starts from zero states at the beginning
 * of the window, as it did in training. While there are fewer characters than that, they stand at
 * the window's beginning, and what follows them must not matter: the first step looks. */
#include "base/clock.h"
#include "base/elem_f64.h"
#include "base/philox.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/plugin.h"
#include "graph/graph.h"
#include "io/utf8.h"
#include "train/legend.h"
#include "train/rundir.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SOME_SIZE = 8 }; /* of free dimensions, while the window is not known */

typedef struct generate_options {
    const char *prompt, *temperature, *weights;
    dg_list node;
    dg_as_flags as;
    int64_t length, seed, window, threads;
    double heat; /* temperature as a number */
} generate_options;

typedef struct generator {
    dg_experiment *e;
    const dg_port *port;
    const dg_legend *letters;
    dg_program *program;
    dg_value out;   /* [N, T, letters], or [N, letters] for the character after the window */
    int by_place;   /* the former */
    int64_t window; /* characters that the model sees */
    int64_t *known; /* ids of the text so far, n of them */
    int64_t n;
    dg_tensor in, logits; /* data are owned */
} generator;

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* ---- The model ------------------------------------------------------------------------------- */

/* The line of a data block that reads a text; NULL: none. */
static const dg_binding *text_of(const dg_dag *m)
{
    for (int i = 0; i < m->n_blocks; i++)
        for (int k = 0; k < m->blocks[i].n_bindings; k++)
            if (strcmp(m->blocks[i].bindings[k].source.name, "chars") == 0)
                return &m->blocks[i].bindings[k];
    return NULL;
}

/* Characters of a row of the training data. */
static int64_t length_of(const dg_binding *b)
{
    for (int i = 0; i < b->source.n_given; i++)
        if (strcmp(b->source.given[i].name, "length") == 0)
            return (int64_t)b->source.given[i].number[0];
    return 1;
}

/* Ids as they are, or as vectors of a one. */
static dg_status check_input(const generator *g, const dg_binding *b, dg_diag *why)
{
    const dg_pipe *pipe = dg_binding_pipe(b, b->ports[0]);
    char text[128];
    int onehot = pipe->n == 1 && strcmp(pipe->transforms[0].name, "onehot") == 0;
    if (g->port->shape.rank == 2 + onehot && (onehot || pipe->n == 0))
        return DG_OK;
    return dg_diag_set(why, DG_EUSAGE,
                       "'%s' %s must be the ids of characters, [N, T] int, or their onehot",
                       g->port->name, dg_shape_text(&g->port->shape, text, sizeof text));
}

/* The first output that has a number for each letter, at each place or for the window. */
static dg_status find_output(generator *g, dg_diag *why)
{
    const dg_graph *graph = g->e->model->graph;
    for (int k = 0; k < dg_graph_outputs(graph); k++) {
        g->out = dg_graph_output(graph, k, NULL);
        const dg_shape *s = &graph->values[g->out.id - 1].shape;
        g->by_place = s->rank == 3 && s->dim[1] == g->window;
        if ((s->rank == 2 || g->by_place) && s->dim[0] == DG_N &&
            s->dim[s->rank - 1] == g->letters->n)
            return DG_OK;
    }
    return dg_diag_set(why, DG_EUSAGE,
                       "no output of the model is [N, T, %d] or [N, %d]: a number for each of the "
                       "characters it knows",
                       g->letters->n, g->letters->n);
}

/* Opens the run twice: its text says how long the window is, the window gives the sizes. */
static int open_run(generator *g, const char *run, const generate_options *o,
                    const dg_plugins *plugins)
{
    int code;
    dg_diag why = {.code = DG_OK};
    dg_experiment_options eo = {.types = plugins->type,
                                .n_types = plugins->n,
                                .without_data = 1,
                                .size = SOME_SIZE,
                                .as = dg_as_of(&o->as)};
    dg_experiment *first = dg_open_either(&dg_command_generate, run, "", &eo, &code);
    if (!first)
        return code;
    const dg_binding *b = text_of(first->model);
    g->window = o->window ? o->window : b ? length_of(b) : 0;
    dg_experiment_free(first);
    if (!b)
        dg_diag_set(&why, DG_EUSAGE,
                    "the run was not trained on a text: no line of its data is chars(..)");
    if (!b)
        return dg_tell(&dg_command_generate, &why);
    eo.size = g->window;
    g->e = dg_open_either(&dg_command_generate, run, o->weights, &eo, &code);
    return g->e ? EXIT_DONE : code;
}

static dg_status find_values(generator *g, dg_diag *why)
{
    const dg_binding *b = text_of(g->e->model);
    g->port = &g->e->model->ports[b->ports[0]];
    g->letters = dg_legend_of(g->e, g->port->value);
    if (!g->letters)
        return dg_diag_set(why, DG_EDATA, "the weights do not say which characters they know");
    dg_status s = check_input(g, b, why);
    return s == DG_OK ? find_output(g, why) : s;
}

static dg_status compile(generator *g, int threads, dg_diag *why)
{
    dg_options o = dg_program_options(g->e, DG_RUN_INFER, 1);
    o.threads = threads;
    g->program = dg_compile(g->e->model->graph, &o);
    if (!g->program)
        return no_memory(why);
    dg_status s = dg_program_status(g->program, why);
    if (s != DG_OK)
        return s;
    g->in = (dg_tensor){.type = g->port->type, .shape = g->port->shape};
    g->in.shape.dim[0] = 1;
    g->in.bytes = (size_t)dg_shape_count(&g->in.shape) * dg_type_bytes(g->in.type);
    g->in.data = malloc(g->in.bytes);
    dg_get(g->program, g->out, DG_VALUE, &g->logits); /* its size */
    g->logits.data = malloc(g->logits.bytes + 1);
    return g->in.data && g->logits.data ? DG_OK : no_memory(why);
}

/* ---- The prompt ------------------------------------------------------------------------------ */

static int64_t id_of(const dg_legend *l, const char *letter, size_t n)
{
    for (int k = 0; k < l->n; k++)
        if (strlen(l->name[k]) == n && memcmp(l->name[k], letter, n) == 0)
            return k;
    return -1;
}

static dg_status read_prompt(generator *g, const generate_options *o, dg_diag *why)
{
    size_t bytes = strlen(o->prompt), good = dg_utf8_check(o->prompt, bytes);
    if (good < bytes)
        return dg_diag_set(why, DG_EDATA, "--prompt is not UTF-8 (byte %zu is %02x)", good + 1,
                           (unsigned char)o->prompt[good]);
    g->known = malloc((bytes + (size_t)o->length + 1) * sizeof *g->known);
    if (!g->known)
        return no_memory(why);
    for (size_t at = 0, n = 0; at < bytes; at += n) {
        uint32_t code = 0;
        n = dg_utf8_read(o->prompt + at, bytes - at, &code);
        int64_t id = id_of(g->letters, o->prompt + at, n);
        if (id < 0)
            return dg_diag_set(why, DG_EDATA,
                               "the character '%.*s' (U+%04" PRIX32
                               ") of --prompt is none of the %d that the model knows",
                               (int)n, o->prompt + at, code, g->letters->n);
        g->known[g->n++] = id;
    }
    if (!g->by_place && g->n < g->window)
        return dg_diag_set(why, DG_EUSAGE,
                           "the model gives one estimate for %" PRId64
                           " characters: --prompt has %" PRId64 ", it needs as many",
                           g->window, g->n);
    return DG_OK;
}

/* ---- A character ----------------------------------------------------------------------------- */

static void put_letter(generator *g, int64_t at, int64_t id)
{
    if (g->in.type == DG_I32)
        ((int32_t *)g->in.data)[at] = (int32_t)id;
    else if (g->in.type == DG_F32)
        ((float *)g->in.data)[at * g->letters->n + id] = 1;
    else
        ((double *)g->in.data)[at * g->letters->n + id] = 1;
}

/* Runs the model on the last characters; `rest` stands where there are none yet. */
static dg_status look_at_window(generator *g, int64_t rest, dg_diag *why)
{
    int64_t first = g->n > g->window ? g->n - g->window : 0;
    memset(g->in.data, 0, g->in.bytes);
    for (int64_t i = 0; i < g->window; i++)
        put_letter(g, i, first + i < g->n ? g->known[first + i] : rest);
    if (dg_set(g->program, g->port->value, DG_VALUE, &g->in) != DG_OK ||
        dg_forward(g->program, &(dg_batch){.size = sizeof(dg_batch), .rows = 1}) != DG_OK ||
        dg_get(g->program, g->out, DG_VALUE, &g->logits) != DG_OK)
        return dg_program_status(g->program, why);
    return DG_OK;
}

/* Where the estimate of the next character is. */
static size_t place_of_next(const generator *g)
{
    int64_t last = (g->n < g->window ? g->n : g->window) - 1;
    return (size_t)(g->by_place ? last * g->letters->n : 0);
}

/* Whether what stands after the last character matters: it must not, since nothing does yet. */
static dg_status check_causal(generator *g, dg_diag *why)
{
    size_t element = dg_type_bytes(g->logits.type), bytes = (size_t)g->letters->n * element;
    const char *next = (const char *)g->logits.data + place_of_next(g) * element;
    char *once = malloc(bytes);
    if (!once)
        return no_memory(why);
    dg_status s = look_at_window(g, 0, why);
    memcpy(once, next, bytes);
    if (s == DG_OK)
        s = look_at_window(g, g->letters->n - 1, why);
    if (s == DG_OK && memcmp(once, next, bytes) != 0)
        s = dg_diag_set(why, DG_EUSAGE,
                        "the model looks at characters after the one it continues (attention "
                        "without causal=true, or a layer that goes backward): only a prompt of "
                        "%" PRId64 " characters or more can be continued",
                        g->window);
    free(once);
    return s;
}

/* The numbers of the next character as logarithms of probabilities, but for a constant: a row that
 * is a distribution already is taken as one. DG_EFINITE: there is no largest. */
static dg_status read_logits(const generator *g, double z[], dg_diag *why)
{
    double sum = 0, least = HUGE_VAL, most = -HUGE_VAL;
    for (int k = 0; k < g->letters->n; k++) {
        z[k] = dg_tensor_number(&g->logits, (int64_t)place_of_next(g) + k);
        if (isnan(z[k]))
            return dg_diag_set(why, DG_EFINITE,
                               "the model's estimate of character %" PRId64 " is not a number",
                               g->n + 1);
        sum += z[k];
        least = z[k] < least ? z[k] : least;
        most = z[k] > most ? z[k] : most;
    }
    if (!isfinite(most))
        return dg_diag_set(why, DG_EFINITE,
                           "the model's estimate of character %" PRId64 " is not finite", g->n + 1);
    for (int k = 0; least >= 0 && fabs(sum - 1) < 1e-4 && k < g->letters->n; k++)
        z[k] = dg_log(z[k]);
    return DG_OK;
}

/* A letter with probability in proportion to e^(z / heat); 0: the one with the largest z. u in
 * [0, 1). */
static int draw(int n, double z[], double heat, double u)
{
    int best = 0, last = 0;
    double sum = 0, most;
    for (int k = 1; k < n; k++)
        best = z[k] > z[best] ? k : best;
    most = z[best];
    for (int k = 0; k < n && heat > 0; k++)
        sum += z[k] = dg_exp((z[k] - most) / heat);
    if (!(heat > 0))
        return best;
    for (int k = 0; k < n; k++) {
        last = z[k] > 0 ? k : last;
        u -= z[k] / sum;
        if (u < 0)
            return k;
    }
    return last; /* what rounding left */
}

static dg_status continue_text(generator *g, const generate_options *o, dg_diag *why)
{
    double *z = malloc((size_t)g->letters->n * sizeof *z);
    dg_status s = z ? DG_OK : no_memory(why);
    if (s == DG_OK && g->n < g->window)
        s = check_causal(g, why);
    if (s == DG_OK)
        printf("%s", o->prompt);
    for (int64_t i = 0; i < o->length && s == DG_OK && !ferror(stdout); i++) {
        fflush(stdout);
        s = look_at_window(g, 0, why);
        if (s == DG_OK)
            s = read_logits(g, z, why);
        if (s != DG_OK)
            break;
        double u = dg_uniform((uint64_t)o->seed, dg_stream_name("generate"), (uint64_t)i);
        int id = draw(g->letters->n, z, o->heat, u);
        g->known[g->n++] = id;
        printf("%s", g->letters->name[id]);
    }
    if (s == DG_OK)
        printf("\n");
    free(z);
    return s;
}

/* ---- The command ----------------------------------------------------------------------------- */

/* On standard error: which weights spoke, and how fast. */
static void tell_origin(const generator *g, int64_t characters, double seconds)
{
    dg_text t = dg_text_make(NULL);
    dg_weights_text(g->e, &t);
    fprintf(stderr, "dagrad generate: weights %s, %" PRId64 " characters, %.0f a second\n",
            t.failed ? "" : t.data, characters, seconds > 0 ? (double)characters / seconds : 0);
    dg_text_free(&t);
}

static int run_generator(generator *g, const char *run, const generate_options *o,
                         const dg_plugins *plugins)
{
    dg_diag why = {.code = DG_OK};
    int code = open_run(g, run, o, plugins);
    if (code != EXIT_DONE)
        return code;
    dg_status s = find_values(g, &why);
    if (s == DG_OK)
        s = read_prompt(g, o, &why);
    if (s == DG_OK)
        s = compile(g, (int)o->threads, &why);
    double start = dg_seconds();
    if (s == DG_OK)
        s = continue_text(g, o, &why);
    if (s == DG_OK)
        tell_origin(g, o->length, dg_seconds() - start);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_generate, &why);
}

static int check_usage(const char *run, generate_options *o)
{
    char text[512];
    const char *end = o->temperature ? dg_read_f64(o->temperature, &o->heat) : "";
    if (!run)
        return dg_usage(&dg_command_generate, "a run is missing");
    if (!o->prompt || !*o->prompt)
        return dg_usage(&dg_command_generate, "--prompt is missing, the text to continue");
    if (!end || *end || !(o->heat >= 0 && o->heat < HUGE_VAL)) {
        dg_format(text, sizeof text, "--temperature is '%s', it takes a number from 0",
                  o->temperature);
        return dg_usage(&dg_command_generate, text);
    }
    if (o->length > 1000000000 || o->window > 1 << 30)
        return dg_usage(&dg_command_generate, "--length and --window go to 1000000000");
    return dg_need_run(&dg_command_generate, run);
}

static int generate(int argc, char **argv)
{
    generate_options o = {.length = 200, .seed = 1, .heat = 1};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"prompt", FLAG_TEXT, &o.prompt, "TEXT", "the text to continue"},
        {"length", FLAG_COUNT, &o.length, "N", "so many characters more; 200"},
        {"temperature", FLAG_TEXT, &o.temperature, "T",
         "1: as the model estimates; lower: more likely ones; 0: the likeliest"},
        {"seed", FLAG_COUNT, &o.seed, "S", "of what is drawn: same seed, same text; 1"},
        {"window", FLAG_COUNT, &o.window, "N",
         "the model sees the last N characters, a recurrent one from zero states on; a row of its "
         "training data"},
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "last, best (the default where there is a validation part), or a file"},
        {"layout", FLAG_TEXT, &o.as.layout, "HOW", dg_layout_text},
        {"map", FLAG_LIST, &o.as.map, "OLD=NEW", dg_map_text},
        {"threads", FLAG_THREADS, &o.threads, "N",
         "one for each processor; they change no character"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
    };
    int code = dg_flags_read(&dg_command_generate, flags, sizeof flags / sizeof flags[0], place, 1,
                             argc, argv);
    if (code >= 0)
        return code;
    code = check_usage(place[0], &o);
    if (code != EXIT_DONE)
        return code;
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_generate, &o.node, &plugins);
    if (code >= 0)
        return code;
    generator g = {.window = 0};
    code = run_generator(&g, place[0], &o, &plugins);
    dg_program_free(g.program);
    dg_experiment_free(g.e);
    free(g.known);
    free(g.in.data);
    free(g.logits.data);
    return code;
}

const dg_command dg_command_generate = {
    "generate", "RUN --prompt TEXT [options]", "continues a text, from a model of characters",
    generate,
    "Writes the text as it goes, the prompt first, from a model whose data are chars(..). A\n"
    "character of the prompt that the model does not know ends it with exit code 3."};
