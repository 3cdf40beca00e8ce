#!/bin/sh
# compare.sh: three sizes of noise by MSE, and one by MAE, beside one another. About 7 minutes.
dagrad=${DAGRAD_PROGRAM:-dagrad}
here=$(cd "$(dirname "$0")" && pwd)
sed 's/^loss .*/loss mae(x, xhat, over=elements)/' "$here/denoise.dag" >mae.dag || exit 1
for sigma in 15 25 50; do
    echo "mse, sigma $sigma"
    "$dagrad" train "$here/denoise.dag" --data . --quiet --out "mse-$sigma" --set sigma=$sigma \
        --set "noisy=\"noisy$sigma.npy\"" || exit 1
done
echo "mae, sigma 25"
"$dagrad" train mae.dag --quiet --out mae-25
