/* A run directory is true: what it says was trained was trained, what is told as best is kept, who
 * trains in it is alone, and what cannot go on says why and changes nothing. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "train/run_tools.h"
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* y = 2 x + 1 and some; 40 rows. */
static const char line_text[] = "input x[N, 1]\n"
                                "target t[N, 1]\n"
                                "y = linear(x, 4) | tanh | linear(1)\n"
                                "output y\n"
                                "loss mse(t, y)\n"
                                "metric mse(t, y)\n"
                                "data train { x = csv(\"d.csv\", columns=[\"a\"]); "
                                "t = csv(\"d.csv\", columns=[\"b\"]) }\n";

/* The best weight for training is 2, for validation 1: the validation loss rises again. */
static const char turn_text[] = "input x[N, 1]\n"
                                "target t[N, 1]\n"
                                "parameter w[1] = fill(0)\n"
                                "y = x * w\n"
                                "output y\n"
                                "loss mse(t, y)\n"
                                "data train { x = csv(\"one.csv\"); t = csv(\"two.csv\") }\n"
                                "data validation { x = csv(\"one.csv\"); t = csv(\"one.csv\") }\n"
                                "train { optimizer = sgd(rate=0.05); batch = 4; epochs = 40; "
                                "precision = f64; stop = patience(3) }\n";

