/* Shape rules of point-wise, shape, and sum nodes: what they give, and the whole message where they
 * refuse. N is the batch. */
#include "graph/attr.h"
#include "ops/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *node;
    struct {
        const char *name;
        int n;
        double number[16];
        const char *word;  /* instead of numbers */
    } attr[3];             /* n 0: the word true */
    const char *in, *want; /* shapes of the outputs, or the message */
} rule;

static const rule RULES[] = {
    {"relu", {{0}}, "[N, 3]", "[N, 3]"},
    {"exp", {{0}}, "[]", "[]"},
    {"clip", {{"min", 1, {2}}, {"max", 1, {1}}}, "[N]", "clip: min is 2, above max, 1"},

    {"add", {{0}}, "[N, 3] [N, 3]", "[N, 3]"},
    {"add", {{0}}, "[N, 3] []", "[N, 3]"},
    {"add", {{0}}, "[3] [N, 4, 1]", "[N, 4, 3]"},
    {"mul", {{0}}, "[N, 1] [1, 5]", "[N, 5]"},
    {"mul", {{0}}, "[0, 1] [1, 5]", "[0, 5]"},
    {"mul", {{0}}, "[1] [0]", "[0]"},
    {"sub",
     {{0}},
     "[N, 3] [N, 4]",
     "shapes [N, 3] and [N, 4] do not fit: aligned at the last axis, sizes must be equal or one of "
     "them 1"},
    {"div",
     {{0}},
     "[N, 3] [2, 3]",
     "shapes [N, 3] and [2, 3] do not fit: aligned at the last axis, sizes must be equal or one of "
     "them 1"},
    {"pow",
     {{0}},
     "[N, 3] [5, 1, 3]",
     "shapes [N, 3] and [5, 1, 3] do not fit: the batch axis N would not be axis 0 of the result"},
    {"maximum",
     {{0}},
     "[N] [2, 1]",
     "shapes [N] and [2, 1] do not fit: the batch axis N would not be axis 0 of the result"},

    {"reshape", {{"shape", 3, {-1, 4, 6}}}, "[N, 3, 8]", "[N, 4, 6]"},
    {"reshape", {{"shape", 2, {-1, -1}}}, "[N, 3, 8]", "[N, 24]"},
    {"reshape", {{"shape", 3, {0, 0, -1}}}, "[N, 3, 8]", "[N, 3, 8]"},
    {"reshape", {{"shape", 2, {-1, 8}}}, "[6, 4]", "[3, 8]"},
    {"reshape", {{"shape", 2, {-1, 24}}}, "[0, 4, 6]", "[0, 24]"},
    {"reshape", {{"shape", 1, {1}}}, "[]", "[1]"},
    {"reshape",
     {{"shape", 2, {-1, 5}}},
     "[N, 3, 8]",
     "reshape: [N, 3, 8] does not fit [N, 5]; axis 0 must stay the batch (N, -1 or 0), the others "
     "its "
     "row"},
    {"reshape",
     {{"shape", 2, {24, -1}}},
     "[N, 3, 8]",
     "reshape: [N, 3, 8] does not fit [24, N]; axis 0 must stay the batch (N, -1 or 0), the others "
     "its row"},
    {"reshape", {{"shape", 2, {4, 5}}}, "[3, 8]", "reshape: [3, 8] does not fit [4, 5]"},
    {"reshape", {{"shape", 3, {-1, 0, -1}}}, "[0, 0]", "reshape: [0, 0] does not fit [N, 0, N]"},
    {"reshape",
     {{"shape", 3, {1e15, 1e15, 1}}},
     "[3, 8]",
     "reshape: [3, 8] does not fit [1000000000000000, 1000000000000000, 1]"},

    {"flatten", {{0}}, "[N, 3, 8]", "[N, 24]"},
    {"flatten", {{0}}, "[N]", "[N, 1]"},
    {"flatten", {{"axis", 1, {0}}}, "[3, 8]", "[1, 24]"},
    {"flatten", {{"axis", 1, {-1}}}, "[2, 3, 8]", "[6, 8]"},
    {"flatten", {{0}}, "[]", "flatten: [] has no axis 1, it has 0 to 0"},
    {"flatten",
     {{"axis", 1, {2}}},
     "[N, 3, 8]",
     "flatten: axis=2 would merge the batch axis of [N, 3, 8] with others; axis=1 keeps it"},

    {"transpose", {{0}}, "[2, 3, 8]", "[8, 3, 2]"},
    {"transpose", {{"perm", 3, {0, -1, 1}}}, "[N, 3, 8]", "[N, 8, 3]"},
    {"transpose", {{0}}, "[]", "[]"},
    {"transpose",
     {{"perm", 3, {0, 1, 1}}},
     "[N, 3, 8]",
     "transpose: perm must hold each axis of [N, 3, 8], 0 to 2, once"},
    {"transpose",
     {{"perm", 2, {1, 0}}},
     "[N, 3, 8]",
     "transpose: perm must hold each axis of [N, 3, 8], 0 to 2, once"},
    {"transpose",
     {{"perm", 3, {1, 0, 2}}},
     "[N, 3, 8]",
     "transpose: the batch axis of [N, 3, 8] must stay axis 0: perm=[0, ..]"},
    {"transpose",
     {{0}},
     "[N, 3]",
     "transpose: the batch axis of [N, 3] must stay axis 0: perm=[0, ..]"},

    {"concat", {{0}}, "[N, 3] [N, 4] [N, 0]", "[N, 7]"},
    {"concat", {{"axis", 1, {1}}}, "[N, 3, 2] [N, 4, 2]", "[N, 7, 2]"},
    {"concat", {{"axis", 1, {0}}}, "[2] [3]", "[5]"},
    {"concat", {{0}}, "[N, 3] [2, 4]", "concat: [N, 3] and [2, 4] must be equal but for axis 1"},
    {"concat",
     {{0}},
     "[N, 3] [N, 3, 1]",
     "concat: [N, 3] and [N, 3, 1] must be equal but for axis 1"},
    {"concat",
     {{"axis", 1, {0}}},
     "[N, 3] [N, 3]",
     "concat along axis 0 of [N, 3], the batch: its rows stay apart"},
    {"concat",
     {{"axis", 1, {0}}},
     "[2, 3] [N, 3]",
     "concat along axis 0 of [N, 3], the batch: its rows stay apart"},
    {"concat", {{"axis", 1, {3}}}, "[N, 3]", "concat: [N, 3] has no axis 3, it has -2 to 1"},
    {"concat", {{0}}, "[]", "concat: a number (rank 0) has no axis -1"},

    {"split", {{"parts", 1, {3}}}, "[N, 6]", "[N, 2] [N, 2] [N, 2]"},
    {"split", {{"parts", 1, {2}}, {"axis", 1, {0}}}, "[4, 6]", "[2, 6] [2, 6]"},
    {"split",
     {{"parts", 1, {4}}},
     "[N, 6]",
     "split: axis 1 of [N, 6] does not split into 4 equal parts"},
    {"split",
     {{"parts", 1, {1}}, {"axis", 1, {-2}}},
     "[N, 6]",
     "split along axis 0 of [N, 6], the batch: its rows stay apart"},

    {"split", {{"parts", 3, {2, 3, 1}}}, "[N, 6]", "[N, 2] [N, 3] [N, 1]"},
    {"split", {{"parts", 2, {1, 3}}, {"axis", 1, {0}}}, "[4]", "[1] [3]"},
    {"split",
     {{"parts", 2, {4, 3}}},
     "[N, 6]",
     "split: pieces of 7 in all, axis 1 of [N, 6] has 6"},

    {"slice", {{"axis", 1, {1}}, {"start", 1, {1}}, {"end", 1, {-1}}}, "[N, 6]", "[N, 4]"},
    {"slice", {{"axis", 1, {-1}}, {"start", 1, {-2}}}, "[N, 6]", "[N, 2]"},
    {"slice", {{"axis", 1, {0}}, {"start", 1, {5}}, {"end", 1, {99}}}, "[3]", "[0]"},
    {"slice", {{"axis", 1, {1}}, {"start", 1, {0}}, {"step", 1, {2}}}, "[N, 7]", "[N, 4]"},
    {"slice", {{"axis", 1, {1}}, {"start", 1, {-1}}, {"step", 1, {-3}}}, "[N, 7]", "[N, 3]"},
    {"slice", {{"axis", 1, {1}}, {"start", 1, {0}}, {"step", 1, {-1}}}, "[N, 7]", "[N, 1]"},
    {"slice",
     {{"axis", 1, {1}}, {"start", 1, {0}}, {"step", 1, {0}}},
     "[N, 7]",
     "slice: a step of 0 goes nowhere"},
    {"slice",
     {{"axis", 1, {0}}, {"start", 1, {0}}},
     "[N, 6]",
     "slice along axis 0 of [N, 6], the batch: its rows stay apart"},

    {"pad", {{"pads", 4, {0, 1, 0, 2}}}, "[N, 6]", "[N, 9]"},
    {"pad",
     {{"pads", 4, {1, 1, 0, 2}}},
     "[N, 6]",
     "pad: the batch axis of [N, 6] takes no padding"},
    {"pad",
     {{"pads", 2, {1, 1}}},
     "[N, 6]",
     "pad: [N, 6] takes 4 pads, before each axis and then after each, found 2"},

    {"pad", {{"pads", 4, {0, 5, 0, 2}}, {"mode", 1, {0}, "reflect"}}, "[N, 6]", "[N, 13]"},
    {"pad",
     {{"pads", 4, {0, 1, 0, 6}}, {"mode", 1, {0}, "reflect"}},
     "[N, 6]",
     "pad: axis 1 of [N, 6] gives at most 5 elements to repeat with mode=reflect, found 6 pads"},
    {"pad",
     {{"pads", 4, {0, 7, 0, 6}}, {"mode", 1, {0}, "circular"}},
     "[N, 6]",
     "pad: axis 1 of [N, 6] gives at most 6 elements to repeat with mode=circular, found 7 pads"},
    {"pad",
     {{"pads", 2, {1, 0}}, {"mode", 1, {0}, "replicate"}},
     "[0]",
     "pad: axis 0 of [0] gives at most 0 elements to repeat with mode=replicate, found 1 pads"},

    {"upsample", {{"scale", 1, {2}}}, "[N, 3, 5, 4]", "[N, 6, 10, 4]"},
    {"upsample", {{"scale", 2, {1, 2.5}}}, "[N, 3, 5, 4]", "[N, 3, 12, 4]"},
    {"upsample", {{"scale", 1, {3}}}, "[N, 5, 4]", "[N, 15, 4]"},
    {"upsample",
     {{"scale", 2, {3, 2}}},
     "[N, 5, 4]",
     "upsample: scale takes a number for series [N, T, C], found 2 numbers"},
    {"upsample",
     {{"scale", 1, {2}}},
     "[N, 5]",
     "upsample takes pictures [N, H, W, C] or series [N, T, C], found [N, 5]"},
    {"upsample",
     {{"scale", 1, {2}}, {"align_corners", 0, {0}}},
     "[N, 5, 4]",
     "upsample: align_corners is for mode=linear"},
    {"adaptive_avgpool", {{"size", 2, {3, 1}}}, "[N, 7, 5, 4]", "[N, 3, 1, 4]"},
    {"adaptive_avgpool", {{"size", 1, {9}}}, "[N, 7, 4]", "[N, 9, 4]"},
    {"adaptive_avgpool",
     {{"size", 1, {1}}},
     "[N, 0, 5, 4]",
     "adaptive_avgpool: nothing to average in [N, 0, 5, 4]"},
    {"lrn", {{"size", 1, {5}}}, "[N, 7, 6]", "[N, 7, 6]"},
    {"lrn", {{"size", 1, {5}}}, "[N]", "lrn takes x [N, .., C], found [N]"},

    {"sum", {{0}}, "[N, 3]", "[]"},
    {"sum", {{"keepdims", 0, {0}}}, "[N, 3]", "[1, 1]"},
    {"mean", {{"axis", 1, {0}}}, "[N, 3]", "[3]"},
    {"max", {{"axis", 2, {-1, 1}}, {"keepdims", 0, {0}}}, "[N, 3, 4]", "[N, 1, 1]"},
    {"min", {{"axis", 1, {1}}}, "[N, 3, 4]", "[N, 4]"},
    {"sum", {{0}}, "[]", "[]"},
    {"sum", {{"axis", 1, {2}}}, "[N, 3]", "axis must name axes of [N, 3], -2 to 1, each once"},
    {"sum", {{"axis", 2, {1, -1}}}, "[N, 3]", "axis must name axes of [N, 3], -2 to 1, each once"},

    {"softmax", {{0}}, "[N, 3]", "[N, 3]"},
    {"log_softmax", {{"axis", 1, {0}}}, "[3]", "[3]"},
    {"softmax",
     {{"axis", 1, {0}}},
     "[N, 3]",
     "softmax along axis 0 of [N, 3], the batch: its rows stay apart"},

    {"layernorm", {{0}}, "[N, 3] [3] [3]", "[N, 3]"},
    {"layernorm",
     {{"axis", 1, {0}}},
     "[N, 3] [3] [3]",
     "layernorm over axis 0 of [N, 3], the batch: its rows stay apart"},
    {"rmsnorm", {{"axis", 1, {4}}}, "[N, 3]", "rmsnorm: [N, 3] has no axis 4, it has -2 to 1"},
    {"groupnorm",
     {{"groups", 1, {4}}},
     "[N, 7, 6] [6] [6]",
     "groupnorm: 4 groups do not divide the 6 channels of [N, 7, 6]"},
    {"groupnorm", {{"groups", 1, {1}}}, "[6]", "groupnorm takes x [N, .., C], found [6]"},

    {"gather", {{0}}, "[9, 4] [N, 5]", "[N, 5, 4]"},
    {"gather", {{"axis", 1, {1}}}, "[N, 9, 4] [5, 2]", "[N, 5, 2, 4]"},
    {"gather", {{"axis", 1, {1}}, {"rows", 0, {0}}}, "[N, 9, 4] [N]", "[N, 4]"},
    {"gather",
     {{"axis", 1, {1}}},
     "[N, 9, 4] [N]",
     "gather: ids [N] have the batch, which would be axis 1 of the result; rows=true takes row by "
     "row from [N, 9, 4]"},
    {"gather",
     {{0}},
     "[N, 4] [3]",
     "gather along axis 0 of [N, 4], the batch: its rows stay apart"},
    {"gather",
     {{"axis", 1, {1}}, {"rows", 0, {0}}},
     "[N, 9, 4] [3]",
     "gather by rows: x [N, 9, 4] and ids [3] must have the same axis 0, and axis be another, "
     "found "
     "axis 1"},
    {"embedding", {{"vocabulary", 1, {9}}, {"units", 1, {4}}}, "[N, 5] [9, 4]", "[N, 5, 4]"},
    {"position", {{"length", 1, {9}}, {"units", 1, {4}}}, "[N, 5] [9, 4]", "[N, 5, 4]"},
    {"position",
     {{"length", 1, {4}}, {"units", 1, {4}}},
     "[N, 5] [4, 4]",
     "position: [N, 5] has 5 places, more than length=4; a larger length fits"},
    {"position",
     {{"length", 1, {4}}, {"units", 1, {4}}},
     "[N] [4, 4]",
     "position takes x [N, T, ..], found [N]"},
    {"cumsum",
     {{"axis", 1, {0}}},
     "[N, 5]",
     "cumsum along axis 0 of [N, 5], the batch: its rows stay apart"},

    {"conv_transpose",
     {{"channels", 1, {6}}, {"kernel", 1, {4}}, {"stride", 1, {2}}},
     "[N, 5, 7, 4] [4, 4, 6, 4] [6]",
     "[N, 10, 14, 6]"},
    {"conv_transpose",
     {{"channels", 1, {6}}, {"kernel", 1, {3}}, {"padding", 1, {1}}},
     "[N, 5, 4] [3, 6, 4] [6]",
     "[N, 5, 6]"},
    {"conv_transpose",
     {{"channels", 1, {6}}, {"kernel", 1, {3}}, {"output_padding", 1, {1}}},
     "[N, 5, 4] [3, 6, 4] [6]",
     "conv_transpose: output_padding of 1 places must be smaller than stride or dilation, 1"},
    {"conv_transpose",
     {{"channels", 1, {6}}, {"kernel", 1, {3}}, {"padding", 1, {5}}},
     "[N, 5, 4] [3, 6, 4] [6]",
     "conv_transpose: the padding of 10 leaves nothing of the 7 places of the result"},

    {"batchnorm", {{0}}, "[N, 5, 4] [4] [4] [4] [4]", "[N, 5, 4] [4] [4]"},
    {"batchnorm", {{0}}, "[N] [4] [4] [4] [4]", "batchnorm takes x [N, .., C], found [N]"},
    {"gru",
     {{"units", 1, {4}}, {"layers", 1, {2}}},
     "[N, 5, 3] [3, 12] [4, 12] [4, 24] [24] [N, 2, 4] [8]",
     "[N, 5, 4] [N, 2, 4]"},
    {"lstm",
     {{"units", 1, {4}}},
     "[N, 5, 3] [3, 16] [1] [4, 16] [16] [N, 1, 4] [N, 2, 4]",
     "lstm: cell is [N, 2, 4], it takes [N, 1, 4]"},
    {"rnn", {{"units", 1, {4}}}, "[N, 3] [3, 4]", "rnn takes a series [N, T, F], found [N, 3]"},

    {"attention", {{"heads", 1, {2}}}, "[N, 5, 4] [N, 7, 4] [N, 7, 6]", "[N, 5, 6]"},
    {"attention", {{"heads", 1, {2}}}, "[N, 5, 4] [N, 7, 4] [N, 7, 6] [N, 1, 1, 7]", "[N, 5, 6]"},
    {"attention",
     {{"heads", 1, {2}}},
     "[N, 5, 4] [N, 7, 3] [N, 7, 6]",
     "attention takes q [N, T, D], k [N, S, D] and v [N, S, E], found [N, 5, 4], [N, 7, 3] and "
     "[N, 7, 6]"},
    {"attention",
     {{"heads", 1, {4}}},
     "[N, 5, 4] [N, 7, 4] [N, 7, 6]",
     "attention: 4 heads do not divide the columns of q, 4, and of v, 6"},
    {"attention",
     {{"heads", 1, {2}}},
     "[N, 5, 4] [N, 7, 4] [N, 7, 6] [N, 7]",
     "attention: mask [N, 7] does not broadcast to [N, 2, 5, 7]: rows, heads, places of q, places "
     "of k"},
};

