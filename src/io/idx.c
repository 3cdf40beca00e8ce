/* IDX: 0, 0, type, rank; rank dimensions of 4 bytes, big-endian; the elements, big-endian. */
#include "io/formats.h"

#include "io/elements.h"
#include <string.h>

static const struct {
    unsigned char code;
    dg_element element;
} types[] = {
    {0x08, {'u', 1, 1}}, {0x09, {'i', 1, 1}}, {0x0B, {'i', 1, 2}},
    {0x0C, {'i', 1, 4}}, {0x0D, {'f', 1, 4}}, {0x0E, {'f', 1, 8}},
};

static dg_status read_shape(dg_reader *r, int rank, dg_shape *shape)
{
    unsigned char bytes[4 * DG_MAX_RANK];
    if (rank < 1 || rank > DG_MAX_RANK)
        return dg_reader_fail(r, 3, "%d dimensions; 1 to %d can be read", rank, DG_MAX_RANK);
    if (dg_reader_get(r, bytes, 4 * (size_t)rank) != DG_OK)
        return dg_reader_status(r);
    *shape = (dg_shape){.rank = rank};
    for (int i = 0; i < 4 * rank; i++)
        shape->dim[i / 4] = shape->dim[i / 4] << 8 | bytes[i];
    return DG_OK;
}

static dg_status read_header(dg_reader *r, dg_element *element, dg_shape *shape)
{
    unsigned char magic[4];
    if (dg_foreign_refuse(r, false) != DG_OK || dg_reader_get(r, magic, 4) != DG_OK)
        return dg_reader_status(r);
    if (magic[0] != 0 || magic[1] != 0)
        return dg_reader_fail(r, 0, "not an IDX file: it begins with %02x %02x, not 00 00",
                              magic[0], magic[1]);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == magic[2]) {
            *element = types[i].element;
            return read_shape(r, magic[3], shape);
        }
    return dg_reader_fail(r, 2, "IDX has no type %02x (08 09 0b 0c 0d 0e)", magic[2]);
}

dg_status dg_idx_read(dg_reader *r, dg_array *out)
{
    memset(out, 0, sizeof *out);
    dg_element element;
    dg_shape shape;
    dg_status status = read_header(r, &element, &shape);
    if (status == DG_OK)
        status = dg_elements_read(r, element, &shape, 4, out);
    if (status == DG_OK)
        status = dg_reader_end(r);
    if (status != DG_OK)
        dg_array_free(out);
    return status;
}
