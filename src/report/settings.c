/* The end of a page of one run: its options, its data, its model as text. */
#include "io/file.h"
#include "io/reader.h"
#include "report/sections.h"
#include "train/rundir.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 60000, MOST_FILES = 20 };

static void add_fact(dg_text *t, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    dg_text_add(t, "<tr><th>");
    dg_html(t, name);
    dg_text_add(t, "</th><td class=\"w\">");
    dg_html(t, value);
    dg_text_add(t, "</td></tr>\n");
}

static void add_number(dg_text *t, const dg_view *v, const char *name)
{
    char text[DG_NUMBER_TEXT];
    dg_format(text, sizeof text, "%.15g", dg_view_number(v, "run", name));
    add_fact(t, name, text);
}

/* "clip=0" says its name itself. */
static void add_options(dg_text *t, const dg_view *v)
{
    const char *name;
    json_t *value, *train = json_object_get(json_object_get(v->run, "run"), "train");
    json_object_foreach(train, name, value)
    {
        const char *text = json_string_value(value);
        size_t n = strlen(name);
        int repeats = text && strncmp(text, name, n) == 0 && text[n] == '=';
        add_fact(t, name, repeats ? text + n + 1 : text);
    }
}

static void add_files(dg_text *t, const dg_view *v)
{
    const json_t *files = json_object_get(json_object_get(v->run, "run"), "data");
    for (size_t i = 0; i < json_array_size(files) && i < MOST_FILES; i++) {
        const json_t *file = json_array_get(files, i);
        const char *path = json_string_value(json_object_get(file, "path"));
        const char *hash = json_string_value(json_object_get(file, "sha256"));
        dg_text line = dg_text_make(NULL);
        dg_text_printf(&line, "%s (%lld bytes, sha256 %.16s)", path ? path : "",
                       (long long)json_integer_value(json_object_get(file, "bytes")),
                       hash ? hash : "");
        add_fact(t, i ? "" : "data", line.data);
        dg_text_free(&line);
    }
}

static void add_model(dg_text *t, const dg_view *v)
{
    char path[PATH_MAX], *text = NULL;
    size_t n = 0;
    dg_diag why = {.code = DG_OK};
    dg_reader *r;
    dg_run_file(v->path, "model.dag", path, sizeof path);
    if (dg_reader_open(&r, path, DG_READ_RAW, &why) != DG_OK)
        return;
    if (dg_reader_rest(r, &text, &n) == DG_OK) {
        dg_text_add(t, "<h3>The model</h3>\n<pre>");
        dg_html_bytes(t, text, n < MOST_TEXT ? n : MOST_TEXT);
        dg_text_add(t, n > MOST_TEXT ? "...</pre>\n" : "</pre>\n");
    }
    free(text);
    dg_reader_close(r);
}

void dg_section_settings(dg_text *t, const dg_view *v)
{
    char machine[128];
    dg_format(machine, sizeof machine, "%s, %.0f threads",
              dg_view_text(v, "machine", "instructions"), dg_view_number(v, "machine", "threads"));
    dg_section_begin(t, "settings", "How it was trained");
    dg_text_add(t, "<div class=\"scroll\"><table class=\"facts\">\n");
    add_options(t, v);
    add_number(t, v, "batch");
    add_number(t, v, "steps");
    add_number(t, v, "seed");
    add_fact(t, "precision", dg_view_text(v, "run", "precision"));
    add_files(t, v);
    add_fact(t, "machine", machine);
    add_fact(t, "dagrad", dg_view_text(v, "dagrad", NULL));
    dg_text_add(t, "</table></div>\n");
    add_model(t, v);
    dg_section_end(t);
}
