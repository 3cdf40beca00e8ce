/* The page of a node, made from its type. */
#include "cli/columns.h"
#include "cli/reference.h"
#include <string.h>

static const char *first_values(const dg_input_spec *in)
{
    if (!in->init)
        return "glorot";
    return strcmp(in->init, "auto") == 0 ? "he before a relu, else glorot" : in->init;
}

static void add_input(dg_text *t, const dg_node_type *type, int k)
{
    const dg_input_spec *in = &type->inputs[k];
    int repeats = (type->flags & DG_VARIADIC) && k == type->n_inputs - 1;
    dg_text_printf(t, "%s\t%s", in->name,
                   in->flags & DG_IN_INT   ? "labels or ids (int)"
                   : in->flags & DG_IN_ANY ? "real values or int"
                                           : "real values");
    if (in->flags & DG_IN_MADE)
        dg_text_printf(t, "; a %s, made where it is not given as %s=VALUE (%s)",
                       in->flags & DG_IN_STATE ? "state" : "parameter", in->name, first_values(in));
    if (in->flags & DG_IN_OPTIONAL)
        dg_text_printf(t, "; may be absent, given as %s=", in->name);
    dg_text_add(t, repeats ? "; any number of them\n" : "\n");
}

static void print_inputs(const dg_node_type *type)
{
    dg_text t = dg_text_make(NULL);
    printf("\ninputs%s\n", type->n_inputs ? "" : ": none");
    for (int k = 0; k < type->n_inputs; k++)
        add_input(&t, type, k);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

/* 1 if a node keeps more than inputs and results. It says so for given shapes: small ones that most
 * nodes take, with the attributes at their default, or 2. */
static int keeps_own(const dg_node_type *type)
{
    dg_attr_value value[DG_MAX_NUMBERS] = {{0}};
    dg_shape in[8], picture = {4, {1, 4, 4, 4}};
    dg_bytes bytes = {.size = sizeof bytes};
    if (!type->bytes || type->n_inputs > 8 || type->n_attrs > DG_MAX_NUMBERS)
        return 0;
    for (int k = 0; k < type->n_attrs; k++) {
        value[k] = (dg_attr_value){.count = 1, .word = -1, .number = {2}};
        if (type->attrs[k].preset && type->attrs[k].kind & DG_ATTR_WORD)
            value[k].word = value[k].count = 0;
    }
    for (int i = 0; i < 8; i++)
        in[i] = picture;
    type->bytes(&(dg_sizes){.size = sizeof(dg_sizes),
                            .attrs = &(dg_attrs){type->n_attrs, value},
                            .n_in = type->n_inputs,
                            .in = in},
                &bytes);
    return bytes.saved > 0;
}

static void add_saved(dg_text *t, const dg_node_type *type)
{
    int n = 0;
    dg_text_add(t, "kept for the adjoint\t");
    for (int k = 0; k < type->n_inputs; k++)
        if (type->saves_in >> k & 1)
            dg_text_printf(t, "%s%s", n++ ? ", " : "", type->inputs[k].name);
    if (type->saves_out)
        dg_text_printf(t, "%sthe result", n++ ? ", " : "");
    if (keeps_own(type))
        dg_text_printf(t, "%sbytes of its own", n++ ? ", " : "");
    dg_text_add(t, n ? "\n" : "nothing\n");
}

/* What is taken by keyword besides the attributes: weight=, init=, bias_init=, name=. */
static void print_keywords(const dg_node_type *type)
{
    char room[DG_ATTR_NAME_ROOM];
    dg_attr_table table = dg_attr_table_of(type);
    const char *name;
    printf("\nby keyword too:");
    for (int k = type->n_attrs; (name = dg_attr_name_at(&table, k, room)); k++)
        printf(" %s=", name);
    printf("\n");
}

static void print_properties(const dg_node_type *type)
{
    dg_text t = dg_text_make(NULL);
    printf("\n");
    add_saved(&t, type);
    dg_text_printf(&t, "ONNX\t%s\n", type->onnx ? type->onnx : "no operator");
    if (type->n_out != 1)
        dg_text_printf(&t, "results\tseveral\n");
    if (type->flags & DG_LINEAR)
        dg_text_add(&t, "linear\tin its inputs\n");
    if (type->flags & DG_POINTWISE)
        dg_text_add(&t, "pointwise\tmay run in place\n");
    if (type->flags & DG_VIEW)
        dg_text_add(&t, "a view\tno work, no memory\n");
    if (type->flags & DG_RANDOM)
        dg_text_add(&t, "chance\ta function of seed, step, node and index\n");
    if (type->flags & DG_LOSS)
        dg_text_add(&t, "a loss\tone rho a pair, of a target a and its estimate b (logits: z); the "
                        "loss is their\n\tmean over the K pairs, so that eps comes back divided "
                        "by K\n");
    dg_columns_print(stdout, &t, "", 0);
    dg_text_free(&t);
}

void dg_page_node(const dg_reference *r, const dg_entry *e)
{
    const dg_node_type *type = e->what;
    const dg_attr_table table = dg_entry_table(e);
    (void)r;
    printf("  ");
    dg_print_call(e);
    if (e->line)
        printf("  %s\n", e->line);
    if (e->back)
        printf("  %s%s\n", type->flags & DG_LOSS ? "" : "back: ", e->back);
    print_inputs(type);
    dg_print_attributes(&table);
    print_keywords(type);
    print_properties(type);
}
