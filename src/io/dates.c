/* Dates by a format, as days since 1970-01-01 of the Gregorian calendar. */
#include "io/dates.h"

#include "base/text.h"
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

typedef struct {
    int year, month, day, of_year; /* of_year 0: not given */
    int hour, minute, afternoon;   /* afternoon -1: not given */
    double second;
    int offset; /* minutes east of UTC */
} date;

typedef struct {
    const char *p, *end;
} rest;

/* A number of at most `most` digits. */
static bool number(rest *r, int most, int low, int high, int *out)
{
    int n = 0, x = 0;
    for (; n < most && r->p < r->end && isdigit((unsigned char)*r->p); n++)
        x = 10 * x + (*r->p++ - '0');
    *out = x;
    return n > 0 && x >= low && x <= high;
}

/* Seconds, perhaps with a fraction. */
static bool seconds(rest *r, double *out)
{
    int whole;
    double unit = 1;
    if (!number(r, 2, 0, 60, &whole))
        return false;
    *out = whole;
    if (r->p + 1 < r->end && *r->p == '.' && isdigit((unsigned char)r->p[1]))
        for (r->p++; r->p < r->end && isdigit((unsigned char)*r->p); r->p++)
            *out += (unit /= 10) * (*r->p - '0');
    return true;
}

static const char *const names[] = {"January",   "February", "March",    "April",
                                    "May",       "June",     "July",     "August",
                                    "September", "October",  "November", "December"};

/* The whole name of a month, or its first three letters. */
static bool month(rest *r, int *out)
{
    for (int k = 0; k < 12; k++) {
        size_t n = strlen(names[k]), left = (size_t)(r->end - r->p);
        if (left < 3 || strncasecmp(r->p, names[k], 3) != 0)
            continue;
        r->p += left >= n && strncasecmp(r->p, names[k], n) == 0 ? n : 3;
        *out = k + 1;
        return true;
    }
    return false;
}

/* Z, +hh, +hhmm or +hh:mm. */
static bool zone(rest *r, int *out)
{
    int hours, minutes = 0;
    *out = 0;
    if (r->p < r->end && (*r->p == 'Z' || *r->p == 'z')) {
        r->p++;
        return true;
    }
    int sign = r->p == r->end ? 0 : *r->p == '+' ? 1 : *r->p == '-' ? -1 : 0;
    r->p += sign != 0;
    if (!sign || !number(r, 2, 0, 23, &hours))
        return false;
    r->p += r->p < r->end && *r->p == ':';
    if (r->p < r->end && isdigit((unsigned char)*r->p) && !number(r, 2, 0, 59, &minutes))
        return false;
    *out = sign * (60 * hours + minutes);
    return true;
}

static bool half_of_day(rest *r, int *afternoon)
{
    bool there = r->end - r->p >= 2 && (r->p[1] == 'm' || r->p[1] == 'M');
    *afternoon = there && tolower((unsigned char)*r->p) == 'p';
    there = there && strchr("apAP", *r->p);
    r->p += there ? 2 : 0;
    return there;
}

static bool read_format(rest *r, const char *format, date *d);

static bool read_one(rest *r, char letter, date *d)
{
    bool good;
    switch (letter) {
    case 'Y':
        return number(r, 4, 0, 9999, &d->year);
    case 'y':
        good = number(r, 2, 0, 99, &d->year);
        d->year += d->year < 69 ? 2000 : 1900; /* as POSIX says */
        return good;
    case 'm':
        return number(r, 2, 1, 12, &d->month);
    case 'd':
    case 'e':
        return number(r, 2, 1, 31, &d->day);
    case 'b':
    case 'B':
        return month(r, &d->month);
    case 'j':
        return number(r, 3, 1, 366, &d->of_year);
    case 'H':
        return number(r, 2, 0, 24, &d->hour);
    case 'I':
        return number(r, 2, 1, 12, &d->hour);
    case 'p':
        return half_of_day(r, &d->afternoon);
    case 'M':
        return number(r, 2, 0, 59, &d->minute);
    case 'S':
        return seconds(r, &d->second);
    case 'z':
        return zone(r, &d->offset);
    case 'F':
        return read_format(r, "%Y-%m-%d", d);
    case 'T':
        return read_format(r, "%H:%M:%S", d);
    default:
        good = letter == '%' && r->p < r->end && *r->p == '%';
        r->p += good;
        return good;
    }
}

static void skip_blanks(rest *r)
{
    while (r->p < r->end && isspace((unsigned char)*r->p))
        r->p++;
}

