/* Curves as inline SVG, with axes, ticks and a key. */
#ifndef DG_REPORT_CHART_H
#define DG_REPORT_CHART_H

#include "base/text.h"

typedef enum { DG_LINE_PLAIN, DG_LINE_THIN, DG_LINE_DASHED, DG_LINE_POINTS } dg_line_look;

/* Points that are not finite, and on a logarithmic axis those not above 0, are gaps. */
typedef struct dg_line {
    const char *name;
    dg_line_look look;
    int colour; /* 0 to 7, taken round */
    int n;
    const double (*at)[2];
} dg_line;

typedef struct dg_chart {
    const char *title, *x, *y; /* the axes; NULL: not named */
    int n;
    const dg_line *line;
    int logarithmic; /* the axis of y */
    int diagonal;    /* the line x = y, both axes alike */
    int whole;       /* ticks of x are whole numbers */
    int bare;        /* lines without dots */
} dg_chart;

void dg_chart_draw(dg_text *t, const dg_chart *c);

/* 1: positive throughout, over more than a factor of 30. */
int dg_chart_wants_logarithm(int n, const dg_line *line);

/* A bar for each of n counts; low, high: the ends of the first and the last. */
void dg_histogram_draw(dg_text *t, const char *title, const char *x, int n, const double *count,
                       double low, double high);

#endif