static int set_up(void **state)
{
    (void)state;
    char rows[2048] = "a,b\n";
    if (!run_enter())
        return -1;
    for (int i = 0; i < 40; i++)
        dg_format(rows + strlen(rows), sizeof rows - strlen(rows), "%g,%g\n", i * 0.05 - 1,
                  2 * (i * 0.05 - 1) + (i % 3) * 0.1);
    cli_write_text("d.csv", rows);
    cli_write("one.csv", "1\n1\n1\n1\n", 8);
    cli_write("two.csv", "2\n2\n2\n2\n", 8);
    cli_write("turn.dag", turn_text, sizeof turn_text - 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run_leave();
    return 0;
}

static void write_line(const char *name, const char *train)
{
    char text[2048];
    dg_format(text, sizeof text, "%strain { %s }\n", line_text, train);
    cli_write_text(name, text);
}

/* Runs it, with this exit code; what is in standard error is to have `part` (NULL: anything). */
static void run(int code, const char *arguments, const char *part)
{
    int got = cli_run(arguments);
    char *err = cli_read("err", NULL);
    if (got != code || (part && !strstr(err, part)))
        fail_msg("dagrad %s: exit %d, expected %d and '%s':\n%s", arguments, got, code,
                 part ? part : "", err);
    free(err);
}

static char *output(const char *arguments)
{
    run(0, arguments, NULL);
    return cli_read("out", NULL);
}

static void same_output(const char *expected, const char *arguments)
{
    char *is = output(arguments);
    assert_string_equal(is, expected);
    free(is);
}

static void shell(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

static json_t *read_json(const char *file)
{
    json_error_t e;
    json_t *j = json_load_file(file, 0, &e);
    if (!j)
        fail_msg("%s: %s", file, e.text);
    return j;
}

static double number(const json_t *j, const char *a, const char *b)
{
    const json_t *x = json_object_get(j, a);
    return json_number_value(b ? json_object_get(x, b) : x);
}

/* ---- The end, and what is best --------------------------------------------------------------- */

static void an_ended_run_stays_as_it_is(void **state)
{
    (void)state;
    char *first = output("train turn.dag --out turn --quiet");
    run(0, "train turn.dag --out other",
        "stopped early after epoch 10, no better validation loss "
        "in 3 epochs; the best was epoch 7 (step 7), validation "
        "loss ");
    shell("rm -rf copy; cp -a turn copy");
    for (int i = 0; i < 3; i++) {
        same_output(first, i < 2 ? "train --resume turn --quiet"
                                 : "train turn.dag --resume turn --epochs 40 --quiet");
        run(0, "train --resume turn", "turn has ended by early stopping at step 10 of 40");
    }
    shell("diff -r turn copy");
    assert_non_null(strstr(first, " (best)  steps 7 of 40  validation loss 0.0018841\n"));
    same_output(first, "train --resume turn --epochs 5 --quiet"); /* not beyond */
    shell("diff -r turn copy");
    run(0, "train --resume turn --epochs 60", "stopped early after epoch 13");
    json_t *j = read_json("turn/run.json");
    assert_int_equal((int)number(j, "run", "steps"), 60);
    json_decref(j);
    run(0, "train --resume turn", "ended by early stopping at step 13 of 60");
    free(first);
}

static void best_is_what_was_told(void **state)
{
    (void)state;
    json_t *j, *k;
    free(output("train turn.dag --out best --json --quiet"));
    j = read_json("out");
    assert_string_equal(json_string_value(json_object_get(j, "which")), "best");
    assert_int_equal((int)number(j, "steps", NULL), 7);
    for (int i = 0; i < 2; i++) {
        free(output(i ? "eval best --json" : "eval best --weights best --part validation --json"));
        k = read_json("out");
        assert_true(number(k, "loss", NULL) == number(j, "loss", NULL));
        assert_int_equal((int)number(k, "step", NULL), 7);
        assert_true(json_equal(json_object_get(k, "weights"), json_object_get(j, "weights")));
        json_decref(k);
    }
    json_decref(j);
    char *text = output("eval best --weights last");
    assert_non_null(strstr(text, "(last)  step 10\n"));
    free(text);
    run(0, "predict best", "(best)  step 7, 4 rows of the validation part\n");
}

static void without_validation_there_is_no_best(void **state)
{
    (void)state;
    struct stat s;
    write_line("line.dag", "optimizer = sgd(rate=0.1, momentum=0.9); batch = 8; epochs = 6; "
                           "stop = patience(1)");
    char *text = output("train line.dag --out line --quiet");
    assert_non_null(strstr(text, " (last)  steps "));
    assert_non_null(strstr(text, "  training mse "));
    assert_int_equal(stat("line/best.safetensors", &s), -1);
    char *last = output("eval line"), *best = output("eval line --weights best");
    assert_string_equal(best, last); /* the last are the best there are, and it is said */
    assert_non_null(strstr(best, "(last)  step "));
    run(0, "eval line --weights best", "the run has no validation part");
    run(0, "predict line --weights best", "(last)  step ");
    free(best);
    free(last);
    free(text);
}

/* ---- Taking up again ------------------------------------------------------------------------- */

static void run_files_say_what_was_trained(void **state)
{
    (void)state;
    write_line("plain.dag", "optimizer = sgd(rate=0.1); batch = 8; epochs = 2");
    free(output("train plain.dag --out plain --quiet"));
    run(2, "train --resume plain --batch 9 --epochs 3 --set optimizer.momentum=0.5 --set clip=x",
        NULL);
    run(0, "train --resume plain --epochs 4 --set optimizer.rate=0.2 --quiet", NULL);
    char *model = cli_read("plain/model.dag", NULL);
    assert_non_null(strstr(model, "sgd(rate=0.2"));
    assert_non_null(strstr(model, "epochs = 4"));
    free(model);
    json_t *j = read_json("plain/run.json");
    assert_int_equal((int)number(j, "run", "steps"), 20);
    assert_null(json_object_get(j, "next"));
    json_decref(j);
    char *trained = cli_read("out", NULL), hash[17];
    dg_format(hash, sizeof hash, "%.16s", trained + 8);
    char *evaluated = output("eval plain --part train");
    assert_non_null(strstr(evaluated, hash));
    free(trained);
    free(evaluated);
    /* an edited model: what it changes must be named, and metrics and comments may change */
    write_line("edited.dag", "optimizer = sgd(rate=0.3); batch = 8; epochs = 5");
    run(2, "train edited.dag --resume plain", "optimizer of the run in 'plain' was ");
    run(2, "train edited.dag --resume plain --set optimizer.rate=0.2", "steps of the run");
    run(2, "train plain.dag --resume plain --set optimizer.rate=0.2", "steps of the run in");
    char text[2048];
    dg_format(text, sizeof text, "# a comment\n%smetric mae(t, y)\ntrain { %s }\n", line_text,
              "optimizer = sgd(rate=0.2); batch = 8; epochs = 5");
    cli_write_text("metric.dag", text);
    run(0, "train metric.dag --resume plain --epochs 5 --quiet", NULL);
    evaluated = output("eval plain");
    assert_non_null(strstr(evaluated, "\nmae "));
    free(evaluated);
}

/* Another validation part begins to judge anew; another optimizer cannot go on. */
static void what_judges_may_be_named(void **state)
{
    (void)state;
    char text[2048];
    struct stat s;
    write_line("judge.dag", "optimizer = sgd(rate=0.05); batch = 8; epochs = 4");
    free(output("train judge.dag --out judge --quiet"));
    run(2, "train --resume judge --epochs 6 --set optimizer=adam", "the optimizer is another one");
    dg_format(text, sizeof text,
              "%sdata validation { x = csv(\"d.csv\", columns=[\"a\"]); "
              "t = csv(\"d.csv\", columns=[\"b\"]) }\ntrain { %s }\n",
              line_text, "optimizer = sgd(rate=0.05); batch = 8; epochs = 6");
    cli_write_text("judged.dag", text);
    run(2, "train judged.dag --resume judge --epochs 6",
        "validation x of the run in 'judge' was nothing");
    run(0, "train --resume judge --epochs 6 --set split=0.25 --quiet", NULL);
    char *told = cli_read("out", NULL), *is = output("eval judge --part validation");
    assert_non_null(strstr(told, " (best)  steps 24 of 24  validation mse ")); /* 4 an epoch now */
    assert_non_null(strstr(is, "(best)  step 24\n"));
    free(told);
    free(is);
    run(0, "train --resume judge --set split=0.5 --steps 29 --quiet", NULL);
    assert_int_equal(stat("judge/best.safetensors", &s), 0);
}

static void another_network_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *found;
    } edit[] = {
        {"linear(x, 4)", "linear(x, 5)", "`parameter y.linear.weight [1, 5] f32`"},
        {"| tanh", "| sigmoid", "`sigmoid#1 = sigmoid(linear#1) [N, 4]`"},
        {"linear(1)", "linear(1, bias=false)", ""},
        {"loss mse", "loss 2 * mse", "`loss 2 * mse#1`"},
        {"loss mse", "loss mae", "`mae#1 = mae(t, linear#2, none, over=pairs) [N]`"},
        {"loss mse(t, y)", "loss mse(t, y), sum(y * y)", ""},
        {"[N, 1]\ntarget", "[N, 1]\ninput more[N, 1]\ntarget", NULL},
    };
    const char *train = "optimizer = sgd(rate=0.1); batch = 8; epochs = 1";
    char text[2048], command[256];
    write_line("net.dag", train);
    free(output("train net.dag --out net --quiet"));
    shell("cp -a net net2");
    for (size_t i = 0; i < sizeof edit / sizeof edit[0]; i++) {
        dg_format(text, sizeof text, "%strain { %s }\n", line_text, train);
        char *at = strstr(text, edit[i].from), *rest = strdup(at + strlen(edit[i].from));
        dg_format(at, sizeof text - (size_t)(at - text), "%s%s", edit[i].to, rest);
        free(rest);
        cli_write_text("edit.dag", text);
        dg_format(command, sizeof command, "train edit.dag --resume net --epochs 3 --set clip=1");
        if (edit[i].found) /* an input that nothing uses is the same network */
            run(2, command, "the network is not the one of the run in 'net'");
        if (edit[i].found)
            run(2, command, edit[i].found);
        shell("diff -r net net2");
    }
    /* other names of values, other initial values: the same network */
    dg_format(text, sizeof text, "%strain { %s }\n", line_text, train);
    char *at = strstr(text, "linear(1)"), *rest = strdup(at + 9);
    dg_format(at, sizeof text - (size_t)(at - text), "linear(1, init=zeros)%s", rest);
    free(rest);
    cli_write_text("init.dag", text);
    run(0, "train init.dag --resume net --epochs 2 --quiet", NULL);
}

