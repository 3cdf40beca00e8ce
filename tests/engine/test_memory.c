/* Memory: a step allocates nothing; the arena is exactly what was said, between two pages that may
 * not be touched; all that dg_compile takes is what it says; the arena is near the largest live
 * set. */
#include <dagrad/dagrad.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct counter {
    size_t bytes, peak;
    long calls;
} counter;

static void *take(void *user, size_t bytes)
{
    counter *c = user;
    size_t *p = malloc(bytes + 16);
    if (!p)
        return NULL;
    *p = bytes;
    c->bytes += bytes;
    c->peak = c->bytes > c->peak ? c->bytes : c->peak;
    c->calls++;
    return (char *)p + 16;
}

static void give(void *user, void *memory)
{
    counter *c = user;
    size_t *p = (size_t *)((char *)memory - 16);
    c->bytes -= *p;
    c->calls++;
    free(p);
}

static dg_value node(dg_graph *g, const char *type, dg_value in, const char *key, double value)
{
    dg_attr a = {.name = key, .count = 1, .number = &value};
    return dg_apply(g, type, NULL, 1, &in, key ? 1 : 0, &a);
}

/* Nodes that keep more than their results: states, statistics, gates, sums of scores, tables. */
static dg_value sequence(dg_graph *g, dg_value z)
{
    z = node(g, "lrn", node(g, "batchnorm", z, NULL, 0), "size", 3);
    z = node(g, "upsample", node(g, "maxpool", z, "kernel", 2), "scale", 1.5);
    double shape[3] = {-1, 81, 16};
    dg_attr a = {.name = "shape", .count = 3, .number = shape};
    z = node(g, "lstm", dg_apply(g, "reshape", NULL, 1, &z, 1, &a), "units", 8);
    double heads = 2;
    dg_attr two = {.name = "heads", .count = 1, .number = &heads};
    return dg_apply(g, "attention", NULL, 3, (dg_value[]){z, z, z}, 1, &two);
}

/* A small network with fan-out. */
static dg_graph *network(const dg_host *host, dg_value *image, dg_value *label)
{
    dg_graph *g = dg_graph_new(host, DG_F32);
    *image = dg_input(g, "image", DG_F32, dg_shape_make(4, (int64_t[]){DG_N, 12, 12, 3}));
    *label = dg_input(g, "label", DG_I32, dg_shape_make(1, (int64_t[]){DG_N}));
    double conv[2] = {16, 3};
    dg_attr a[2] = {{.name = "channels", .count = 1, .number = &conv[0]},
                    {.name = "kernel", .count = 1, .number = &conv[1]}};
    dg_value z = dg_apply(g, "conv", NULL, 1, image, 2, a);
    z = node(g, "relu", z, NULL, 0);
    dg_value side = node(g, "tanh", z, NULL, 0);
    z = dg_apply(g, "conv", NULL, 1, &z, 2, a);
    dg_value both[2] = {z, side};
    z = dg_apply(g, "add", NULL, 2, both, 0, NULL);
    z = node(g, "global_avgpool", sequence(g, node(g, "relu", z, NULL, 0)), NULL, 0);
    dg_value pair[2] = {*label, node(g, "linear", z, "units", 10)};
    dg_output(g, "logits", pair[1]);
    dg_loss(g, NULL, dg_apply(g, "softmax_cross_entropy", NULL, 2, pair, 0, NULL), 1);
    return g;
}

static void step(dg_program *p, dg_value image, dg_value label, int64_t rows, uint64_t number,
                 const dg_optimizer *o)
{
    static float x[16 * 12 * 12 * 3];
    int32_t y[16];
    for (int i = 0; i < 16 * 12 * 12 * 3; i++)
        x[i] = (float)(i * 7919 % 1000) / 1000.0F - 0.5F;
    for (int i = 0; i < 16; i++)
        y[i] = i % 10;
    dg_tensor tx = {DG_F32, dg_shape_make(4, (int64_t[]){rows, 12, 12, 3}), x,
                    (size_t)rows * 12 * 12 * 3 * 4};
    dg_tensor ty = {DG_I32, dg_shape_make(1, &rows), y, (size_t)rows * 4};
    dg_set(p, image, DG_VALUE, &tx);
    dg_set(p, label, DG_VALUE, &ty);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = rows, .step = number});
    dg_adjoint(p, NULL, 0);
    dg_commit(p, o, number);
    dg_diag why = {.code = DG_OK};
    if (dg_program_status(p, &why) != DG_OK)
        fail_msg("%s: %s", why.node, why.text);
}

