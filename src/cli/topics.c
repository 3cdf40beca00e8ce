/* What no table says: statements of the language, and a few subjects of language and program. */
#include "cli/reference.h"
#include "lang/lex.h"

#define STATEMENT(key, text) [DG_KEY_##key] = text

static const char *const statements[DG_KEYWORDS] = {
    STATEMENT(LET,
              "let NAME = VALUE\n"
              "A name for a number, word, list, text or initialiser. --set NAME=VALUE gives it\n"
              "another value without touching the file."),
    STATEMENT(INPUT,
              "input NAME[N, SIZE, ...] [int]\n"
              "What goes in. N is the batch; another name (T) is a size that the data decide.\n"
              "int: labels or ids, else real values."),
    STATEMENT(TARGET, "target NAME[N, SIZE, ...] [int]\n"
                      "What a loss compares an estimate with. int: labels."),
    STATEMENT(CONSTANT,
              "constant NAME[SIZE, ...] [int] = VALUE\n"
              "Numbers that are never trained: a number, a list [[1, 2], [3, 4]], zeros,\n"
              "ones, fill(v), or a source: npy(\"A.npy\")."),
    STATEMENT(PARAMETER,
              "parameter NAME[SIZE, ...] = INITIALISER\n"
              "Numbers that are trained. Nodes make their own; a declared one can be given\n"
              "to several: linear(x, 8, weight=w). The gradient is the sum over its uses."),
    STATEMENT(STATE, "state NAME[SIZE, ...] = INITIALISER\n"
                     "Numbers that a node carries from step to step, without a gradient, as the\n"
                     "running mean of batchnorm."),
    STATEMENT(REPEAT,
              "repeat COUNT { STATEMENTS }\n"
              "The statements so many times; what they assign is there afterwards. Each round\n"
              "has parameters of its own, repeat.0.NAME and so on."),
    STATEMENT(DEF, "def NAME(x, units=64) { STATEMENTS; return VALUE, ... }\n"
                   "A piece of a network, used as a node is. Each use has parameters of its own.\n"
                   "Names inside are its own; no recursion."),
    STATEMENT(RETURN, "return VALUE, ...\n"
                      "The results of a def: its last statement."),
    STATEMENT(OUTPUT, "output NAME, ...\n"
                      "What predict gives, and what an ONNX file has as its outputs."),
    STATEMENT(LOSS,
              "loss [NAME =] TERM, ...\n"
              "What training makes small: the sum of the terms, 0.5 * mse(x, xhat) among them,\n"
              "each reported by its name or by its node's. dagrad help losses lists the nodes."),
    STATEMENT(METRIC,
              "metric [NAME =] METRIC(TARGET, ESTIMATE), ...\n"
              "What is reported beside the loss, and not trained. dagrad help metrics lists\n"
              "them."),
    STATEMENT(
        DATA,
        "data train | validation | test [(part=[a, b], shuffle=SEED)] { NAME = SOURCE | ... }\n"
        "Where inputs and targets come from, a line each, or a line for several that one\n"
        "source gives: text, next = chars(\"a.txt\", length=64). See sources, transforms."),
    STATEMENT(TRAIN,
              "train { KEY = VALUE; ... }\n"
              "How the model is trained: optimizer, batch, epochs and other keys, which\n"
              "dagrad help keys lists. --set KEY=VALUE overrides one, --set optimizer.rate=0.1\n"
              "an inner one. (dagrad help train is about the command.)"),
    STATEMENT(TRUE, "yes, where an attribute takes true or false"),
    STATEMENT(FALSE, "no, where an attribute takes true or false"),
};