/* The refusals of a checkpoint that is not there, cut, damaged or another run's. */
static void no_checkpoint_no_resume(void **state)
{
    (void)state;
    static const struct {
        const char *command, *found;
    } harm[] = {
        {"rm lost/last.safetensors", "lost/last.safetensors: cannot read"},
        {"rm lost/last.safetensors; ln -s /not/there lost/last.safetensors", "cannot read"},
        {": >lost/last.safetensors", "byte 0"},
        {"head -c -1 spare >lost/last.safetensors", "byte"},
        {"tr t T <spare >lost/last.safetensors", ""},
        {"cp seed/last.safetensors lost", "it is of another run"},
        {"cp lost/best.safetensors lost/last.safetensors", "no note"},
    };
    free(output("train turn.dag --out seed --seed 7 --quiet"));
    free(output("train turn.dag --out lost --quiet"));
    shell("cp lost/last.safetensors spare");
    for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
        shell(harm[i].command);
        shell("rm -rf was; cp -a lost was");
        run(3, "train --resume lost --epochs 50", harm[i].found);
        run(3, "train --resume lost --epochs 50 --quiet",
            "--weights lost/best.safetensors --out NEW");
        shell("diff -r --no-dereference lost was");
        shell("rm -f lost/last.safetensors; cp spare lost/last.safetensors");
    }
    run(0, "train turn.dag --weights lost/best.safetensors --out new --quiet", NULL);
    run(0, "train --resume lost --epochs 50 --quiet", NULL);
    /* the best are lost: said, and a new best is found */
    shell("rm lost/best.safetensors");
    run(0, "train --resume lost --epochs 90", "the best weights of step 7 are lost");
}

