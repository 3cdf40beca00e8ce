/* What a person sees of a training: on terminals of several widths, made narrower in the middle, on
 * a dumb one, in a pipe. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char model[] =
    "input image[N, 8, 8, 1]\ntarget label[N] int\n"
    "z = conv(image, 32, kernel=3) | relu | conv(64, kernel=3) | relu | conv(64, kernel=3)\n"
    "logits = flatten(z) | linear(10)\noutput logits\nloss softmax_cross_entropy(label, "
    "logits)\nmetric accuracy(label, logits)\n"
    "data train { image = digits(\"image\") | scale(1/16); label = digits(\"label\") }\n"
    "train { optimizer = sgd(rate=1e-3); batch = 2; epochs = 1000000; save_every = 1000000000 }\n";

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write("m.dag", model, sizeof model - 1);
    return 0;
}

/* ---- A terminal ------------------------------------------------------------------------------ */

enum { ROWS = 8, MOST_COLUMNS = 256, LINES = 256 };

/* As much of a terminal as is needed: it prints, returns, feeds lines, wraps, scrolls. */
typedef struct {
    int columns, x, y, wraps, escapes;
    char cell[ROWS][MOST_COLUMNS + 1];
    int n;                              /* redraws so far */
    char line[LINES][MOST_COLUMNS + 1]; /* what stood in the row at each of the first ones */
    int width[LINES];                   /* of the terminal then */
    char bytes[4096];
    size_t held; /* the beginning of a control sequence, at the start of bytes */
} screen;

static void clear_row(screen *s, int y)
{
    memset(s->cell[y], ' ', MOST_COLUMNS);
    s->cell[y][MOST_COLUMNS] = 0;
}

static void feed_line(screen *s)
{
    if (++s->y < ROWS)
        return;
    memmove(s->cell[0], s->cell[1], sizeof s->cell[0] * (ROWS - 1));
    s->y = ROWS - 1;
    clear_row(s, s->y);
}

/* The cursor returns: what stands in the row is what a person has seen. */
static void return_to_start(screen *s)
{
    char *row = s->cell[s->y];
    if (strchr(row, '[') && s->n < LINES) {
        dg_format(s->line[s->n], sizeof s->line[0], "%s", row);
        for (size_t n = strlen(s->line[s->n]); n > 0 && s->line[s->n][n - 1] == ' ';)
            s->line[s->n][--n] = 0;
        s->width[s->n++] = s->columns;
    }
    s->x = 0;
}

static void show(screen *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\r')
            return_to_start(s);
        else if (bytes[i] == '\n')
            feed_line(s);
        else if (bytes[i] == '\033' && i + 2 < n && memcmp(bytes + i, "\033[K", 3) == 0) {
            memset(s->cell[s->y] + s->x, ' ', (size_t)(MOST_COLUMNS - s->x));
            i += 2;
        } else if (bytes[i] == '\033')
            s->escapes++;
        else {
            if (s->x == s->columns) {
                s->x = 0;
                s->wraps++;
                feed_line(s);
            }
            s->cell[s->y][s->x++] = bytes[i];
        }
    }
}

static void set_columns(screen *s, int master, int columns)
{
    struct winsize w = {.ws_row = ROWS, .ws_col = (unsigned short)columns};
    ioctl(master, TIOCSWINSZ, &w);
    s->columns = columns;
    for (int y = 0; y < ROWS; y++) /* what does not fit any more is gone */
        memset(s->cell[y] + columns, ' ', (size_t)(MOST_COLUMNS - columns));
}

/* Runs the program with its standard error in the terminal, the clock being fast. */
static pid_t start(const char *run, const char *kind, const char *option, int slave)
{
    char shim[512];
    const char *program = getenv("DAGRAD_PROGRAM"), *build = getenv("DAGRAD_BUILD");
    dg_format(shim, sizeof shim, "%s/tests/shim_clock.so", build ? build : "build");
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setsid();
    setenv("TERM", kind, 1);
    setenv("LD_PRELOAD", shim, 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
    setenv("CLOCK_FACTOR", "200", 1);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(slave, 2);
    execl(program, program, "train", "m.dag", "--threads", "1", "--out", run, option, NULL);
    _exit(127);
}

/* Shows what comes until `enough` redraws were seen or nothing came for a while. */
static void watch(screen *s, int master, int enough)
{
    struct pollfd p = {master, POLLIN, 0};
    while (s->n < enough && poll(&p, 1, 5000) > 0) {
        ssize_t n = read(master, s->bytes + s->held, sizeof s->bytes - s->held);
        if (n <= 0)
            break;
        n += (ssize_t)s->held;
        s->held = n > 2 && s->bytes[n - 1] == '\033'   ? 1
                  : n > 2 && s->bytes[n - 2] == '\033' ? 2
                                                       : 0;
        show(s, s->bytes, (size_t)n - s->held);
        memmove(s->bytes, s->bytes + n - s->held, s->held);
    }
}

static void end(pid_t pid)
{
    int status;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 128 + SIGTERM);
}

