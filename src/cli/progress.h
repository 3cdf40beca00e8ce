/* The text of a progress line, for a terminal of any width. */
#ifndef DG_CLI_PROGRESS_H
#define DG_CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum { DG_PROGRESS_METRICS = 3, DG_PROGRESS_TEXT = 512 };

typedef struct dg_progress_view {
    uint64_t step, steps;             /* done, and of the whole run */
    uint64_t epoch, epochs;           /* the current one from 1, and their number */
    uint64_t epoch_step, epoch_steps; /* the same within the epoch */
    double loss;
    int metrics;
    const char *name[DG_PROGRESS_METRICS];
    double metric[DG_PROGRESS_METRICS];
    double speed, left; /* samples a second; seconds, below 0: not known */
} dg_progress_view;

/* At most `width` characters, fewer words the narrower it is: a bar, the loss, a metric, the speed,
 * the time left. The bar is the epoch's where the epoch stands before it, else the run's. */
void dg_progress_line_text(const dg_progress_view *v, int width, char text[DG_PROGRESS_TEXT]);

/* "1:23", "2:05:10", "3d04h". */
void dg_progress_time(double seconds, char *text, size_t size);
/* "950", "12.3k", "1.2M", with that many significant digits. */
void dg_progress_speed(double x, int digits, char *text, size_t size);

#endif