/* Data are known by their bytes, wherever they lie. */
static void data_may_move_but_not_change(void **state)
{
    (void)state;
    char text[2048];
    shell("mkdir a b; cp d.csv a/m.csv");
    write_line("moved.dag", "optimizer = sgd(rate=0.1); batch = 8; epochs = 2");
    char *model = cli_read("moved.dag", NULL);
    dg_text out = dg_text_make(NULL);
    for (const char *at = model; *at; at++)
        dg_text_printf(&out, "%c", strncmp(at, "d.csv", 5) == 0 ? 'm' : *at);
    cli_write("moved.dag", out.data, out.length);
    free(model);
    dg_text_free(&out);
    free(output("train moved.dag --data a --out moved --quiet"));
    shell("mv a/m.csv b");
    run(3, "train --resume moved --epochs 3", "no such file");
    run(0, "train --resume moved --data b --epochs 3 --quiet", NULL);
    run(0, "eval moved", NULL); /* run.json says where they are */
    json_t *j = read_json("moved/run.json");
    const json_t *file = json_array_get(json_object_get(json_object_get(j, "run"), "data"), 0);
    assert_non_null(strstr(json_string_value(json_object_get(file, "path")), "/b/m.csv"));
    json_decref(j);
    run(0, "train moved.dag --resume moved --epochs 4 --quiet", NULL);
    shell("printf '9,9\\n' >>b/m.csv");
    run(3, "train --resume moved --epochs 5", "the data are not those of the run in 'moved'");
    dg_format(text, sizeof text, "%s",
              "mkdir $(printf 'caf\\351'); cp d.csv $(printf 'caf\\351')/m.csv");
    shell(text);
    run(0, "train moved.dag --data $(printf 'caf\\351') --out latin --quiet", NULL);
    run(0, "train --resume latin --epochs 4 --quiet", NULL);
    shell("printf '9,9\\n' >>$(printf 'caf\\351')/m.csv");
    run(3, "train --resume latin --epochs 5", "caf%E9/m.csv has SHA-256");
    shell(
        "mkdir $(printf '\\351'); cp moved.dag d.csv $(printf '\\351'); mv $(printf '\\351')/d.csv "
        "$(printf '\\351')/m.csv");
    run(0, "train $(printf '\\351')/moved.dag --out $(printf '\\351')/r --quiet", NULL);
    run(0, "train --resume $(printf '\\351')/r --epochs 3 --quiet", NULL);
}