/* "[N, 3] [4]" */
static int read_shapes(const char *s, dg_shape out[8])
{
    int n = 0;
    for (; *s; n++, s += strspn(s, "] ")) {
        dg_shape *x = &out[n];
        *x = (dg_shape){.rank = 0};
        for (s++; *s != ']'; s += strspn(s, ", ")) {
            x->dim[x->rank++] = *s == 'N' ? DG_N : strtoll(s, NULL, 10);
            s += strcspn(s, ",]");
        }
    }
    return n;
}

static void check(const rule *r)
{
    const dg_node_type *type = dg_builtin_at(dg_builtin_find(r->node));
    dg_attr_table table = dg_attr_table_of(type);
    dg_arena arena = dg_arena_make(NULL);
    const dg_attrs *attrs;
    dg_attr given[3] = {{0}};
    dg_shape in[8], out[DG_MAX_OUT] = {{0}};
    dg_diag why = {0};
    char found[256] = "";
    int n = 0, n_in = read_shapes(r->in, in);
    for (; n < 3 && r->attr[n].name; n++)
        given[n] = (dg_attr){.name = r->attr[n].name,
                             .count = r->attr[n].n,
                             .number = r->attr[n].number,
                             .word = r->attr[n].n ? r->attr[n].word : "true"};
    if (dg_attrs_check(&table, n, given, &arena, &attrs, &why) != DG_OK)
        fail_msg("%s: %s", r->node, why.text);
    if (type->shape(attrs, n_in, in, out, &why) == DG_OK) {
        int n_out = type->n_out ? type->n_out : type->outputs(attrs);
        for (int k = 0; k < n_out; k++) {
            size_t used = strlen(found);
            if (k)
                found[used++] = ' ';
            dg_shape_text(&out[k], found + used, sizeof found - used);
        }
        assert_string_equal(found, r->want);
    } else {
        assert_int_equal(why.code, DG_EMODEL);
        assert_string_equal(why.text, r->want);
    }
    dg_arena_free(&arena);
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof RULES / sizeof RULES[0]; k++)
        check(&RULES[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
