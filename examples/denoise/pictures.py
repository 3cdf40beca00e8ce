"""The test: the middle of ten pictures of scikit-image, grey, 0 to 255, in tiles of 64 x 64, with
noise of three sizes. Prints the psnr of the noisy ones, and of the best median filter of three."""

from pathlib import Path

import numpy as np
import skimage
from scipy.ndimage import median_filter
from skimage import color, io

NAMES = ["astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
         "grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg"]
SIDE, TILE = 256, 64


def grey(name):
    x = io.imread(Path(skimage.__file__).parent / "data" / name)
    x = 255 * color.rgb2gray(x[..., :3]) if x.ndim == 3 else x
    top, left = (x.shape[0] - SIDE) // 2, (x.shape[1] - SIDE) // 2
    return x[top:top + SIDE, left:left + SIDE].astype("f4")


def save(name, x):
    n = SIDE // TILE
    tiles = x.reshape(-1, n, TILE, n, TILE).swapaxes(2, 3)
    np.save(name, tiles.reshape(-1, TILE, TILE, 1))


def psnr(a, b):
    return 10 * np.log10(255 ** 2 / np.mean((a - b) ** 2))


def main():
    clean = np.stack([grey(name) for name in NAMES])
    save("clean.npy", clean)
    for sigma in 15, 25, 50:
        noise = np.random.default_rng(sigma).normal(0, sigma, clean.shape + (1,))
        noisy = (clean + noise[..., 0]).astype("f4")
        save(f"noisy{sigma}.npy", noisy)
        median = max(psnr(clean, median_filter(noisy, (1, k, k))) for k in (3, 5, 7))
        print(f"sigma {sigma}: noisy {psnr(clean, noisy):.2f} dB, median {median:.2f} dB")


main()