/* ---- Several at once ------------------------------------------------------------------------- */

enum { MOST = 8 };

static pid_t begin(int k)
{
    char out[32], err[32];
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    dg_format(out, sizeof out, "out.%d", k);
    dg_format(err, sizeof err, "err.%d", k);
    const char *program = getenv("DAGRAD_PROGRAM");
    if (!freopen(out, "w", stdout) || !freopen(err, "w", stderr))
        _exit(99);
    execl(program, program, "train", "--resume", "held", "--epochs", "12", "--threads", "1",
          "--quiet", (char *)NULL);
    _exit(98);
}

static void one_trains_the_others_are_told(void **state)
{
    (void)state;
    static const char text[] =
        "input image[N, 8, 8, 1]\n"
        "target label[N] int\n"
        "logits = conv(image, 4, kernel=3) | relu | flatten | linear(10)\n"
        "output logits\n"
        "loss softmax_cross_entropy(label, logits)\n"
        "data train(part=[0, 0.6]) { image = digits(\"image\") | scale(1/16); "
        "label = digits(\"label\") }\n"
        "train { optimizer = adam(rate=1e-3); batch = 16; epochs = 1; save_every = 20 }\n";
    cli_write("held.dag", text, sizeof text - 1);
    free(output("train held.dag --out first --threads 1 --quiet"));
    shell("cp -a first held");
    char *whole = output("train --resume held --epochs 12 --threads 1 --quiet");
    for (int n = 2; n <= MOST; n += n == 2 ? 1 : 5) {
        pid_t pid[MOST];
        int trained = 0;
        shell("rm -rf held; cp -a first held");
        for (int k = 0; k < n; k++)
            pid[k] = begin(k);
        for (int k = 0; k < n; k++) {
            int status;
            char out[32], err[32];
            assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
            dg_format(out, sizeof out, "out.%d", k);
            dg_format(err, sizeof err, "err.%d", k);
            char *told = cli_read(out, NULL), *said = cli_read(err, NULL);
            assert_true(WIFEXITED(status));
            if (WEXITSTATUS(status) == 0) {
                assert_string_equal(told, whole);
                trained++;
            } else {
                assert_int_equal(WEXITSTATUS(status), 2);
                if (!strstr(said, "is being trained by process "))
                    fail_msg("of %d the %d-th says: %s", n, k, said);
            }
            free(told);
            free(said);
        }
        assert_int_equal(trained, 1);
        run_check_metrics("held/metrics.jsonl", "held");
    }
    free(whole);
}

/* eval, predict and show read a run that another trains in, and leave no trace. */
static void readers_neither_lock_nor_write(void **state)
{
    (void)state;
    free(output("train turn.dag --out read --quiet"));
    int fd = open("read/lock", O_RDWR);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    run(2, "train --resume read --epochs 50", "is being trained by another process");
    shell("cp -a read before; find read -printf '%p %T@ %C@ %i\\n' | sort >stat.1");
    run(0, "eval read", NULL);
    run(0, "predict read", NULL);
    run(0, "show read", NULL);
    run(0, "grad read --out g.safetensors", NULL);
    shell("diff -r read before; find read -printf '%p %T@ %C@ %i\\n' | sort | diff - stat.1");
    close(fd);
}

