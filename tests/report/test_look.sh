#!/usr/bin/env bash
# Pages of a classification, a regression, pictures, a text and five runs, looked at by headless
# Chromium (scripts/look.sh): under 2 MB, nothing wider than the screen, nothing on the console.
# longtest: 4 min
set -u
[ -n "${DAGRAD_LONGTEST:-}" ] || { echo "make longtest looks at pages in a browser"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
cp "$DAGRAD_SOURCE/examples/digits.dag" .
cp "$DAGRAD_SOURCE/examples/outliers/diabetes.csv" "$DAGRAD_SOURCE/README.md" .
part() {
    echo "data train(part=[0, 0.8], shuffle=1) { $1 }"
    echo "data test(part=[0.8, 1], shuffle=1) { $1 }"
}
{
    echo 'input noisy[N, 8, 8, 1]; target clean[N, 8, 8, 1]'
    echo 'xhat = conv(noisy, 8, kernel=3) | relu | conv(1, kernel=3)'
    echo 'output xhat; loss mse(clean, xhat); metric psnr(clean, xhat)'
    part 'noisy = digits("image") | scale(1/16) | noise(0.3); clean = digits("image") | scale(1/16)'
    echo 'train { optimizer = adam(rate=2e-3); batch = 32; epochs = 2 }'
} >pictures.dag
{
    echo 'input patient[N, 10]; target progress[N, 1]'
    echo 'xhat = linear(patient, 16) | tanh | linear(1)'
    echo 'output xhat; loss mse(progress, xhat); metric mae(progress, xhat)'
    part 'patient = csv("diabetes.csv", except=["progression"]) | standardize
          progress = csv("diabetes.csv", columns=["progression"]) | standardize'
    echo 'train { optimizer = adam(rate=2e-3); batch = 32; epochs = 20; split = 0.1 }'
} >numbers.dag
{
    echo 'input text[N, T] int; target next[N, T] int'
    echo 'logits = embedding(text, vocabulary=200, units=16) | lstm(32) | linear(200)'
    echo 'output logits; loss softmax_cross_entropy(next, logits); metric accuracy(next, logits)'
    echo 'data train { text, next = chars("README.md", length=64) }'
    echo 'train { optimizer = adam(rate=5e-3); batch = 16; epochs = 3 }'
} >text.dag
pages=()
for name in digits pictures numbers text; do
    "$DAGRAD_PROGRAM" train $name.dag --out $name --quiet --epochs 3 || exit 1
    pages+=($name/report.html)
done
for rate in 1e-4 1e-3 2e-3 5e-3 1e-2; do
    "$DAGRAD_PROGRAM" train digits.dag --out rate-$rate --quiet --epochs 2 --no-report \
        --set optimizer.rate=$rate || exit 1
done
"$DAGRAD_PROGRAM" report rate-* --out five.html || exit 1
bash "$DAGRAD_SOURCE/scripts/look.sh" "${pages[@]}" five.html
