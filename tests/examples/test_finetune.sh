#!/usr/bin/env bash
# examples/finetune, shortened: a net of others learns, what is frozen stays, it is written back,
# and is the run's net when it is read again.
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: needs the program" && exit 77; }
pictures=$DAGRAD_BUILD/examples/pictures
[ -x "$pictures" ] || { echo "SKIP: needs the examples" && exit 77; }
net=$PWD/tests/onnx/data/ocr-direction.onnx task=$PWD/examples/finetune/task.dag
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
fail() { echo "$1" && cat out && exit 1; }

"$pictures" 1 64 train && "$pictures" 2 16 test || exit 1
"$DAGRAD_PROGRAM" convert "$net" net.dag >out 2>&1 || fail "convert"
grep -q '^trained: 125 tensors, 128346 numbers; states: 70' out || fail "what is trained"
"$DAGRAD_PROGRAM" convert "$net" net.dag >out 2>&1 && fail "a file was replaced unasked"
cat "$task" >>net.dag
"$DAGRAD_PROGRAM" train net.dag --epochs 1 --quiet --out run >out 2>&1 || fail "train"
"$DAGRAD_PROGRAM" convert --weights run "$net" tuned.onnx >out 2>&1 || fail "back"
grep -q '^tuned.onnx: 38 tensors of' out || fail "what is frozen has changed"
"$DAGRAD_PROGRAM" predict run --out run.csv >out 2>&1 || fail "predict of the run"
"$DAGRAD_PROGRAM" predict tuned.onnx --input x=test-image.npy --out raw.csv >out 2>&1 ||
    fail "predict of the file"
[ "$(wc -l <run.csv)" = "$(wc -l <raw.csv)" ] || fail "rows"

# Read again it is the run's net: the same numbers, so that writing them back changes nothing.
"$DAGRAD_PROGRAM" convert --weights run tuned.onnx again.onnx >out 2>&1 || fail "back again"
cmp tuned.onnx again.onnx || fail "not the same bytes"
"$DAGRAD_PROGRAM" train "$net" >out 2>&1
[ $? = 2 ] && grep -q 'convert' out || fail "train of an .onnx says: convert"
sed -i '/^linear_1_tmp_1 =/s/linear(reshape2_0_tmp_0,/linear(tanh(reshape2_0_tmp_0),/' net.dag
"$DAGRAD_PROGRAM" train net.dag --epochs 1 --quiet --out edited >out 2>&1 || fail "train, edited"
"$DAGRAD_PROGRAM" convert --weights edited "$net" no.onnx >out 2>&1
[ $? = 2 ] && grep -q 'the graph was edited' out || fail "an edited graph"
[ ! -e no.onnx ] || fail "a file of an edited graph"
echo "ok"