/* Figures of data that have changed since are told to be that; of the same data elsewhere not. */
static void changed_data_are_told(void **state)
{
    (void)state;
    static const char *const reader[] = {"eval told", "eval told --json", "predict told"};
    write_line("told.dag", "optimizer = sgd(rate=0.1); batch = 8; epochs = 2");
    free(output("train told.dag --out told --quiet"));
    shell("cp d.csv same.csv; mkdir elsewhere; cp d.csv elsewhere");
    for (int i = 0; i < 3; i++) {
        free(output(reader[i]));
        shell("! grep SHA-256 err");
    }
    free(output("eval told --data elsewhere"));
    shell("! grep SHA-256 err; echo 1,2 >>d.csv");
    for (int i = 0; i < 3; i++)
        run(0, reader[i], "d.csv has SHA-256 ");
    shell("mv same.csv d.csv");
}

/* A model.dag that was edited is not taken for what was trained. */
static void edited_models_are_told(void **state)
{
    (void)state;
    write_line("own.dag", "optimizer = sgd(rate=0.1); batch = 8; epochs = 2");
    free(output("train own.dag --out own --quiet"));
    run(0, "eval own", NULL);
    shell("test ! -s err; cp own/model.dag kept; sed -i 's/| tanh/| relu/' own/model.dag");
    run(0, "eval own", "that has `tanh#1");
    shell("sed 's/\"a\".)/& | scale(2)/' kept >own/model.dag");
    run(0, "eval own", "the figures are those of the model and the data now");
    shell("cp kept own/model.dag; sed -i 's/metric/# &/' own/model.dag");
    run(0, "eval own", NULL);
    shell("test ! -s err; echo '{}' >own/run.json");
    run(3, "eval own", "own/run.json: it describes no run of dagrad");
    run(3, "train --resume own", "own/run.json: it describes no run of dagrad");
    run(2, "train own.dag --out ''", "--out is empty");
    run(2, "train own.dag --out new --require 'mse<=nan'", "it takes METRIC>=NUMBER");
}

/* steps and epochs take each other's place, also in the model that the run keeps. */
static void steps_take_the_place_of_epochs(void **state)
{
    (void)state;
    write_line("both.dag", "optimizer = sgd(rate=0.1); epochs = 2; batch = 8");
    run(0, "train both.dag --out both --steps 7 --quiet", NULL);
    shell("grep -q '; steps=7; batch' both/model.dag && ! grep epochs both/model.dag");
    run(0, "train --resume both", "both has ended at step 7 of 7");
    run(0, "train --resume both --epochs 2 --quiet", NULL);
    shell("grep -q '; epochs=2; batch' both/model.dag && ! grep steps both/model.dag");
    run(0, "train --resume both", "both has ended at step 10 of 10");
    run(0, "train both.dag --out once --quiet", NULL);
    char *once = output("eval once"); /* hash, step, loss */
    same_output(once, "eval both");
    free(once);
}

