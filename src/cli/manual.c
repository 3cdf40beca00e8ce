/* The manual page of a command, from what its --help is made of. */
#include "cli/generated.h"
#include <ctype.h>
#include <dagrad/dagrad.h>
#include <string.h>

/* Text as man takes it: a dash is one, a backslash is one, no line begins with a request. An empty
 * line parts paragraphs. */
static void print_text(const char *s)
{
    int begins = 1;
    for (; *s; s++) {
        if (begins && *s == '\n')
            printf(".PP");
        else if (begins && (*s == '.' || *s == '\''))
            printf("\\&");
        begins = *s == '\n';
        if (*s == '-')
            printf("\\-");
        else if (*s == '\\')
            printf("\\e");
        else
            putchar(*s);
    }
}

static void print_options(void *user, const dg_command *c, const dg_flag flags[], int n)
{
    (void)user;
    (void)c;
    for (int i = 0; i < n; i++) {
        printf(".TP\n\\fB\\-\\-");
        print_text(flags[i].name);
        printf("\\fR");
        if (flags[i].value) {
            printf(" \\fI");
            print_text(flags[i].value);
            printf("\\fR");
        }
        printf("\n");
        print_text(flags[i].text);
        printf("\n");
    }
    printf(".TP\n\\fB\\-\\-help\\fR\nwhat stands here, in short\n");
}

void dg_manual_print(const dg_command *c)
{
    printf(".TH DAGRAD\\-");
    for (const char *s = c->name; *s; s++)
        putchar(toupper((unsigned char)*s));
    printf(" 1 \"\" \"dagrad %s\" \"User Commands\"\n.SH NAME\ndagrad\\-%s \\- ", dg_version(),
           c->name);
    print_text(c->text);
    printf("\n.SH SYNOPSIS\n\\fBdagrad %s\\fR ", c->name);
    print_text(c->usage);
    printf("\n.SH DESCRIPTION\n");
    print_text(c->about);
    printf("\n.SH OPTIONS\n");
    dg_flags_look(c, print_options, NULL);
    printf(".SH SEE ALSO\n\\fBdagrad\\fR(1): options of several commands, files of a run, "
           "environment, exit status\n");
}
