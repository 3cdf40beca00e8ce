#!/usr/bin/env python3
"""Pictures a second: decoded when they are needed, and kept in memory.

    [COUNT=1000] python3 bench/pictures.py [build/dagrad]

Makes COUNT pictures of 512 by 384 (four of five JPEG, the others PNG; by Pillow), and trains two
networks on them, brought to 96 by 128: one that hardly computes, whose rate with memory=0 is
that of decoding, and one that does. A line each: the rate of the run on one thread and on two."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    from PIL import Image
except ImportError:
    sys.exit("pictures: please install numpy and Pillow for python3")

COUNT, EPOCHS = int(os.environ.get("COUNT", 1000)), 3
NETS = {
    "decoding": "z = avgpool(image, 32) | flatten",
    "training": "z = image | conv(16, 3, stride=2) | relu | conv(32, 3, stride=2) | relu"
    " | conv(64, 3) | relu | global_avgpool",
}
MODEL = """input image[N, 96, 128, 3]
target label[N] int
%s
logits = linear(z, 2)
output logits
loss softmax_cross_entropy(label, logits)
data train { image, label = images("photos", size=[96, 128], memory=%d) }
train { optimizer = adam(1e-3); batch = 32; epochs = %d }
"""


def make_pictures(folder):
    random = numpy.random.default_rng(1)
    for i in range(COUNT):
        small = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=numpy.uint8))
        name = "%s/photos/%s/%04d.%s" % (folder, "ab"[i % 2], i, "jpg" if i % 5 else "png")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        small.resize((512, 384), Image.BICUBIC).save(name)


def rate(program, folder, net, memory, threads):
    with open(os.path.join(folder, "m.dag"), "w") as model:
        model.write(MODEL % (NETS[net], memory, EPOCHS))
    run = "%s-%d-%d" % (net, memory, threads)
    command = [program, "train", "m.dag", "--out", run, "--threads", str(threads), "--quiet"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with open(os.path.join(folder, run, "metrics.jsonl")) as lines:
        return json.loads(list(lines)[-1])["samples_per_second"]


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/dagrad")
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(folder)
        print("%-10s %-10s %12s %12s" % ("", "memory", "1 thread", "2 threads"))
        for net in NETS:
            for memory in (0, 1024):
                rates = [rate(program, folder, net, memory, threads) for threads in (1, 2)]
                print("%-10s %-10d %10.0f/s %10.0f/s" % (net, memory, *rates))


if __name__ == "__main__":
    main()