/* What a process left that was killed before the run was one is taken over; nothing else is. */
static void a_begun_folder_is_taken_over(void **state)
{
    (void)state;
    free(output("train turn.dag --out begun --quiet"));
    shell("mkdir empty half full; : >half/lock; : >half/.model.dag.tmp; cp begun/model.dag half; "
          "cp begun/lock full; : >full/mine");
    run(2, "train --resume half", "no run directory");
    run(0, "train turn.dag --out half --quiet", NULL);
    run(0, "train turn.dag --out empty/ --quiet", NULL);
    run(2, "train turn.dag --out full --quiet", "'full' is there already and is no run");
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* 90 rows sorted by class: 60 of 0, 20 of 1, 10 of 2. */
static void write_sorted(void)
{
    char rows[2048] = "a,b\n";
    for (int i = 0; i < 90; i++)
        dg_format(rows + strlen(rows), sizeof rows - strlen(rows), "%d,%d\n", i,
                  i < 60   ? 0
                  : i < 80 ? 1
                           : 2);
    cli_write_text("sorted.csv", rows);
}

static void write_classes(const char *name, const char *head, const char *more)
{
    char text[1024];
    dg_format(text, sizeof text,
              "input x[N, 1]\ntarget c[N] int\nz = linear(x, 3)\noutput z\n"
              "loss softmax_cross_entropy(c, z)\n"
              "data train%s { x = csv(\"sorted.csv\", columns=[\"a\"]); "
              "c = csv(\"sorted.csv\", columns=[\"b\"]) }\n"
              "train { optimizer = sgd(rate=1e-5); batch = 16; epochs = 1%s }\n",
              head, more);
    cli_write_text(name, text);
}

/* Rows of the validation part, as eval lists them. */
static int held_rows(const char *run_name, int row[90])
{
    char command[128];
    dg_format(command, sizeof command, "eval %s --part validation --worst 90 --json", run_name);
    free(output(command));
    json_t *j = read_json("out"), *list = json_object_get(j, "worst");
    int n = (int)json_array_size(list);
    for (int i = 0; i < n; i++)
        row[i] = (int)number(json_array_get(list, (size_t)i), "row", NULL);
    json_decref(j);
    return n;
}

static void split_draws_rows_of_each_class(void **state)
{
    (void)state;
    int row[2][90], of[3] = {0}, tail = 0, same = 0;
    write_sorted();
    write_classes("split.dag", "", "; split = 0.2");
    free(output("train split.dag --out split1 --quiet"));
    free(output("train split.dag --out split2 --seed 2 --quiet"));
    assert_int_equal(held_rows("split1", row[0]), 18);
    assert_int_equal(held_rows("split2", row[1]), 18);
    for (int i = 0; i < 18; i++) {
        of[row[0][i] < 60 ? 0 : row[0][i] < 80 ? 1 : 2]++;
        tail += row[0][i] % 20 >= 16;
        for (int k = 0; k < 18; k++)
            same += row[0][i] == row[1][k];
    }
    assert_int_equal(of[0], 12);
    assert_int_equal(of[1], 4);
    assert_int_equal(of[2], 2);
    assert_true(tail < 12 && same < 12); /* drawn, and by seed */
}

static void sorted_parts_warn(void **state)
{
    (void)state;
    const char *warning = "they are sorted by 'c'";
    write_sorted();
    write_classes("tail.dag", "(part=[0, 0.8])", "");
    run(0, "train tail.dag --out tail", warning);
    write_classes("mixed.dag", "(part=[0, 0.8], shuffle=1)", "");
    write_classes("whole.dag", "", "");
    for (int i = 0; i < 2; i++) {
        run(0, i ? "train mixed.dag --out mixed" : "train whole.dag --out whole", NULL);
        char *err = cli_read("err", NULL);
        assert_null(strstr(err, "sorted"));
        free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ended_run_stays_as_it_is),
        cmocka_unit_test(best_is_what_was_told),
        cmocka_unit_test(without_validation_there_is_no_best),
        cmocka_unit_test(run_files_say_what_was_trained),
        cmocka_unit_test(what_judges_may_be_named),
        cmocka_unit_test(another_network_is_refused),
        cmocka_unit_test(no_checkpoint_no_resume),
        cmocka_unit_test(data_may_move_but_not_change),
        cmocka_unit_test(one_trains_the_others_are_told),
        cmocka_unit_test(changed_data_are_told),
        cmocka_unit_test(edited_models_are_told),
        cmocka_unit_test(steps_take_the_place_of_epochs),
        cmocka_unit_test(readers_neither_lock_nor_write),
        cmocka_unit_test(a_begun_folder_is_taken_over),
        cmocka_unit_test(split_draws_rows_of_each_class),
        cmocka_unit_test(sorted_parts_warn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
