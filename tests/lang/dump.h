/* A model as text: everything that was read out of its file, for comparison. */
#ifndef DG_TESTS_LANG_DUMP_H
#define DG_TESTS_LANG_DUMP_H

#include "lang/dag.h"

void dg_test_dump(const dg_dag *m, const dg_vocabulary *v, dg_text *out);

#endif
