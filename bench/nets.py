"""The networks of `make bench`, written once for every peer; bench/models has them for dagrad.

A network is a function of `o`, a peer's operations (with_torch.py, with_jax.py), and of its input.
Operations take and give values of the peer; parameters are made where they are first needed.
"""


def mlp(o, x):
    x = o.relu(o.linear(x, 256))
    return o.linear(o.relu(o.linear(x, 128)), 10)


def deep100(o, x):
    for _ in range(99):
        x = o.tanh(o.linear(x, 64, scale=1.1))
    return o.linear(x, 10)


def two(o, x, channels):
    return o.relu(o.conv(o.relu(o.conv(x, channels)), channels))


def cnn(o, x):
    x = o.maxpool(two(o, x, 32))
    x = o.maxpool(two(o, x, 64))
    return o.linear(o.relu(o.linear(o.flatten(x), 128)), 10)


def norm_conv(o, x, channels, kernel=3, stride=1, groups=1):
    return o.batchnorm(o.conv(x, channels, kernel, stride, groups, bias=False))


def resnet20(o, x):
    x = o.relu(norm_conv(o, x, 16))
    for channels in (16, 32, 64):
        for k in range(3):
            stride = 2 if k == 0 and channels > 16 else 1
            z = o.relu(norm_conv(o, x, channels, stride=stride))
            z = norm_conv(o, z, channels)
            x = o.relu(z + (norm_conv(o, x, channels, 1, stride) if stride > 1 else x))
    return o.linear(o.mean(x), 10)


def dncnn(o, x):
    x = o.relu(o.conv(x, 64))
    for _ in range(15):
        x = o.relu(norm_conv(o, x, 64))
    return o.conv(x, 1)


def unet(o, x):
    beside = []
    for channels in (16, 32, 64):
        beside.append(two(o, x, channels))
        x = o.maxpool(beside[-1])
    x = two(o, x, 128)
    for channels in (64, 32, 16):
        x = two(o, o.concat(o.up(x, channels), beside.pop()), channels)
    return o.conv(x, 1, kernel=1)


def chargpt(o, text):
    units, heads = 384, 6
    x = o.embedding(text, 65, units) + o.position(256, units)
    for _ in range(6):
        z = o.attention(o.linear(o.layernorm(x), 3 * units), heads)
        x = x + o.linear(z, units)
        x = x + o.linear(o.gelu(o.linear(o.layernorm(x), 4 * units)), units)
    return o.linear(o.layernorm(x), 65, bias=False)


def charlstm(o, text):
    return o.linear(o.lstm(o.embedding(text, 65, 128), 128, layers=2), 65)


def mobile(o, x):
    x = o.relu(norm_conv(o, x, 32))
    for before, after, stride in ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2)):
        x = o.relu(norm_conv(o, x, before, stride=stride, groups=before))
        x = o.relu(norm_conv(o, x, after, kernel=1))
    return o.linear(o.mean(x), 10)


def odd(o, x):
    x = o.relu(o.conv(o.relu(o.conv(x, 19, kernel=5)), 37, kernel=5, stride=2))
    x = o.relu(o.conv(o.relu(o.conv(x, 37, kernel=5)), 51, stride=2))
    return o.linear(o.mean(x), 10)


def large(o, x):
    return o.linear(o.relu(o.linear(o.relu(o.linear(x, 4096)), 4096)), 1000)


def autoencoder(o, x):
    x = o.linear(o.relu(o.linear(o.relu(o.linear(x, 256)), 64)), 32)
    x = o.relu(o.linear(o.relu(o.linear(x, 64)), 256))
    return o.sigmoid(o.linear(x, 784))


def gru(o, x):
    return o.linear(o.gru(x, 96)[:, -1], 10)


def vgg(o, x):
    for channels in (64, 128, 256):
        x = o.maxpool(two(o, x, channels))
    return o.linear(o.relu(o.linear(o.flatten(x), 256)), 10)


def groups(o, x):
    for channels, stride in ((64, 1), (128, 2), (256, 2)):
        x = o.relu(o.conv(x, channels, stride=stride))
        x = o.relu(o.conv(x, channels, groups=4))
    return o.linear(o.mean(x), 10)


def narrow(o, x):
    for _ in range(3):
        x = o.tanh(o.linear(x, 13))
    return o.linear(x, 1)


class Net:
    """Sizes of a row: x and t are shapes; `letters` or `classes` where they hold whole numbers.

    goal: how many times as fast as the best peer dagrad is to be, at least.
    """

    def __init__(self, forward, batch, x, t=(), letters=0, classes=10, loss="labels",
                 optimizer=("adam", 1e-3), goal=1.3, pictures=False, recurrent=False):
        self.forward, self.batch, self.x, self.t = forward, batch, x, t
        self.letters, self.classes, self.loss = letters, classes, loss
        self.optimizer, self.goal = optimizer, goal
        self.pictures, self.recurrent = pictures, recurrent


SGD = ("sgd", 0.01)
WORKLOADS = ("mlp", "deep100", "cnn", "resnet20", "dncnn", "unet", "chargpt", "charlstm")
NETS = {
    "mlp": Net(mlp, 64, (784,), optimizer=SGD),
    "deep100": Net(deep100, 32, (64,), optimizer=("adam", 1e-4)),
    "cnn": Net(cnn, 64, (28, 28, 1), pictures=True),
    "resnet20": Net(resnet20, 128, (32, 32, 3), optimizer=("sgd", 0.1), pictures=True),
    "dncnn": Net(dncnn, 16, (40, 40, 1), (40, 40, 1), loss="squares", pictures=True),
    "unet": Net(unet, 8, (64, 64, 1), (64, 64, 1), loss="masks", pictures=True),
    "chargpt": Net(chargpt, 12, (256,), (256,), letters=65, classes=65,
                   optimizer=("adamw", 3e-4)),
    "charlstm": Net(charlstm, 32, (64,), (64,), letters=65, classes=65,
                    optimizer=("adam", 2e-3), recurrent=True),
    "mobile": Net(mobile, 32, (32, 32, 3), pictures=True),
    "odd": Net(odd, 32, (32, 32, 3), pictures=True),
    "large": Net(large, 32, (1024,), classes=1000, optimizer=SGD, goal=1.4),
    "autoencoder": Net(autoencoder, 128, (784,), (784,), loss="squares"),
    "gru": Net(gru, 32, (100, 8), recurrent=True),
    "vgg": Net(vgg, 32, (32, 32, 3), optimizer=SGD, pictures=True),
    "groups": Net(groups, 16, (32, 32, 3), optimizer=SGD, pictures=True),
    "narrow": Net(narrow, 1, (13,), (1,), loss="squares", optimizer=SGD),
}
# Inference beside ONNX Runtime.
INFERENCE = {"cnn": 1.3, "resnet20": 1.3, "mobile": 1.3, "chargpt": 1.1}


def batches(net, rows, count=4):
    """Pairs (x, t) of NumPy arrays, rows first, channels last."""
    import numpy as np
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        if net.letters:
            x = rng.integers(0, net.letters, (rows,) + net.x)
        else:
            x = rng.standard_normal((rows,) + net.x, dtype=np.float32)
        if net.loss == "labels":
            t = rng.integers(0, net.classes, (rows,) + net.t)
        else:
            t = rng.random((rows,) + net.t, dtype=np.float32)
        made.append((x, t))
    return made
