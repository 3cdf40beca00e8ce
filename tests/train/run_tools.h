/* What tests of run directories share. */
#ifndef DG_TESTS_RUN_TOOLS_H
#define DG_TESTS_RUN_TOOLS_H

/* cli_enter, then, where there is one, a folder in memory: there a flush costs nothing. NULL: it
 * failed. run_leave removes both. */
const char *run_enter(void);
void run_leave(void);

/* Fails unless each line of the file (a metrics.jsonl) is whole and JSON, and no step is logged
 * twice. of: what messages begin with. */
void run_check_metrics(const char *file, const char *of);

#endif
