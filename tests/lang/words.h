/* Words of data, metrics and training, as far as the tests of the language need them. */
#ifndef DG_TESTS_LANG_WORDS_H
#define DG_TESTS_LANG_WORDS_H

#include "lang/dag.h"

extern const dg_vocabulary dg_test_words;

#endif
