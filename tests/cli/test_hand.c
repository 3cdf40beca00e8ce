/* The net 1-2-1 of docs/lecture.md, worked out here once more, in plain loops: every state, error
 * vector, A, B and gradient, for three losses, is what the program prints. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const double W1[2] = {0.5, -1}, b1[2] = {0, 1}, W2[2] = {1, 2}, b2 = 0.25;
static const double ys[2] = {2, -2}, xs[2] = {1, 0};

typedef struct net {
    double y, x, z1[2], z2[2], xhat;              /* forward */
    double eps, eps2[2], eps1[2], eps0;           /* back */
    double a1[2];                                 /* diagonal of A of leaky_relu */
    double g_W1[2], g_b1[2], g_W2[2], g_b2, loss; /* gradients */
} net;

enum { SQUARE, ABSOLUTE, CROSS, LOSSES };
static const char *const names[] = {"square", "absolute", "cross"};

static void start(net *n, int loss)
{
    double b = 1 / (1 + exp(-n->xhat)), d = n->x - n->xhat;
    n->loss = loss == SQUARE     ? d * d
              : loss == ABSOLUTE ? fabs(d)
                                 : -n->x * log(b) - (1 - n->x) * log(1 - b);
    n->eps = loss == SQUARE ? -2 * d : loss == ABSOLUTE ? (d > 0 ? -1 : 1) : b - n->x;
}

static net work_out(int sample, int loss)
{
    net n = {.y = ys[sample], .x = xs[sample], .xhat = b2};
    for (int i = 0; i < 2; i++) {
        n.z1[i] = n.y * W1[i] + b1[i];
        n.a1[i] = n.z1[i] > 0 ? 1 : 0.5;
        n.z2[i] = n.a1[i] * n.z1[i];
        n.xhat += n.z2[i] * W2[i];
    }
    start(&n, loss);
    n.g_b2 = n.eps;
    for (int i = 0; i < 2; i++) {
        n.eps2[i] = W2[i] * n.eps;
        n.g_W2[i] = n.z2[i] * n.eps;
        n.eps1[i] = n.a1[i] * n.eps2[i];
        n.g_b1[i] = n.eps1[i];
        n.g_W1[i] = n.y * n.eps1[i];
        n.eps0 += W1[i] * n.eps1[i];
    }
    return n;
}

/* A table as the program prints it: columns to the right, signs written. */
static void add(dg_text *t, const char *title, int rows, int columns, const double x[])
{
    char cell[4][32];
    size_t width[4] = {0};
    dg_text_printf(t, "%s\n", title);
    for (int i = 0; i < rows * columns; i++) {
        dg_format(cell[i], sizeof cell[i], x[i] < 0 || x[i] > 0 ? "%+.6g" : "%.6g", x[i] + 0.0);
        if (strlen(cell[i]) > width[i % columns])
            width[i % columns] = strlen(cell[i]);
    }
    for (int i = 0; i < rows * columns; i++)
        dg_text_printf(t, "  %*s%s", (int)width[i % columns], cell[i],
                       (i + 1) % columns ? "" : "\n");
}

/* Each table of the text, in any order, is in what the program printed. */
static void prints(const char *arguments, const dg_text *tables)
{
    if (cli_run(arguments) != 0)
        fail_msg("dagrad %s failed: %s", arguments, cli_read("err", NULL));
    char *out = cli_read("out", NULL);
    if (!strstr(out, tables->data))
        fail_msg("dagrad %s\nexpected:\n%s\nprinted:\n%s", arguments, tables->data, out);
    free(out);
}

static void command(char *line, size_t size, int sample, int loss, const char *rest)
{
    dg_format(line, size,
              "grad \"%s/examples/lecture/hand.dag\" --sample %d --set square=0 --set %s=1 %s",
              getenv("DAGRAD_SOURCE"), sample, names[loss], rest);
}