static bool read_format(rest *r, const char *format, date *d)
{
    for (; *format; format++) {
        if (isspace((unsigned char)*format)) {
            skip_blanks(r);
        } else if (*format == '%' && format[1]) {
            if (*++format == 'e')
                skip_blanks(r);
            if (!read_one(r, *format, d))
                return false;
        } else if (r->p == r->end || *r->p++ != *format)
            return false;
    }
    return true;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days before the first of January, the year counted from 1970. */
static int64_t days_before(int year)
{
    int64_t y = (int64_t)year - 1;
    return 365 * (y - 1969) + (y / 4 - 492) - (y / 100 - 19) + (y / 400 - 4) -
           (year == 0); /* -1 / n is 0 here */
}

/* Days of a common year before each month. */
static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

bool dg_date_read(const char *text, size_t n, const char *format, double *days)
{
    date d = {.year = 1970, .month = 1, .day = 1, .afternoon = -1};
    rest r = {text, text + n};
    skip_blanks(&r);
    if (!read_format(&r, format, &d))
        return false;
    skip_blanks(&r);
    int leap = is_leap(d.year), length = before[d.month] - before[d.month - 1];
    if (r.p != r.end || d.day > length + (leap && d.month == 2) || d.of_year > 365 + leap)
        return false;
    int day = d.of_year ? d.of_year - 1 : before[d.month - 1] + (leap && d.month > 2) + d.day - 1;
    int hour = d.afternoon < 0 ? d.hour : d.hour % 12 + 12 * d.afternoon;
    double minutes = 60 * hour + d.minute - d.offset;
    *days = (double)(days_before(d.year) + day) + (60 * minutes + d.second) / 86400;
    return true;
}

const char *dg_date_check(const char *format)
{
    for (; *format; format++)
        if (*format == '%' && (!format[1] || !strchr("YymdebBjHIpMSzFT%", *++format)))
            return format;
    return NULL;
}

bool dg_date_guess(const char *text, size_t n, char *format, size_t size)
{
    static const char *const days[] = {"%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y",  "%m/%d/%Y",
                                       "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y",
                                       "%Y-%m",    "%b %Y",    "%d.%m.%y", "%m/%d/%y"};
    static const char *const times[] = {"",      " %H:%M",    " %T",          "T%H:%M",
                                        "T%T",   " %I:%M %p", " %I:%M:%S %p", " %H:%M%z",
                                        " %T%z", "T%H:%M%z",  "T%T%z",        " %T %z"};
    static const double year_1000 = -354285; /* a year of two digits is none of four */
    double x;
    *format = 0;
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
            char one[32];
            dg_format(one, sizeof one, "%s%s", days[i], times[k]);
            if (!dg_date_read(text, n, one, &x) || x < year_1000)
                continue;
            size_t length = strlen(format);
            dg_format(format + length, size - length, "%s\"%s\"", length ? " or " : "", one);
            if (length || strncmp(one, "%m/%d/", 6) != 0)
                return true;
        }
    return *format != 0;
}

/* ---- Written --------------------------------------------------------------------------------- */

/* The date of a whole number of seconds since 1970. */
static bool split(double seconds, date *d)
{
    double day = floor(seconds / 86400);
    if (!(day >= (double)days_before(0) && day < (double)days_before(10000)))
        return false;
    int time = (int)(seconds - 86400 * day);
    int year = 1970 + (int)floor(day / 365.2425);
    year += days_before(year + 1) <= (int64_t)day;
    year -= days_before(year) > (int64_t)day;
    int at = (int)((int64_t)day - days_before(year)), leap = is_leap(year), month = 1;
    while (month < 12 && at >= before[month] + (leap && month >= 2))
        month++;
    *d = (date){.year = year, .month = month, .of_year = at + 1};
    d->day = at - before[month - 1] - (leap && month > 2) + 1;
    d->hour = time / 3600;
    d->minute = time / 60 % 60;
    d->second = time % 60;
    return true;
}

static void write_format(dg_text *t, const char *format, const date *d);

/* The number that a letter of a format shows; -1: it shows none. */
static int number_of(const date *d, char letter)
{
    switch (letter) {
    case 'Y':
        return d->year;
    case 'y':
        return d->year % 100;
    case 'm':
        return d->month;
    case 'd':
    case 'e':
        return d->day;
    case 'j':
        return d->of_year;
    case 'H':
        return d->hour;
    case 'I':
        return (d->hour + 11) % 12 + 1;
    case 'M':
        return d->minute;
    case 'S':
        return (int)d->second;
    default:
        return -1;
    }
}

static void write_one(dg_text *t, char letter, const date *d)
{
    int x = number_of(d, letter), width = letter == 'Y' ? 4 : letter == 'j' ? 3 : 2;
    if (x >= 0)
        dg_text_printf(t, letter == 'e' ? "%*d" : "%0*d", width, x);
    else if (letter == 'b')
        dg_text_printf(t, "%.3s", names[d->month - 1]);
    else if (letter == 'B')
        dg_text_add(t, names[d->month - 1]);
    else if (letter == 'p')
        dg_text_add(t, d->hour < 12 ? "AM" : "PM");
    else if (letter == 'F' || letter == 'T')
        write_format(t, letter == 'F' ? "%Y-%m-%d" : "%H:%M:%S", d);
    else
        dg_text_add(t, letter == 'z' ? "+0000" : "%");
}

static void write_format(dg_text *t, const char *format, const date *d)
{
    for (; *format; format++)
        if (*format == '%' && format[1])
            write_one(t, *++format, d);
        else
            dg_text_printf(t, "%c", *format);
}

/* In seconds. */
static double smallest_unit(const char *format)
{
    double unit = 86400;
    for (; *format; format++) {
        if (*format != '%' || !format[1])
            continue;
        char letter = *++format;
        double here = letter == 'S' || letter == 'T'   ? 1
                      : letter == 'M'                  ? 60
                      : letter == 'H' || letter == 'I' ? 3600
                                                       : 86400;
        unit = here < unit ? here : unit;
    }
    return unit;
}

bool dg_date_write(double days, const char *format, char text[DG_DATE_TEXT])
{
    date d;
    double unit = smallest_unit(format);
    if (!split(unit * floor(86400 / unit * days + 0.5), &d))
        return false;
    dg_text t = dg_text_make(NULL);
    write_format(&t, format, &d);
    bool good = !t.failed && t.length < DG_DATE_TEXT;
    if (good)
        memcpy(text, t.data, t.length + 1);
    dg_text_free(&t);
    return good;
}