/* The arena at the end of readable pages (its start is then not at a page), or at their start. */
static char *guarded(size_t bytes, int at_end, char **map, size_t *size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page;
    *size = inside + 2 * page;
    *map = mmap(NULL, *size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(*map != MAP_FAILED);
    assert_int_equal(mprotect(*map + page, inside, PROT_READ | PROT_WRITE), 0);
    return *map + page + (at_end ? inside - bytes : 0);
}

static void run_guarded(int threads, int at_end)
{
    counter c = {0};
    dg_host host = {.size = sizeof host, .user = &c, .alloc = take, .free = give};
    dg_value image, label;
    dg_graph *g = network(&host, &image, &label);
    dg_optimizer adam = dg_optimizer_default(DG_ADAM);
    dg_options o = dg_options_default(DG_RUN_TRAIN, 16);
    o.last = 5;
    o.threads = threads;
    o.optimizer = &adam;
    dg_program *p = dg_compile(g, &o);
    size_t bytes = dg_program_bytes(p), size;
    dg_program_free(p);
    char *map;
    o.arena = guarded(bytes, at_end, &map, &size);
    o.arena_bytes = bytes;
    assert_int_equal((uintptr_t)o.arena % DG_ALIGN, 0);
    p = dg_compile(g, &o);
    long calls = c.calls;
    for (uint64_t k = 0; k < 4; k++)
        step(p, image, label, k % 2 ? 5 : 16, k, &adam);
    assert_int_equal(c.calls, calls);
    dg_program_free(p);
    munmap(map, size);
    dg_graph_free(g);
    assert_int_equal(c.bytes, 0);
}

static void nothing_outside_the_arena(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++)
        for (int at_end = 0; at_end < 2; at_end++)
            run_guarded(threads, at_end);
}

static void all_memory_is_told(void **state)
{
    (void)state;
    counter c = {0};
    dg_host host = {.size = sizeof host, .user = &c, .alloc = take, .free = give};
    dg_value image, label;
    dg_graph *g = network(&host, &image, &label);
    dg_options o = dg_options_default(DG_RUN_TRAIN, 16);
    o.threads = 2;
    assert_int_equal(dg_graph_init(g, 1), DG_OK);
    size_t before = c.bytes;
    dg_program *p = dg_compile(g, &o);
    dg_program_info info = {.size = sizeof info};
    dg_program_look(p, &info);
    print_message("arena %zu, largest live set %zu, all memory %zu bytes (taken: %zu)\n",
                  info.arena, info.live, info.memory, c.bytes - before);
    /* the host's figures hold what alignment adds to each piece */
    assert_true(c.bytes - before >= info.memory && c.bytes - before <= info.memory + 64 * 128);
    assert_true((double)info.arena <= 1.1 * (double)info.live);
    dg_program_free(p);
    assert_int_equal(c.bytes, before);
    dg_graph_free(g);
    assert_int_equal(c.bytes, 0);
}

static void a_small_arena_is_refused(void **state)
{
    (void)state;
    dg_value image, label;
    dg_graph *g = network(NULL, &image, &label);
    dg_options o = dg_options_default(DG_RUN_TRAIN, 16);
    static _Alignas(64) char small[64];
    o.arena = small;
    o.arena_bytes = sizeof small;
    dg_program *p = dg_compile(g, &o);
    dg_diag why;
    assert_int_equal(dg_program_status(p, &why), DG_EUSAGE);
    assert_non_null(strstr(why.text, "the arena has 64 bytes"));
    dg_program_free(p);
    dg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outside_the_arena),
        cmocka_unit_test(all_memory_is_told),
        cmocka_unit_test(a_small_arena_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
