/* outliers-data.c: splits a table into training and test rows, and spoils some training targets.
 *
 *     outliers-data diabetes.csv SEED [clean]
 *
 * writes train.csv, test.csv and spoiled.txt in the current folder.
 *
 * The rows are shuffled by the seed; the first four fifths are train.csv, the others test.csv,
 * which stays clean. Of train.csv, one target in twenty (the last column) is written ten times as
 * large: a decimal point that slipped. spoiled.txt has their rows, from 0, one a line. clean: the
 * same split, none spoiled. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 10000, WIDE = 512 };

static char line[MOST + 1][WIDE]; /* the header, then the rows */
static uint64_t state;

/* 0 .. n-1: the upper bits of a linear congruential generator (Knuth's MMIX). */
static int draw(int n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)n);
}

static void shuffle(int *order, int n)
{
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        int k = draw(i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static int read_table(const char *path)
{
    int n = 0;
    FILE *f = open_file(path, "r");
    while (n <= MOST && fgets(line[n], WIDE, f)) {
        line[n][strcspn(line[n], "\r\n")] = 0;
        n += line[n][0] != 0;
    }
    fclose(f);
    return n - 1;
}

static void write_row(FILE *f, const char *row, int spoiled)
{
    const char *target = strrchr(row, ',');
    if (spoiled && target)
        fprintf(f, "%.*s,%g\n", (int)(target - row), row, 10 * strtod(target + 1, NULL));
    else
        fprintf(f, "%s\n", row);
}

int main(int argc, char **argv)
{
    static int order[MOST], bad[MOST], chosen[MOST];
    int clean = argc == 4 && strcmp(argv[3], "clean") == 0;
    if (argc != 3 && !clean) {
        fprintf(stderr, "usage: outliers-data TABLE.csv SEED [clean]\n");
        return 2;
    }
    int n = read_table(argv[1]), train = n * 4 / 5, spoiled = clean ? 0 : (train + 10) / 20;
    if (train < 1) {
        fprintf(stderr, "%s: no rows\n", argv[1]);
        return 1;
    }
    state = strtoull(argv[2], NULL, 10);
    shuffle(order, n);
    shuffle(chosen, train);
    for (int i = 0; i < spoiled; i++)
        bad[chosen[i]] = 1;
    FILE *a = open_file("train.csv", "w"), *b = open_file("test.csv", "w");
    FILE *list = open_file("spoiled.txt", "w");
    fprintf(a, "%s\n", line[0]);
    fprintf(b, "%s\n", line[0]);
    for (int i = 0; i < n; i++) {
        write_row(i < train ? a : b, line[1 + order[i]], i < train && bad[i]);
        if (i < train && bad[i])
            fprintf(list, "%d\n", i);
    }
    if (fclose(a) != 0 || fclose(b) != 0 || fclose(list) != 0) {
        perror("outliers-data");
        return 1;
    }
    printf("train.csv: %d rows, %d spoiled (spoiled.txt); test.csv: %d rows\n", train, spoiled,
           n - train);
    return 0;
}
