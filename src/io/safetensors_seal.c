/* The checksum of a safetensors file; see safetensors_seal.h. */
#include "io/safetensors_seal.h"

const char dg_seal_begin[] = "{\"__metadata__\":{\"dagrad.sha256\":\"";
const char dg_seal_key[] = "dagrad.sha256";
const char dg_metadata_key[] = "__metadata__";
_Static_assert(sizeof dg_seal_begin == DG_SEAL_AT + 1, "the digits come next");

void dg_seal_digest(const char *text, size_t length, const dg_tensors *t, const int *order,
                    char hex[DG_SHA256_TEXT])
{
    static const char zeros[DG_SEAL_HEX + 1] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    unsigned char bytes[8], hash[DG_SHA256_BYTES];
    dg_sha256 s;
    dg_sha256_start(&s);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    dg_sha256_add(&s, bytes, 8);
    dg_sha256_add(&s, text, DG_SEAL_AT);
    dg_sha256_add(&s, zeros, DG_SEAL_HEX);
    dg_sha256_add(&s, text + DG_SEAL_AT + DG_SEAL_HEX, length - DG_SEAL_AT - DG_SEAL_HEX);
    for (int i = 0; i < t->n; i++) {
        const dg_tensor *x = &t->tensor[order ? order[i] : i].tensor;
        dg_sha256_add(&s, x->data, x->bytes);
    }
    dg_sha256_end(&s, hash);
    dg_sha256_text(hash, hex);
}