static screen *see(const char *run, int columns, int then)
{
    int master, slave;
    screen *s = calloc(1, sizeof *s);
    for (int y = 0; y < ROWS; y++)
        clear_row(s, y);
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    set_columns(s, master, columns);
    pid_t pid = start(run, "xterm", NULL, slave);
    close(slave);
    watch(s, master, 20);
    if (then) {
        set_columns(s, master, then);
        watch(s, master, 200);
    }
    end(pid);
    close(master);
    return s;
}

/* Every redraw fits, and stands in the row below "run NAME". */
static void check_lines(const screen *s, int from, int to)
{
    for (int i = from; i < to; i++)
        if ((int)strlen(s->line[i]) >= s->width[i])
            fail_msg("%d columns: '%s'", s->width[i], s->line[i]);
    assert_int_equal(s->wraps, 0);
    assert_int_equal(s->escapes, 0);
    assert_memory_equal(s->cell[0], "run ", 4);
    assert_int_equal(s->y, 1);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void a_line_fits_40_columns(void **state)
{
    (void)state;
    screen *s = see("r40", 40, 0);
    const char *line = s->line[10];
    check_lines(s, 0, s->n);
    assert_int_equal(line[0], '[');
    assert_has(line, "] loss ");
    assert_has(line, " acc ");
    assert_has(line, "/s ");
    assert_true(isalnum((unsigned char)line[strlen(line) - 1]));
    free(s);
}

static void a_line_fits_80_columns(void **state)
{
    (void)state;
    screen *s = see("r80", 80, 0);
    check_lines(s, 0, s->n);
    assert_has(s->line[10], "epoch ");
    assert_has(s->line[10], "/1000000 [");
    assert_has(s->line[10], "] loss ");
    assert_has(s->line[10], "  accuracy 0.");
    assert_has(s->line[10], "/s  ");
    free(s);
}

static void a_wide_terminal_shows_all(void **state)
{
    (void)state;
    screen *s = see("r200", 200, 0);
    check_lines(s, 0, s->n);
    assert_has(s->line[10], " samples/s  ");
    assert_has(s->line[10], " left");
    free(s);
}

/* One line may still be on its way while the terminal is made narrower. */
static void a_line_fits_after_the_terminal_was_resized(void **state)
{
    (void)state;
    screen *s = see("narrower", 100, 40);
    int from = 20;
    while (from < s->n && (int)strlen(s->line[from]) >= 40)
        from++;
    assert_true(from < 200);
    for (int i = from; i < s->n; i++)
        assert_true(strlen(s->line[i]) < 40);
    free(s);
    s = see("wider", 40, 200);
    check_lines(s, 0, s->n);
    assert_has(s->line[s->n - 1], " samples/s");
    free(s);
}

/* All that the program wrote by the time `part` came. */
static char *read_until(int fd, const char *part)
{
    char *text = calloc(1, 1 << 20);
    size_t n = 0;
    struct pollfd p = {fd, POLLIN, 0};
    while (n < (1 << 20) - 5000 && !strstr(text, part) && poll(&p, 1, 5000) > 0) {
        ssize_t k = read(fd, text + n, 4096);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    return text;
}

/* A dumb terminal is written to as a pipe is. */
static void a_dumb_terminal_gets_plain_lines(void **state)
{
    (void)state;
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    pid_t pid = start("dumb", "dumb", NULL, slave);
    close(slave);
    char *text = read_until(master, " left\r\n");
    end(pid);
    close(master);
    assert_has(text, "epoch 1/1000000  step ");
    assert_null(strstr(text, "\033"));
    assert_null(strstr(text, "["));
    free(text);
}

static void a_pipe_gets_a_line_every_ten_seconds(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = start("pipe", "xterm", NULL, ends[1]);
    close(ends[1]);
    char *text = read_until(ends[0], " left\n");
    end(pid);
    close(ends[0]);
    assert_null(strchr(text, '\r'));
    assert_has(text, " of 899000000  loss ");
    assert_has(text, " samples/s  ");
    free(text);
}

static void quiet_is_quiet(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out q --steps 5 --quiet"), 0);
    char *err = cli_read("err", NULL), *out = cli_read("out", NULL);
    assert_string_equal(err, "");
    assert_memory_equal(out, "weights ", 8);
    free(err);
    free(out);
}

int main(void)
{
#ifdef DG_SANITIZED
    puts("SKIPPED: what a line says depends on the program's pace");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_fits_40_columns),
        cmocka_unit_test(a_line_fits_80_columns),
        cmocka_unit_test(a_wide_terminal_shows_all),
        cmocka_unit_test(a_line_fits_after_the_terminal_was_resized),
        cmocka_unit_test(a_dumb_terminal_gets_plain_lines),
        cmocka_unit_test(a_pipe_gets_a_line_every_ten_seconds),
        cmocka_unit_test(quiet_is_quiet),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
