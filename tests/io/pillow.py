"""Pictures of every kind, read by dagrad and by Pillow: PNG to the same bytes, JPEG within 2
levels, scaled ones within 2 levels of Pillow's triangle filter. pillow.py DAGRAD FOLDER COUNT."""

import os
import subprocess
import sys

import numpy as np
from PIL import Image, ImageOps

dagrad, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(1)

MODEL = """input x[N, {h}, {w}, {c}]
target t[N, {h}, {w}, {c}]
parameter k[1] = ones
y = x * k
output y
loss mse(t, y)
data train {{ x = {source}; t = {source} }}
train {{ optimizer = gd(rate=1e-9); steps = 1 }}
"""


def smooth(h, w, c):
    a = rng.normal(size=(6, 6, c)).astype("f4")
    x = [np.asarray(Image.fromarray(a[..., k]).resize((w, h), Image.BICUBIC)) for k in range(c)]
    return np.clip(128 + 60 * np.stack(x, -1), 0, 255).astype("u1")


def save(kind, h, w, name):
    grey, rgb = Image.fromarray(smooth(h, w, 1)[..., 0]), Image.fromarray(smooth(h, w, 3))
    exif = Image.Exif()
    exif[0x112] = int(rng.integers(1, 9))
    if kind == 0:
        rgb.save(name + ".png")
    if kind == 1:
        grey.save(name + ".png")
    if kind == 2:
        Image.fromarray(smooth(h, w, 4)).save(name + ".png")
    if kind == 3:
        rgb.quantize(int(rng.integers(2, 256))).save(name + ".png")
    if kind == 4:
        deep = np.asarray(grey).astype("u2") * 256 + rng.integers(0, 256, (h, w)).astype("u2")
        Image.fromarray(deep).save(name + ".png")
    if kind == 5:
        grey.convert("1").save(name + ".png")
    if kind == 6:
        rgb.save(name + ".jpg", quality=int(rng.integers(50, 100)))
    if kind == 7:
        grey.save(name + ".jpg", progressive=True)
    if kind == 8:
        rgb.save(name + ".jpg", exif=exif, quality=95)
    if kind == 9:
        rgb.convert("CMYK").save(name + ".jpg")


def load(name):
    im = ImageOps.exif_transpose(Image.open(name))
    if im.mode.startswith("I"):
        im = Image.fromarray(np.floor(np.asarray(im).astype("f8") / 257 + 0.5).astype("u1"))
    if im.mode == "RGBA":
        im = Image.alpha_composite(Image.new("RGBA", im.size, (255,) * 4), im)
    return im.convert("RGB")


def read(source, h, w):
    run = os.path.join(folder, "run")
    subprocess.run(["rm", "-rf", run], check=True)
    with open(os.path.join(folder, "m.dag"), "w") as f:
        f.write(MODEL.format(h=h, w=w, c=3, source=source))
    subprocess.run([dagrad, "train", f"{folder}/m.dag", "--quiet", "--out", run], check=True,
                   capture_output=True)
    subprocess.run([dagrad, "predict", run, "--out", f"{folder}/y.npy"], check=True,
                   capture_output=True)
    return np.load(f"{folder}/y.npy")


def compare(kinds, sizes, target, limit, label):
    where = os.path.join(folder, label)
    os.makedirs(where)
    for i in range(count // 3):
        h, w = sizes()
        save(kinds[i % len(kinds)], h, w, f"{where}/{i:05}")
    names = sorted(os.listdir(where))
    size = f", size=[{target[0]}, {target[1]}]" if limit else ""
    got = read(f'images("{label}"{size})', *target)
    worst = 0
    for name, x in zip(names, got):
        im = load(f"{where}/{name}")
        if im.size != target[::-1]:
            im = ImageOps.fit(im, target[::-1], Image.BILINEAR)
        worst = max(worst, np.abs(x - np.asarray(im)).max())
    print(f"{label}: {len(names)} pictures, largest difference {worst:g}, limit {limit}")
    return worst <= limit


def main():
    square = lambda: (48, 48)
    good = compare(range(0, 6), square, (48, 48), 0, "png")
    good &= compare(range(6, 10), square, (48, 48), 2, "jpeg")
    good &= compare(range(10), lambda: rng.integers(20, 200, 2), (40, 56), 2, "scaled")
    return not good


sys.exit(main())
