"""compose.py SHARE FOLDER: stamps pasted on pieces of photographs, and their masks. The stamps of
every tenth folder and every ninth photograph are for the test alone. Prints what a threshold on
colour gives: how far a pixel is from the median of the picture's edge, the threshold being the best
of the training part."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
rng = np.random.default_rng(1)


def some(low, high):
    return int(rng.integers(low, high))


def piece(photo):
    w = some(SIDE, 2 * SIDE)
    x, y = some(0, photo.width - w), some(0, photo.height - w)
    return photo.crop((x, y, x + w, y + w)).resize((SIDE, SIDE), Image.BILINEAR)


def paste(picture, mask, stamp):
    size = some(SIDE // 3, SIDE * 3 // 4)
    s = stamp.copy()
    s.thumbnail((size, size))
    at = some(0, SIDE - s.width), some(0, SIDE - s.height)
    picture.paste(s, at, s)
    mask.paste(255, at, s.getchannel("A").point(lambda a: 255 * (a > 127)))


def make(to, n, photos, stamps):
    pictures, masks = [], []
    for name in "pictures", "masks":
        (to / name).mkdir(parents=True, exist_ok=True)
    for i in range(n):
        picture, mask = piece(photos[i % len(photos)]), Image.new("L", (SIDE, SIDE))
        paste(picture, mask, stamps[some(0, len(stamps))])
        picture.save(to / "pictures" / f"{i:04}.png")
        mask.save(to / "masks" / f"{i:04}.png")
        pictures.append(np.asarray(picture))
        masks.append(np.asarray(mask) > 0)
    return distance(np.stack(pictures).astype("f4")), np.stack(masks)


def distance(x):
    edge = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], 1)
    return np.abs(x - np.median(edge, 1)[:, None, None]).max(-1)


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def main():
    share, to = Path(sys.argv[1]), Path(sys.argv[2])
    names = [*share.glob("backgrounds/*.jpg"), *share.glob("backgrounds/mate/nature/*.jpg")]
    photos = [Image.open(name).convert("RGB") for name in sorted(names)]
    for photo in photos:
        photo.thumbnail((480, 480))
    names = [x for x in sorted(share.glob("tuxpaint/stamps/**/*.png"))
             if "symbols" not in x.parts and "mirror" not in x.name]
    folders = sorted({x.parent for x in names})
    held = set(folders[::10])
    stamps = [[Image.open(x).convert("RGBA") for x in names if (x.parent in held) == test]
              for test in (False, True)]
    print(f"{len(photos)} photographs, {len(stamps[0])} stamps, and {len(stamps[1])} of the test")
    d, m = make(to / "train", 3000, [p for i, p in enumerate(photos) if i % 9], stamps[0])
    best = max(range(0, 256, 5), key=lambda t: iou(d > t, m))
    d, m = make(to / "test", 500, photos[::9], stamps[1])
    print(f"test part: colours farther than {best} from the edge's: iou {iou(d > best, m):.3f}")


main()
