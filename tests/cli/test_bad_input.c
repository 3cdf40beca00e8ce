/* Bad input to every command: each with its exit code and its whole message, which names the file,
 * line, row, option or node that it is about. Afterwards no file is half-written, and none of the
 * user's is changed. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct file {
    const char *name, *bytes;
    size_t size;
} file;

/* A command line, and what comes of it; % in a message is the folder. */
typedef struct bad {
    const char *arguments;
    int code;
    const char *message;
} bad;

static const file files[] = {
    {"good.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     437},
    {"other.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(16) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     450},
    {"node.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "z = covn(image, 4, kernel=3)\n"
     "logits = flatten(z) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     462},
    {"attribute.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "z = conv(image, 4, kernal=3)\n"
     "logits = flatten(z) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     462},
    {"range.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "z = conv(image, 4, kernel=0)\n"
     "logits = flatten(z) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     462},
    {"shape.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "z = flatten(image)\n"
     "logits = linear(z, 10) + linear(z, 7)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     457},
    {"name.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(imag) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     436},
    {"syntax.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     436},
    {"string.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train { image = npy(\"x.npy }\n",
     202},
    {"utf8.dag", "input x\377[N]\n", 12},
    {"noloss.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     364},
    {"nodata.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     230},
    {"metric.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "metric acuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     467},
    {"key.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimiser = adam; epochs = 1 }\n",
     414},
    {"rate.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=-1); epochs = 1 }\n",
     423},
    {"blocks.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/8);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     436},
    {"many.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "z = covn(image, 4)\n"
     "y = lin(z)\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n",
     467},
    {"freeze.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { freeze = \"body.*\"; epochs = 1 }\n",
     415},
    {"split.dag",
     "input image[N, 8, 8, 1]\n"
     "target label[N] int\n"
     "logits = flatten(image) | linear(10)\n"
     "output logits\n"
     "loss softmax_cross_entropy(label, logits)\n"
     "metric accuracy(label, logits)\n"
     "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\") }\n"
     "train { split = 0.0001; epochs = 1 }\n",
     412},
    {"missing.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"none.csv\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     189},
    {"number.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"number.csv\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     191},
    {"ragged.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"ragged.csv\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     191},
    {"nan.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"nan.csv\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     188},
    {"column.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"named.csv\", columns=[\"a\", \"c\"]); y = csv(\"y.csv\") "
     "}\n"
     "train { batch = 2; epochs = 1 }\n",
     210},
    {"rows.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"x.csv\"); y = csv(\"short.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     190},
    {"label.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"x.csv\"); y = csv(\"label.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     190},
    {"half.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"x.csv\"); y = csv(\"half.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     189},
    {"wide.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = csv(\"wide.csv\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     189},
    {"cut.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = npy(\"cut.npy\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     188},
    {"header.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = npy(\"header.npy\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     191},
    {"infinite.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = npy(\"infinite.npy\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     193},
    {"magic.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = idx(\"magic.idx\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     190},
    {"claim.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = idx(\"claim.idx\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     190},
    {"zip.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = npz(\"zip.npz\", \"a\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     193},
    {"gz.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = idx(\"cut.gz\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     187},
    {"digits.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "data train { x = digits(\"picture\"); y = csv(\"y.csv\") }\n"
     "train { batch = 2; epochs = 1 }\n",
     191},
    {"diverge.dag",
     "input x[N, 2]\n"
     "target y[N, 1]\n"
     "yhat = linear(x, 1)\n"
     "output yhat\n"
     "loss mse(y, yhat)\n"
     "data train { x = csv(\"x.csv\"); y = csv(\"y.csv\") }\n"
     "train { optimizer = sgd(rate=1e6); batch = 3; epochs = 100 }\n",
     190},
    {"flat.dag",
     "input x[N, 2]\n"
     "target y[N] int\n"
     "logits = linear(x, 3)\n"
     "output logits\n"
     "loss softmax_cross_entropy(y, logits)\n"
     "train { batch = 2; epochs = 1 }\n",
     136},
    {"x.csv",
     "1,2\n"
     "3,4\n"
     "5,6\n",
     12},
    {"y.csv",
     "0\n"
     "1\n"
     "2\n",
     6},
    {"short.csv",
     "0\n"
     "1\n",
     4},
    {"number.csv",
     "a,b\n"
     "1,2\n"
     "3,x4\n"
     "5,6\n",
     17},
    {"ragged.csv",
     "1,2\n"
     "3\n"
     "5,6\n",
     10},
    {"nan.csv",
     "1,2\n"
     "3,nan\n"
     "5,6\n",
     14},
    {"named.csv",
     "a,b\n"
     "1,2\n"
     "3,4\n"
     "5,6\n",
     16},
    {"label.csv",
     "0\n"
     "1\n"
     "3\n",
     6},
    {"half.csv",
     "0\n"
     "0.5\n"
     "1\n",
     8},
    {"wide.csv",
     "1,2,3\n"
     "3,4,5\n"
     "5,6,7\n",
     18},
    {"cut.npy",
     "\223NUMPY\001\000v\000{'descr': '<f4', 'fortran_order': False, 'shape': (3,"
     " 2), }                                                          \n"
     "\000\000\200?\000\000\000@\000\000@@\000\000\200@",
     144},
    {"header.npy", "\223NUMPY\001\000\020\000{not a header  \n", 26},
    {"infinite.npy",
     "\223NUMPY\001\000v\000{'descr': '<f4', 'fortran_order': False, 'shape': (3,"
     " 2), }                                                          \n"
     "\000\000\200?\000\000\000@\000\000@@\000\000\200\177\000\000\240@\000\000\300@",
     152},
    {"magic.idx", "\001\002\003\004\000\000\000\001", 8},
    {"claim.idx", "\000\000\010\002\177\377\377\377\177\377\377\377", 12},
    {"zip.npz", "PK\003\004 but no more than that", 26},
    {"cut.gz", "\037\213\010\000\000\000\000\000\000\003cut", 13},
    {"text.txt", "this is no file of weights\n", 27},
    {"damaged.safetensors", "\350\003\000\000\000\000\000\000{\"a\":{}}", 16},
};

static const bad cases[] = {
    {"trian good.dag", 2,
     "dagrad: there is no command 'trian'; did you mean 'train'?; dagrad --help lists "
     "them\n"},
    {"train", 2,
     "dagrad train: a model is missing; usage: dagrad train MODEL [--out RUN] [--resume "
     "RUN] [options]\n"},
    {"train none.dag", 2, "none.dag: error: there is no such file\n"},
    {"train good.dag --epoch 3", 2,
     "dagrad train: there is no option '--epoch'; did you mean '--epochs'?; --help "
     "lists them\n"},
    {"train good.dag --epochs three", 2,
     "dagrad train: --epochs is 'three', it takes a whole number from 0\n"},
    {"train good.dag --epochs", 2, "dagrad train: --epochs needs a value, N\n"},
    {"train good.dag --epochs -1", 2,
     "dagrad train: --epochs is '-1', it takes a whole number from 0\n"},
    {"train good.dag --threads 2147483648", 2,
     "dagrad train: --threads is '2147483648', it takes a whole number from 0 to 1024\n"},
    {"show good.dag --threads 4294967297", 2,
     "dagrad show: --threads is '4294967297', it takes a whole number from 0 to 1024\n"},
    {"train good.dag more.dag", 2,
     "dagrad train: 'more.dag' is one word too many; usage: dagrad train MODEL [--out "
     "RUN] [--resume RUN] [options]\n"},
    {"train good.dag --set epochs=0", 2,
     "--set: error: epochs of train is 0, it takes 1 to 1073741824\n"
     "    epochs=0\n"
     "           ^\n"},
    {"train good.dag --set nothing=1", 2,
     "--set: error: 'nothing' is neither a let of this model nor a key of train\n"
     "    nothing=1\n"
     "    ^~~~~~~\n"},
    {"train good.dag --set epochs", 2,
     "--set: error: expected NAME=VALUE\n"
     "    epochs\n"
     "    ^~~~~~\n"},
    {"train good.dag --set optimizer.rat=1", 2,
     "--set: error: adam has no attribute 'rat'\n"
     "    optimizer.rat=1\n"
     "              ^~~   did you mean 'rate'?\n"
     "    adam takes: rate, beta1, beta2, epsilon, decay\n"},
    {"train good.dag --epochs 1 --steps 1", 2,
     "--set: error: both epochs and steps are given; the run ends after one of them\n"
     "    steps=1\n"
     "          ^\n"},
    {"train good.dag --require accuracy", 2,
     "dagrad train: --require is 'accuracy', it takes METRIC>=NUMBER or METRIC<=NUMBER\n"},
    {"train good.dag --require 'acuracy>=0.5'", 2,
     "dagrad train: --require names 'acuracy'; the model has: loss, accuracy\n"},
    {"train good.dag --out old", 2,
     "dagrad train: 'old' is there already and is no run; --out names another\n"},
    {"train good.dag --out run", 2,
     "dagrad train: 'run' is there already; --resume run goes on with it, --out names "
     "another\n"},
    {"train --resume nowhere", 2,
     "dagrad train: --resume names no run directory; usage: dagrad train MODEL [--out "
     "RUN] [--resume RUN] [options]\n"},
    {"train good.dag --resume run --out other", 2,
     "dagrad train: --resume goes without --out and --weights; usage: dagrad train "
     "MODEL [--out RUN] [--resume RUN] [options]\n"},
    {"train run", 2,
     "dagrad train: this is a run; --resume goes on with it; usage: dagrad train "
     "MODEL [--out RUN] [--resume RUN] [options]\n"},
    {"train --resume run --set epochs=1 --batch 7 --set x=1", 2,
     "--set: error: 'x' is neither a let of this model nor a key of train\n"
     "    x=1\n"
     "    ^\n"},
    {"train other.dag --resume run", 2,
     "dagrad train: the network is not the one of the run in 'run': that has `parameter "
     "logits.linear.weight [64, 10] f32`, this has `parameter logits.linear.weight [64, 16] f32`; "
     "--out begins a run of its own, --weights from these weights\n"},
    {"train good.dag --weights none.safetensors --out w1", 3,
     "dagrad train: none.safetensors: cannot read: No such file or directory\n"},
    {"train good.dag --weights text.txt --out w2", 3,
     "dagrad train: text.txt: a text file; weights are read from safetensors\n"},
    {"train other.dag --weights run/last.safetensors --out w3", 3,
     "dagrad train: run/last.safetensors: the weights are not this model's: 'logits.linea"
     "r.weight' is [64, 10], the model has [64, 16]; 'logits.linear.bias' is [10],"
     " the model has [16]; 'logits.linear2.weight' is missing; 'logits.linear2.bias' "
     "is missing\n"},
    {"train node.dag", 2,
     "node.dag:3:5: error: unknown node 'covn'\n"
     "    z = covn(image, 4, kernel=3)\n"
     "        ^~~~   did you mean 'conv'?\n"},
    {"train attribute.dag", 2,
     "attribute.dag:3:20: error: conv has no attribute 'kernal'\n"
     "    z = conv(image, 4, kernal=3)\n"
     "                       ^~~~~~   did you mean 'kernel'?\n"
     "    conv takes: channels, kernel, stride, padding, dilation, groups, bias, exact, "
     "weight, init, bias_init, name\n"},
    {"train range.dag", 2,
     "range.dag:3:27: error: kernel of conv is 0, it takes 1 to 32768\n"
     "    z = conv(image, 4, kernel=0)\n"
     "                              ^\n"},
    {"train shape.dag", 2,
     "shape.dag:4:24: error: shapes [N, 10] and [N, 7] do not fit: aligned at the "
     "last axis, sizes must be equal or one of them 1\n"
     "    logits = linear(z, 10) + linear(z, 7)\n"
     "                           ^\n"
     "    logits.linear [N, 10], made in line 4\n"
     "    logits.linear2 [N, 7], made in line 4\n"},
    {"train name.dag", 2,
     "name.dag:3:18: error: unknown name 'imag'\n"
     "    logits = flatten(imag) | linear(10)\n"
     "                     ^~~~   did you mean 'image'?\n"},
    {"train syntax.dag", 2,
     "syntax.dag:3:17: error: this '(' is not closed\n"
     "    logits = flatten(image | linear(10)\n"
     "                    ^\n"
     "    expected ',' or ')' before 'output' in line 4\n"},
    {"train string.dag", 2,
     "string.dag:7:12: error: this '{' is not closed\n"
     "    data train { image = npy(\"x.npy }\n"
     "               ^\n"
     "    the '{' of line 7 needs a '}'\n"
     "string.dag:7:26: error: this string has no end\n"
     "    data train { image = npy(\"x.npy }\n"
     "                             ^\n"
     "    a string ends with '\"' in the line where it begins\n"},
    {"train utf8.dag", 2,
     "utf8.dag:1:8: error: a byte that is not UTF-8\n"
     "    input x?[N]\n"
     "           ^\n"
     "    a model is UTF-8 text\n"},
    {"train noloss.dag", 2,
     "noloss.dag:7:1: error: there is a train block, but no loss\n"
     "    train { optimizer = adam(rate=1e-2); batch = 32; epochs = 1 }\n"
     "    ^~~~~\n"
     "    loss mse(target, estimate)\n"},
    {"train nodata.dag", 2, "dagrad train: nodata has inputs, but no `data train` block\n"},
    {"train metric.dag", 2,
     "metric.dag:7:8: error: unknown metric 'acuracy'\n"
     "    metric acuracy(label, logits)\n"
     "           ^~~~~~~   did you mean 'accuracy'?\n"
     "    metrics: accuracy, top, mse, mae, psnr, r2, perplexity, precision, recall, f1, iou\n"},
    {"train key.dag", 2,
     "key.dag:9:9: error: train has no 'optimiser'\n"
     "    train { optimiser = adam; epochs = 1 }\n"
     "            ^~~~~~~~~   did you mean 'optimizer'?\n"
     "    train takes: optimizer, batch, epochs, steps, schedule, clip, seed, precision,"
     " exact, shuffle, last, split, freeze, save_every, stop\n"},
    {"train rate.dag", 2,
     "rate.dag:9:31: error: rate of adam is -1, it takes 1e-30 to 1000000\n"
     "    train { optimizer = adam(rate=-1); epochs = 1 }\n"
     "                                  ^~\n"},
    {"train blocks.dag", 2,
     "blocks.dag:8:39: error: its fixed transforms are 'scale(0.0625, 0)' here and "
     "'scale(0.125, 0)' in training\n"
     "    data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16);"
     " label = digits(\"label\")...\n"
     "                                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"},
    {"train many.dag", 2,
     "many.dag:3:5: error: unknown node 'covn'\n"
     "    z = covn(image, 4)\n"
     "        ^~~~   did you mean 'conv'?\n"
     "many.dag:4:5: error: unknown node 'lin'\n"
     "    y = lin(z)\n"
     "        ^~~   did you mean 'sin'?\n"},
    {"train freeze.dag", 2,
     "freeze.dag:9:18: error: freeze names no parameter\n"
     "    train { freeze = \"body.*\"; epochs = 1 }\n"
     "                     ^~~~~~~~\n"
     "    `dagrad show` lists the names of parameters\n"},
    {"train split.dag", 2,
     "split.dag:9:17: error: split=0.0001 leaves no rows of 1438 for one of both "
     "parts\n"
     "    train { split = 0.0001; epochs = 1 }\n"
     "                    ^~~~~~\n"},
    {"train missing.dag", 3,
     "none.csv: error: no such file in any of: ., /usr/share/datasets\n"
     "    named in missing.dag:6\n"},
    {"train number.dag", 3,
     "%/number.csv:3: error: field 2 ('b') is 'x4', which is not a number, as most of its column "
     "are; for a gap: missing=[\"\", \"NA\", \"x4\"]\n"
     "    named in number.dag:6\n"},
    {"train ragged.dag", 3,
     "%/ragged.csv:2: error: only 1 field in this line; the first line has 2\n"
     "    named in ragged.dag:6\n"},
    {"train nan.dag", 3,
     "%/nan.csv:2: error: field 2 is nan, which is not a finite number; for a gap: "
     "missing=[\"\", \"NA\", \"nan\"]\n"
     "    named in nan.dag:6\n"},
    {"train column.dag", 3,
     "%/named.csv:1: error: no column 'c'; there is: a, b\n"
     "    named in column.dag:6\n"},
    {"train rows.dag", 3,
     "rows.dag:6:6: error: 'y' has 2 rows, 'x' has 3\n"
     "    data train { x = csv(\"x.csv\"); y = csv(\"short.csv\") }\n"
     "         ^~~~~\n"},
    {"train label.dag --out d1", 3,
     "run d1\n"
     "dagrad train: loss.softmax_cross_entropy: row 2 of 'y' is 3, labels are 0 to "
     "2\n"},
    {"train half.dag --out d2", 3,
     "run d2\n"
     "dagrad train: y: row 1: 0.5 is not a whole number of 32 bits\n"},
    {"train wide.dag", 3,
     "wide.dag:6:14: error: the data are [N, 3], the model says [N, 2]\n"
     "    data train { x = csv(\"wide.csv\"); y = csv(\"y.csv\") }\n"
     "                 ^~~~~~~~~~~~~~~~~~~\n"},
    {"train cut.dag", 3,
     "%/cut.npy: error: byte 10: [3, 2] needs 24 bytes, but at most 16 follow\n"
     "    named in cut.dag:6\n"},
    {"train header.dag", 3,
     "%/header.npy: error: byte 11: NPY header: a text in quotes is expected\n"
     "    named in header.dag:6\n"},
    {"train infinite.dag", 3,
     "%/infinite.npy: error: row 1, element 1 of an array [3, 2] is inf\n"
     "    named in infinite.dag:6\n"},
    {"train magic.dag", 3,
     "%/magic.idx: error: byte 0: not an IDX file: it begins with 01 02, not 00 00\n"
     "    named in magic.dag:6\n"},
    {"train claim.dag", 3,
     "%/claim.idx: error: byte 4: [2147483647, 2147483647] needs 4611686014132420609 "
     "bytes, but at most 0 follow\n"
     "    named in claim.dag:6\n"},
    {"train zip.dag", 3,
     "%/zip.npz: error: byte 26: not a zip file, or cut off: it has no end record\n"
     "    named in zip.dag:6\n"},
    {"train gz.dag", 3,
     "%/cut.gz: error: byte 2: the gz stream is cut off (its 13 bytes end there)\n"
     "    named in gz.dag:6\n"},
    {"train digits.dag", 2,
     "digits.dag:6:25: error: which of digits is 'picture', it takes image, label\n"
     "    data train { x = digits(\"picture\"); y = csv(\"y.csv\") }\n"
     "                            ^~~~~~~~~\n"},
    {"train diverge.dag --quiet --out far", 4,
     "dagrad train: saved at step 3 in far; --resume far goes on\n"
     "dagrad train: the loss is not finite at step 3 (rate 1e+06); the weights are those of the "
     "step before; the first is in the result of 'loss.mse' (mse), row 0 of the batch, element 0: "
     "inf; that is row 0 of %/x.csv\n"},
    {"train good.dag --quiet --out missed --require 'accuracy>=1.5'", 5,
     "dagrad train: required accuracy>=1.5, but accuracy is 0.9053 (test part)\n"},
    {"eval", 2, "dagrad eval: a run is missing; usage: dagrad eval RUN... [options]\n"},
    {"eval good.dag", 2, "dagrad eval: 'good.dag' is no run directory: `dagrad train` makes one\n"},
    {"eval nowhere", 2, "dagrad eval: there is no run 'nowhere': No such file or directory\n"},
    {"eval old", 2, "dagrad eval: 'old' is no run directory: it has no run.json\n"},
    {"eval run --part tests", 2,
     "dagrad eval: --part is 'tests', it takes train, validation or test; usage: "
     "dagrad eval RUN... [options]\n"},
    {"eval run --part validation", 2,
     "dagrad eval: the model has no validation part; it has: train, test\n"},
    {"eval run --weights none.safetensors", 3,
     "dagrad eval: none.safetensors: cannot read: No such file or directory\n"},
    {"eval run --weights text.txt", 3,
     "dagrad eval: text.txt: a text file; weights are read from safetensors\n"},
    {"eval run --weights damaged.safetensors", 3,
     "dagrad eval: damaged.safetensors: byte 0: a header of 1000 bytes, but only "
     "8 follow\n"},
    {"eval run --worst many", 2,
     "dagrad eval: --worst is 'many', it takes a whole number from 0\n"},
    {"predict", 2, "dagrad predict: a run is missing; usage: dagrad predict RUN [options]\n"},
    {"predict good.dag", 2,
     "dagrad predict: 'good.dag' is no run directory: `dagrad train` makes one\n"},
    {"predict run --input image", 2, "dagrad predict: --input is 'image', it takes NAME=FILE\n"},
    {"predict run --input imag=x.csv", 2,
     "dagrad predict: there is no input 'imag', did you mean 'image'?; the model has: "
     "image, label\n"},
    {"predict run --input image=none.npy", 3,
     "dagrad predict: none.npy: cannot read: No such file or directory\n"},
    {"predict run --input image=x.csv", 3,
     "dagrad predict: image: the data are [N, 2], the model says [N, 8, 8, 1]\n"},
    {"predict run --input label=y.csv", 2, "dagrad predict: the input 'image' is not given\n"},
    {"predict run --input image=cut.npy", 3,
     "dagrad predict: cut.npy: byte 10: [3, 2] needs 24 bytes, but at most 16 follow\n"},
    {"predict run --input image=number.csv", 3,
     "dagrad predict: number.csv:3:3: field 2 ('b') is 'x4', which is not a number, as most of its "
     "column "
     "are; for a gap: missing=[\"\", \"NA\", \"x4\"]\n"},
    {"predict run --output logit", 2,
     "dagrad predict: there is no output 'logit', did you mean 'logits'?; the model "
     "has: logits\n"},
    {"predict run --out x.txt", 2,
     "dagrad predict: --out is 'x.txt', its name must end with .npy, .npz or .csv;"
     " usage: dagrad predict RUN [options]\n"},
    {"predict run --out none/x.npy", 1,
     "dagrad predict: none/x.npy: cannot write: No such file or directory\n"},
    {"predict run --top 11", 2, "dagrad predict: --top is 11, 'logits' has 10 classes\n"},
    {"predict run --top 2 --out x.npy", 2,
     "dagrad predict: NPY holds one array, --top gives two; write NPZ or CSV\n"},
    {"show", 2,
     "dagrad show: a model or a run is missing; usage: dagrad show MODEL|RUN [options]\n"},
    {"show none.dag", 2, "none.dag: error: there is no such file\n"},
    {"show good.dag --after optimise", 2,
     "dagrad show: there is no pass 'optimise'; the passes are order, needs, lower,"
     " fuse, save, plan\n"},
    {"show good.dag --batch 0", 2,
     "dagrad show: --batch is 0, it takes 1 or more; usage: dagrad show MODEL|RUN "
     "[options]\n"},
    {"show good.dag --dot none/x.dot", 1,
     "dagrad show: none/x.dot: cannot write: No such file or directory\n"},
    {"bench", 2, "dagrad bench: a model is missing; usage: dagrad bench MODEL [options]\n"},
    {"bench good.dag --seconds soon", 2,
     "dagrad bench: --seconds is 'soon', it takes a number above 0, at most 3600;"
     " usage: dagrad bench MODEL [options]\n"},
    {"bench good.dag --batch 0", 2,
     "dagrad bench: --batch is 0, it takes 1 or more; usage: dagrad bench MODEL [options]"
     "\n"},
    {"nodes covn", 2,
     "dagrad nodes: there is no 'covn'; did you mean 'conv'?; dagrad nodes lists "
     "what there is\n"},
    {"nodes conv relu", 2,
     "dagrad nodes: 'relu' is one word too many; usage: dagrad nodes [NAME] [--node "
     "FILE.so]\n"},
    {"convert", 2, "dagrad convert: IN and OUT are missing; usage: dagrad convert IN OUT\n"},
    {"convert x.csv", 2, "dagrad convert: OUT is missing; usage: dagrad convert IN OUT\n"},
    {"convert x.csv x.png", 2,
     "dagrad convert: OUT is 'x.png', its name must end with .npy, .npz, .csv or "
     ".safetensors; usage: dagrad convert IN OUT\n"},
    {"convert none.csv x.npy", 3,
     "dagrad convert: none.csv: cannot read: No such file or directory\n"},
    {"convert damaged.safetensors x.npz", 3,
     "dagrad convert: damaged.safetensors: byte 0: a header of 1000 bytes, but only "
     "8 follow\n"},
    {"convert run/last.safetensors x.csv", 2,
     "dagrad convert: run/last.safetensors has 6 arrays, csv holds one; npz and safetenso"
     "rs hold all\n"},
    {"convert x.csv none/x.npy", 1,
     "dagrad convert: none/x.npy: cannot write: No such file or directory\n"},
    {"convert number.csv x.npy", 3,
     "dagrad convert: number.csv:3:3: field 2 ('b') is 'x4', which is not a number, as most of its "
     "column "
     "are; for a gap: missing=[\"\", \"NA\", \"x4\"]\n"},
    {"eval run --weights other/last.safetensors", 3,
     "dagrad eval: other/last.safetensors: the weights are not this model's: 'logits.line"
     "ar.weight' is [64, 16], the model has [64, 10]; 'logits.linear.bias' is [16],"
     " the model has [10]; the model has no 'logits.linear2.bias'; the model has "
     "no 'logits.linear2.weight'\n"},
    {"predict run --input image=x.csv --input image=x.csv", 2,
     "dagrad predict: 'image' is given twice\n"},
    {"predict run --input image=y.csv --input label=short.csv", 3,
     "dagrad predict: label: 'label' has 2 rows, 'image' has 3\n"},
    {"bench flat.dag --seconds 0.01 --set seed=-1", 2,
     "--set: error: seed of train is -1, it takes 0 to 9007199254740991\n"
     "    seed=-1\n"
     "         ^~\n"},
    {"grad nowhere", 2, "nowhere: error: there is no such file\n"},
    {"check none.dag", 2, "none.dag: error: there is no such file\n"},
};

enum { CASES = sizeof cases / sizeof cases[0], FILES = sizeof files / sizeof files[0] };

static const char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = cli_enter();
    if (!folder)
        return 1;
    for (int i = 0; i < FILES; i++)
        cli_write(files[i].name, files[i].bytes, files[i].size);
    return system("mkdir old && : >old/mine") ||
           cli_run("train good.dag --out run --quiet --threads 1") ||
           cli_run("train other.dag --out other --quiet --threads 1");
}

/* The message with % as the folder. */
static void expand(const char *message, dg_text *out)
{
    for (const char *p = message; *p; p++)
        if (*p == '%')
            dg_text_add(out, folder);
        else
            dg_text_add_bytes(out, p, 1);
}

static int differs(const bad *b)
{
    int code = cli_run(b->arguments), wrong;
    char *got = cli_read("err", NULL);
    dg_text want = dg_text_make(NULL);
    expand(b->message, &want);
    wrong = code != b->code || strcmp(got, want.data) != 0;
    if (wrong)
        print_error("dagrad %s\nexit %d, expected %d\n%s-- expected\n%s", b->arguments, code,
                    b->code, got, want.data);
    dg_text_free(&want);
    free(got);
    return wrong;
}

static void each_has_its_message(void **state)
{
    (void)state;
    int wrong = 0;
    assert_true(CASES >= 40);
    for (int i = 0; i < CASES; i++)
        wrong += differs(&cases[i]);
    print_message("%d bad inputs\n", (int)CASES);
    assert_int_equal(wrong, 0);
}

/* Runs after it: what was there is as it was, what was refused was not begun. */
static void nothing_is_lost_or_half_written(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        size_t size = 0;
        char *bytes = cli_read(files[i].name, &size);
        assert_non_null(bytes);
        assert_int_equal(size, files[i].size);
        assert_memory_equal(bytes, files[i].bytes, size);
        free(bytes);
    }
    assert_int_equal(access("x.npy", F_OK), -1);
    assert_int_equal(access("x.npz", F_OK), -1);
    assert_int_equal(system("test -z \"$(find . -name '*.tmp')\""), 0);
    assert_int_equal(system("test \"$(ls old)\" = mine"), 0);
    assert_int_equal(cli_run("eval run --threads 1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_message),
        cmocka_unit_test(nothing_is_lost_or_half_written),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
