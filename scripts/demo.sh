#!/usr/bin/env bash
# make demo: set-up, build, and a small convolutional network trained on real pictures.
set -u
cd "$(dirname "$0")/.." || exit 1

bash scripts/setup.sh build demo || exit 1
make --no-print-directory || exit 1

name=Fashion-MNIST model=examples/demo.dag
found=
for folder in ${DAGRAD_DATA:+"$DAGRAD_DATA"} /usr/share/datasets; do
    [ -e "$folder/fashion-mnist/train-images-idx3-ubyte.gz" ] && found=yes
done
if [ -z "$found" ]; then
    name=digits model=examples/digits.dag
    echo "Fashion-MNIST (Debian's dataset-fashion-mnist) is not here: training on the digits" \
        "that are built into dagrad instead."
fi

n=1
base=$(basename "$model" .dag)
while [ -e "runs/$base-$n" ]; do n=$((n + 1)); done
run=runs/$base-$n
echo "training $model on $name"
build/dagrad train "$model" --out "$run" --require 'accuracy>=0.9' | tee build/demo.txt
status=${PIPESTATUS[0]}

accuracy=$(sed -n 's/^weights .* accuracy \([0-9.]*\).*/\1/p' build/demo.txt | tail -1)
[ "$status" = 0 ] || echo "the training ended with status $status" >&2
echo "run directory: $run"
echo "data set $name, test accuracy ${accuracy:-not known}"
exit "$status"
