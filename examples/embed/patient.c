/* One patient, predicted from a run that the program trained: see README.md.
 *
 *     cc patient.c $(pkg-config --cflags --libs dagrad-io) -o patient && ./patient run */
#include <dagrad/model.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    dg_diag why = {.code = DG_OK};
    dg_model *m = dg_model_open(argc > 1 ? argv[1] : "run", NULL);
    /* age, bmi, blood pressure and six of the blood, as in the table; sex is a word there */
    float measured[9] = {59, 32.1f, 101, 157, 93.2f, 38, 4, 4.8598f, 87};
    const char *sex[1] = {"2"};
    dg_rows in[2] = {{.name = "measured"}, {.name = "sex", .texts = sex, .n_texts = 1}};
    in[0].numbers = (dg_tensor){DG_F32, {2, {1, 9}}, measured, sizeof measured};
    dg_tensor estimate;
    dg_status s = dg_model_status(m, &why);
    if (s == DG_OK)
        s = dg_model_predict(m, 2, in, "estimate", &estimate, &why);
    if (s == DG_OK)
        printf("%.9g\n", (double)*(float *)estimate.data); /* in the units of the table */
    else
        fprintf(stderr, "%s %s\n", why.file, why.text);
    dg_model_free(m);
    return s != DG_OK;
}