/* Those with which one can begin; then single words. */
static const dg_topic subjects[] = {
    {"grammar", "the grammar of the language",
     "UTF-8; # begins a comment. Newlines end a statement inside { }, not inside ( ) and [ ];\n"
     "a line that begins with | continues the one before.\n"
     "\n"
     "file      = { [statement] END }              END = newline | \";\" | before \"}\" | the end\n"
     "statement = let | declare | assign | repeat | define | output | loss | metric | data | "
     "train\n"
     "let       = \"let\" NAME \"=\" expr\n"
     "declare   = (\"input\" | \"target\" | \"constant\" | \"parameter\" | \"state\")\n"
     "            NAME \"[\" [expr {\",\" expr}] \"]\" [\"int\"] [\"=\" expr]\n"
     "assign    = NAME {\",\" NAME} \"=\" expr\n"
     "repeat    = \"repeat\" expr \"{\" { [statement] END } \"}\"\n"
     "define    = \"def\" NAME \"(\" [NAME [\"=\" expr] {\",\" NAME [\"=\" expr]}] \")\"\n"
     "            \"{\" { [statement] END } \"return\" expr {\",\" expr} [END] \"}\"\n"
     "output    = \"output\" NAME {\",\" NAME}\n"
     "loss      = \"loss\" [NAME \"=\"] expr {\",\" [NAME \"=\"] expr}\n"
     "metric    = \"metric\" [NAME \"=\"] expr {\",\" [NAME \"=\"] expr}\n"
     "data      = \"data\" (\"train\" | \"validation\" | \"test\") [\"(\" args \")\"]\n"
     "            \"{\" { [NAME {\",\" NAME} \"=\" expr | NAME \"|\" pipe] END } \"}\"\n"
     "train     = \"train\" \"{\" { [NAME \"=\" expr] END } \"}\"\n"
     "expr      = sum {\"|\" pipe}                   pipe = NAME [\"(\" args \")\"]\n"
     "sum       = term {(\"+\" | \"-\") term}          term = unary {(\"*\" | \"/\") unary}\n"
     "unary     = \"-\" unary | power               power = primary [\"^\" unary]\n"
     "primary   = NAME [\"(\" args \")\"] | NUMBER | STRING | \"true\" | \"false\"\n"
     "          | \"[\" [expr {\",\" expr}] \"]\" | \"(\" expr \")\"\n"
     "args      = [[NAME \"=\"] expr {\",\" [NAME \"=\"] expr}]"},
    {"pipe", "a way to write a call",
     "a | f(args) is f(a, args), in networks and in data alike. It binds last of all: x + y | "
     "relu\n"
     "is relu(x + y)."},
    {"names", "the names of parameters",
     "scope, statement, node, role, as a checkpoint has them:\n"
     "\n"
     "z.conv.weight                      z = conv(..)\n"
     "z.conv2.weight                     the second conv of that statement\n"
     "z@2.conv.weight                    the second statement that assigns z\n"
     "repeat.0.z.linear.weight           round 0 of a repeat; of a second repeat, repeat2.0\n"
     "y.block.q.linear.weight            inside def block, called by y = block(..); its\n"
     "                                   return is return.\n"
     "\n"
     "name=\"first\" at a node replaces statement and node: first.weight. dagrad show lists them."},
    {"run", "a run directory",
     "What a training leaves behind, runs/MODEL-1 by default:\n"
     "\n"
     "model.dag           the model with all options resolved\n"
     "run.json            options, seed, paths and hashes of the data, machine\n"
     "metrics.jsonl       a line for each logged step\n"
     "last.safetensors    weights, moments and counters of the last checkpoint\n"
     "best.safetensors    the weights with the smallest validation loss, if there is such a part\n"
     "report.html         what the run did, as a page"},
    {"exit", "exit codes",
     "0      done\n"
     "1      internal: out of memory, disk full\n"
     "2      usage or model\n"
     "3      data\n"
     "4      diverged, or not finite\n"
     "5      a required metric or a check was missed\n"
     "128+n  ended by signal n"},
    {"environment", "variables that are read",
     "DAGRAD_DATA  a folder in which data are looked for\n"
     "DAGRAD_ISA   forces an instruction set: x86-64-v4, x86-64-v3, portable\n"
     "NO_COLOR     no colours, if set"},
    {"completion", "completion in a shell",
     "make install puts it in place, for bash, zsh and fish. Without it, in bash:\n"
     "source completions/dagrad.bash. The shells ask dagrad help complete WORD... what can "
     "follow."},
    {"man", "manual pages",
     "man dagrad, and one for each command: man dagrad-train. dagrad help man COMMAND prints it "
     "as\n"
     "man reads it."},
};

static const dg_topic words[] = {
    {"int", "a word",
     "Behind the shape of an input, target or constant: whole numbers (labels, ids)."},
    {"N", "a size",
     "The batch: axis 0 of every input and target. How many rows it has, batch says."},
    {"validation", "a part of the data",
     "data validation { ... }, or split = 0.1 in train: rows that choose which weights are best,\n"
     "and when stop = patience(n) ends the run."},
    {"test", "a part of the data",
     "data test { ... }: rows that are looked at once, at the end, and never choose."},
    {"best", "weights of a run",
     "--weights best: those of the epoch with the smallest loss of the validation part, which are\n"
     "taken by default where there is such a part."},
    {"last", "weights of a run",
     "--weights last: those of the newest checkpoint, taken by default without a validation part."},
    {"order", "a pass of the compiler", "show --after order: which nodes are needed, in order."},
    {"needs", "a pass of the compiler", "show --after needs: which values need an error vector."},
    {"lower", "a pass of the compiler", "show --after lower: nodes as calls, values as memory."},
    {"fuse", "a pass of the compiler", "show --after fuse: which calls run without a barrier."},
    {"save", "a pass of the compiler", "show --after save: how long each value must live."},
    {"plan", "a pass of the compiler", "show --after plan: where each value lies in memory."},
    {"frozen", "a way to read batch norms",
     "convert --batchnorm frozen: batch norms of an ONNX file use their running statistics also "
     "in\n"
     "training; --batchnorm train: they do not."},
    {"source", "a layout", "convert --layout source: axes stay as the ONNX file has them."},
    {"nchw", "a layout", "convert --layout nchw: pictures of an ONNX file with channels first."},
    {"pytorch", "a layout",
     "--layout pytorch: weights are a state dict of PyTorch; --layout dagrad: they are dagrad's."},
};

enum { SUBJECTS = sizeof subjects / sizeof subjects[0], WORDS = sizeof words / sizeof words[0] };

const dg_topic *dg_subject_at(int k)
{
    return k >= 0 && k < SUBJECTS ? &subjects[k] : NULL;
}

const dg_topic *dg_topic_at(int k)
{
    static dg_topic statement[DG_KEYWORDS];
    if (k < SUBJECTS)
        return dg_subject_at(k);
    k -= SUBJECTS;
    if (k < WORDS)
        return &words[k];
    k -= WORDS;
    if (k >= DG_KEYWORDS)
        return NULL;
    statement[k] = (dg_topic){dg_keyword_name((dg_keyword)k),
                              k < DG_KEY_TRUE ? "a statement" : "a word", statements[k]};
    return &statement[k];
}
