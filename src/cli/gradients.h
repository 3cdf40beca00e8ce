/* `show --gradients`: error vectors and states of a run, by node and step, and where the error
 * vectors vanish. */
#ifndef DG_CLI_GRADIENTS_H
#define DG_CLI_GRADIENTS_H

#include <dagrad/status.h>

/* In the terminal; all 0: as many nodes as fit on a screen, evenly chosen. DG_EDATA: the run has no
 * logged steps; DG_EMEMORY. */
dg_status dg_gradients_print(const char *run, int all, dg_diag *why);

/* Every node, as SVG; path "-": standard output. */
dg_status dg_gradients_svg(const char *run, const char *path, dg_diag *why);

#endif
