/* Recurrent nodes by name; see gates.h. */
#include "onnx/gates.h"

#include <stddef.h>
#include <string.h>

static const dg_cell cells[] = {{"RNN", "rnn", "Tanh,", 1, {0}},
                                {"GRU", "gru", "Sigmoid,Tanh,", 3, {1, 0, 2}},
                                {"LSTM", "lstm", "Sigmoid,Tanh,Tanh,", 4, {0, 2, 3, 1}}};

const dg_cell *dg_cell_find(const char *name)
{
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(cells[i].op, name) == 0 || strcmp(cells[i].node, name) == 0)
            return &cells[i];
    return NULL;
}
