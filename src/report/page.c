/* A page of HTML; see page.h. */
#include "report/page.h"
#include "io/utf8.h"
#include <math.h>
#include <string.h>

void dg_page_begin(dg_text *t, const char *title, int refresh)
{
    dg_text_add(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n"
                   "<link rel=\"icon\" href=\"data:,\">\n");
    if (refresh > 0)
        dg_text_printf(t, "<meta http-equiv=\"refresh\" content=\"%d\">\n", refresh);
    dg_text_add(t, "<title>");
    dg_html(t, title);
    dg_text_add(t, "</title>\n<style>\n");
    dg_text_add(t, dg_page_style);
    dg_text_add(t, "</style>\n</head>\n<body>\n<main>\n");
}

void dg_page_end(dg_text *t)
{
    dg_text_add(t, "</main>\n</body>\n</html>\n");
}

void dg_section_begin(dg_text *t, const char *id, const char *heading)
{
    dg_text_printf(t, "<section id=\"%s\">\n<h2>", id);
    dg_html(t, heading);
    dg_text_add(t, "</h2>\n");
}

void dg_section_end(dg_text *t)
{
    dg_text_add(t, "</section>\n");
}

static const char *escaped(uint32_t code)
{
    switch (code) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    default:
        return (code < ' ' && code != '\n' && code != '\t') || code == 127 ? "\xef\xbf\xbd" : NULL;
    }
}

void dg_html_bytes(dg_text *t, const char *s, size_t n)
{
    for (size_t at = 0, length; at < n; at += length) {
        uint32_t code = 0;
        length = dg_utf8_read(s + at, n - at, &code);
        const char *name = length ? escaped(code) : "\xef\xbf\xbd";
        length = length ? length : 1;
        if (name)
            dg_text_add(t, name);
        else
            dg_text_add_bytes(t, s + at, length);
    }
}

void dg_html(dg_text *t, const char *s)
{
    dg_html_bytes(t, s, strlen(s));
}

void dg_html_number(dg_text *t, double x)
{
    if (isfinite(x))
        dg_text_printf(t, "%.4g", x);
    else
        dg_text_add(t, isnan(x) ? "\xe2\x80\x93" : x > 0 ? "\xe2\x88\x9e" : "-\xe2\x88\x9e");
}

void dg_html_count(dg_text *t, int64_t n)
{
    char digits[DG_NUMBER_TEXT];
    int length = dg_format(digits, sizeof digits, "%lld", (long long)n);
    for (int i = 0; i < length; i++)
        dg_text_printf(t, "%s%c", i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-' ? "," : "",
                       digits[i]);
}