static void states_and_errors(int sample, int loss)
{
    char line[1024];
    net n = work_out(sample, loss);
    dg_text t = dg_text_make(NULL);
    add(&t, "y  [1, 1]", 1, 1, &n.y);
    add(&t, "gradient of y  [1, 1]", 1, 1, &n.eps0);
    add(&t, "z1  [1, 2]", 1, 2, n.z1);
    add(&t, "eps of z1  [1, 2]", 1, 2, n.eps1);
    add(&t, "z2  [1, 2]", 1, 2, n.z2);
    add(&t, "eps of z2  [1, 2]", 1, 2, n.eps2);
    add(&t, "xhat  [1, 1]", 1, 1, &n.xhat);
    add(&t, "eps of xhat  [1, 1]", 1, 1, &n.eps);
    add(&t, "W1  [1, 2]", 1, 2, W1);
    add(&t, "gradient of W1  [1, 2]", 1, 2, n.g_W1);
    add(&t, "b1  [2]", 1, 2, b1);
    add(&t, "gradient of b1  [2]", 1, 2, n.g_b1);
    add(&t, "W2  [2, 1]", 2, 1, W2);
    add(&t, "gradient of W2  [2, 1]", 2, 1, n.g_W2);
    add(&t, "b2  [1]", 1, 1, &b2);
    add(&t, "gradient of b2  [1]", 1, 1, &n.g_b2);
    command(line, sizeof line, sample, loss, "--print y,z1,z2,xhat,W1,b1,W2,b2");
    prints(line, &t);
    dg_text_free(&t);
}

/* A and B of the two dense layers and of the activation, and what their adjoints give. */
static void matrices(int sample, int loss)
{
    char line[1024];
    net n = work_out(sample, loss);
    const double one[1] = {1}, unit[4] = {1, 0, 0, 1};
    const double diagonal[4] = {n.a1[0], 0, 0, n.a1[1]}, by_W1[4] = {n.y, 0, 0, n.y};
    dg_text last = dg_text_make(NULL), middle = dg_text_make(NULL), first = dg_text_make(NULL);
    add(&last, "A = d xhat.linear / d z2.leaky_relu  [1, 2]", 1, 2, W2);
    add(&last, "A^t eps  [1, 2]", 1, 2, n.eps2);
    add(&last, "B = d xhat.linear / d W2  [1, 2]", 1, 2, n.z2);
    add(&last, "B^t eps  [2, 1]", 2, 1, n.g_W2);
    add(&last, "B = d xhat.linear / d b2  [1, 1]", 1, 1, one);
    add(&last, "B^t eps  [1]", 1, 1, &n.g_b2);
    add(&middle, "A = d z2.leaky_relu / d z1.linear  [2, 2]", 2, 2, diagonal);
    add(&middle, "A^t eps  [1, 2]", 1, 2, n.eps1);
    add(&first, "A = d z1.linear / d y  [2, 1]", 2, 1, W1);
    add(&first, "A^t eps  [1, 1]", 1, 1, &n.eps0);
    add(&first, "B = d z1.linear / d W1  [2, 2]", 2, 2, by_W1);
    add(&first, "B^t eps  [1, 2]", 1, 2, n.g_W1);
    add(&first, "B = d z1.linear / d b1  [2, 2]", 2, 2, unit);
    add(&first, "B^t eps  [2]", 1, 2, n.g_b1);
    command(line, sizeof line, sample, loss, "--node xhat");
    prints(line, &last);
    command(line, sizeof line, sample, loss, "--node z2");
    prints(line, &middle);
    command(line, sizeof line, sample, loss, "--node z1");
    prints(line, &first);
    dg_text_free(&last);
    dg_text_free(&middle);
    dg_text_free(&first);
}

static void every_number_in_three_losses(void **state)
{
    (void)state;
    for (int loss = 0; loss < LOSSES; loss++)
        for (int sample = 0; sample < 2; sample++) {
            states_and_errors(sample, loss);
            matrices(sample, loss);
        }
}

/* Over both pairs: g = (1/K) sum of B^t eps, and the loss is the mean. */
static void both_pairs(void **state)
{
    (void)state;
    for (int loss = 0; loss < LOSSES; loss++) {
        char line[1024], title[64];
        net a = work_out(0, loss), b = work_out(1, loss);
        const double g[2] = {(a.g_W2[0] + b.g_W2[0]) / 2, (a.g_W2[1] + b.g_W2[1]) / 2};
        dg_text t = dg_text_make(NULL);
        add(&t, "gradient of W2  [2, 1]", 2, 1, g);
        dg_format(line, sizeof line,
                  "grad \"%s/examples/lecture/hand.dag\" --set square=0 --set %s=1 --print W2",
                  getenv("DAGRAD_SOURCE"), names[loss]);
        prints(line, &t);
        char *out = cli_read("out", NULL);
        double printed = strtod(out + strlen("loss "), NULL);
        dg_format(title, sizeof title, "%.17g", printed);
        if (fabs(printed - (a.loss + b.loss) / 2) > 1e-15 * printed)
            fail_msg("loss %s, by hand %.17g", title, (a.loss + b.loss) / 2);
        free(out);
        dg_text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_in_three_losses),
        cmocka_unit_test(both_pairs),
    };
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
