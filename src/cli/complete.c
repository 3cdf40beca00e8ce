/* What can follow on a command line. The shells' halves, in completions/, ask `dagrad help complete
 * WORD...`, the last word being the one that is written, and get a line a candidate, with a text
 * about it behind a tab; ":folders" and ":files PATTERN" are for the shell to fill in. */
#include "cli/generated.h"
#include "cli/reference.h"
#include <string.h>

/* What an option takes, or what stands by itself. */
typedef enum { NOTHING, FILES, FOLDERS, MODELS, OBJECTS, PARTS, PASSES, KEYS, WORDS } taken;

static const struct {
    const char *value; /* as --help calls it */
    taken what;
} values[] = {
    {"FILE", FILES},       {"NAME=FILE", FILES}, {"[NAME=]FILE", FILES}, {"IN", FILES},
    {"DIR", FOLDERS},      {"RUN", FOLDERS},     {"RUN...", FOLDERS},    {"MODEL", MODELS},
    {"MODEL|RUN", MODELS}, {"FILE.so", OBJECTS}, {"PART", PARTS},        {"NAME|FILE.so", FILES},
    {"PASS", PASSES},      {"NAME=VALUE", KEYS}, {"[NAME]", WORDS},      {"[COMMAND", WORDS},
};

/* By the first word of a text: the value of an option, or the usage of a command. */
static taken taken_by(const char *text)
{
    size_t n = text ? strcspn(text, " ") : 0;
    for (size_t i = 0; n && i < sizeof values / sizeof values[0]; i++)
        if (strlen(values[i].value) == n && memcmp(values[i].value, text, n) == 0)
            return values[i].what;
    return NOTHING;
}

/* A line of the answer, if the word that is written begins it. */
static void offer(const char *current, const char *before, const char *word, const char *behind,
                  const char *text)
{
    char candidate[128];
    snprintf(candidate, sizeof candidate, "%s%s%s", before, word, behind);
    if (strncmp(candidate, current, strlen(current)) == 0)
        printf("%s\t%s\n", candidate, text);
}

static void offer_list(const char *current, const char *words)
{
    char word[32];
    for (; *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, words);
        offer(current, "", word, "", "");
        words += n;
    }
}

static void offer_commands(const char *current)
{
    const dg_command *c;
    for (int k = 0; (c = dg_command_at(k)); k++)
        offer(current, "", c->name, "", c->text);
}

/* Each word once. */
static void offer_words(const dg_reference *r, const char *current)
{
    for (int i = 0; i < r->n; i++) {
        int first = 0;
        while (strcmp(r->entry[first].name, r->entry[i].name) != 0)
            first++;
        if (first == i)
            offer(current, "", r->entry[i].name, "", r->entry[i].kind);
    }
}

static void offer_keys(const dg_reference *r, const char *current)
{
    const dg_vocabulary *v = &r->words.vocabulary;
    for (int k = 0; k < v->n_keys; k++)
        offer(current, "", v->keys[k].value.name, "=", v->keys[k].value.text);
}

static void offer_taken(const dg_reference *r, taken what, const char *current)
{
    switch (what) {
    case NOTHING:
        break;
    case FILES:
        printf(":files *\n");
        break;
    case FOLDERS:
        printf(":folders\n");
        break;
    case MODELS:
        printf(":folders\n:files *.dag\n:files *.onnx\n");
        break;
    case OBJECTS:
        printf(":folders\n:files *.so\n");
        break;
    case PARTS:
        offer_list(current, "train validation test");
        break;
    case PASSES:
        offer_list(current, "order needs lower fuse save plan");
        break;
    case KEYS:
        offer_keys(r, current);
        break;
    case WORDS:
        offer_words(r, current);
        break;
    }
}

/* A command line on its way: its options are asked for by name. */
typedef struct {
    const char *current, *option; /* the word that is written; "--out", or NULL: list them */
    taken what;                   /* what that option takes */
} asked;

static void look_at_options(void *user, const dg_command *c, const dg_flag flags[], int n)
{
    asked *a = user;
    (void)c;
    for (int i = 0; i < n; i++)
        if (!a->option)
            offer(a->current, "--", flags[i].name, "", flags[i].text);
        else if (strcmp(a->option + 2, flags[i].name) == 0)
            a->what = taken_by(flags[i].value);
    if (!a->option)
        offer(a->current, "--", "help", "", "options of this command");
}

/* The option whose value the last word is, or NULL. bash parts words at "=": --out = FILE, and
 * --input NAME = FILE. */
static const char *option_before(int n, const char *const words[])
{
    int at = n - 2;
    if (at > 1 && strcmp(words[at], "=") == 0)
        at -= strncmp(words[at - 1], "--", 2) == 0 || at == 2 ? 1 : 2;
    return at > 0 && strncmp(words[at], "--", 2) == 0 ? words[at] : NULL;
}

int dg_complete(const dg_command *c, int n, const char *const words[])
{
    dg_reference r;
    asked a = {.current = n && strcmp(words[n - 1], "=") != 0 ? words[n - 1] : ""};
    if (n < 2) {
        offer_commands(a.current);
        return EXIT_DONE;
    }
    int code = c ? dg_reference_open(&r, c, &(dg_plugins){.n = 0}) : EXIT_DONE;
    if (code >= 0)
        return code;
    a.what = taken_by(c->usage);
    a.option = option_before(n, words);
    if (a.option || a.current[0] == '-')
        dg_flags_look(c, look_at_options, &a);
    if (a.option || a.current[0] != '-')
        offer_taken(&r, a.what, a.current);
    dg_reference_close(&r);
    return EXIT_DONE;
}
