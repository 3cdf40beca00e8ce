"""The peers of `make bench`: PyTorch and JAX train the three models of the comparison.

    peers.py MODE MODEL THREADS    a worker: prints 'ready'; then for each line N on standard input
                                   runs one step to warm up, N timed ones, and prints ms a step
    peers.py --versions            what is installed
    peers.py --modes MODEL         the modes that make sense for a model, a line each

MODEL is mlp, deep100 or cnn: the graphs of bench/models/MODEL.dag, in f32, on random data.
MODE is torch-eager, torch-compile, torch-max (compile with max-autotune), torch-eager-cl and
torch-compile-cl (channels last), or jax. A training step is forward,
backward and update; nothing else is timed. bench/run.py interleaves these workers with dagrad's.
"""
import os
import sys
import time

BATCH = {"mlp": 64, "deep100": 32, "cnn": 64}
SHAPE = {"mlp": (784,), "deep100": (64,), "cnn": (28, 28, 1)}
BATCHES = 4  # different ones, in turn
WARM_S = 3  # compilers compile again after the first steps
MODES = {
    "mlp": ["torch-eager", "torch-compile", "torch-max", "jax"],
    "deep100": ["torch-eager", "torch-compile", "torch-max", "jax"],
    "cnn": ["torch-eager", "torch-eager-cl", "torch-compile", "torch-compile-cl", "jax"],
}


def data(model):
    """BATCHES pairs of images (rows first, channels last) and labels."""
    import numpy as np
    rng = np.random.default_rng(1)
    n = BATCH[model]
    return [(rng.standard_normal((n,) + SHAPE[model], dtype=np.float32),
             rng.integers(0, 10, n)) for _ in range(BATCHES)]


# ---- PyTorch ------------------------------------------------------------------------------------

def torch_model(model):
    from torch import nn
    if model == "mlp":
        return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                             nn.Linear(128, 10))
    if model == "deep100":
        layers = []
        for _ in range(99):
            layer = nn.Linear(64, 64)
            nn.init.orthogonal_(layer.weight, 1.1)
            layers += [layer, nn.Tanh()]
        return nn.Sequential(*layers, nn.Linear(64, 10))
    same = {"kernel_size": 3, "padding": 1}
    return nn.Sequential(nn.Conv2d(1, 32, **same), nn.ReLU(), nn.Conv2d(32, 32, **same), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Conv2d(32, 64, **same), nn.ReLU(),
                         nn.Conv2d(64, 64, **same), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(7 * 7 * 64, 128), nn.ReLU(), nn.Linear(128, 10))


def torch_optimizer(model, parameters):
    from torch import optim
    if model == "mlp":
        return optim.SGD(parameters, lr=0.01, momentum=0.9, fused=True)
    rate = 1e-4 if model == "deep100" else 1e-3
    return optim.Adam(parameters, lr=rate, fused=True)


def torch_step(mode, model, threads):
    import torch
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    net = torch_model(model)
    last = torch.channels_last if mode.endswith("-cl") else torch.contiguous_format
    pairs = []
    for x, label in data(model):
        x = torch.from_numpy(x)
        if model == "cnn":
            x = x.permute(0, 3, 1, 2).contiguous(memory_format=last)
        pairs.append((x, torch.from_numpy(label)))
    if model == "cnn":
        net = net.to(memory_format=last)
    optimizer = torch_optimizer(model, net.parameters())
    loss_of = torch.nn.functional.cross_entropy

    def loss(x, label):
        return loss_of(net(x), label)

    if "compile" in mode:
        loss = torch.compile(loss)
    elif mode == "torch-max":
        loss = torch.compile(loss, mode="max-autotune")

    def step(k):
        optimizer.zero_grad(set_to_none=True)
        loss(*pairs[k % BATCHES]).backward()
        optimizer.step()

    return step, lambda: None


# ---- JAX ----------------------------------------------------------------------------------------

def jax_parameters(model, key):
    import jax
    from jax.nn import initializers as init
    if model == "cnn":
        shapes = [(3, 3, 1, 32), (3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 64, 64), (3136, 128),
                  (128, 10)]
    elif model == "mlp":
        shapes = [(784, 256), (256, 128), (128, 10)]
    else:
        shapes = [(64, 64)] * 99 + [(64, 10)]
    start = init.orthogonal(1.1) if model == "deep100" else init.he_normal()
    keys = jax.random.split(key, len(shapes))
    return [(start(k, s), jax.numpy.zeros(s[-1])) for k, s in zip(keys, shapes)]


def jax_forward(model, parameters, x):
    import jax
    from jax import lax
    relu = jax.nn.relu
    if model == "cnn":
        for i, (w, b) in enumerate(parameters[:4]):
            x = relu(lax.conv_general_dilated(x, w, (1, 1), "SAME",
                                              dimension_numbers=("NHWC", "HWIO", "NHWC")) + b)
            if i % 2:
                x = lax.reduce_window(x, -jax.numpy.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1),
                                      "VALID")
        x = x.reshape(x.shape[0], -1)
        parameters = parameters[4:]
    between = jax.numpy.tanh if model == "deep100" else relu
    for w, b in parameters[:-1]:
        x = between(x @ w + b)
    w, b = parameters[-1]
    return x @ w + b


def jax_update(model, parameters, gradient, moments, t):
    import jax
    from jax import numpy as jnp
    each = jax.tree_util.tree_map
    if model == "mlp":
        m = each(lambda m, g: 0.9 * m + g, moments[0], gradient)
        return each(lambda p, m: p - 0.01 * m, parameters, m), (m, moments[1])
    rate = 1e-4 if model == "deep100" else 1e-3
    m = each(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradient)
    v = each(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], gradient)
    c1, c2 = 1 - 0.9 ** t, 1 - 0.999 ** t
    return each(lambda p, m, v: p - rate * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), parameters, m,
                v), (m, v)


def jax_step(model, threads):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # XLA has no other switch
    import jax
    parameters = jax_parameters(model, jax.random.key(1))
    zeros = jax.tree_util.tree_map(jax.numpy.zeros_like, parameters)
    state = [parameters, (zeros, jax.tree_util.tree_map(jax.numpy.zeros_like, parameters))]
    pairs = [(jax.numpy.asarray(x), jax.numpy.asarray(label)) for x, label in data(model)]

    def loss(p, x, label):
        logp = jax.nn.log_softmax(jax_forward(model, p, x))
        return -logp[jax.numpy.arange(label.shape[0]), label].mean()

    def whole(p, moments, x, label, t):
        return jax_update(model, p, jax.grad(loss)(p, x, label), moments, t)

    compiled = jax.jit(whole, donate_argnums=(0, 1))

    def step(k):
        state[0], state[1] = compiled(state[0], state[1], *pairs[k % BATCHES], float(k + 1))

    return step, lambda: jax.block_until_ready(state)


# ---- The worker ---------------------------------------------------------------------------------

def work(mode, model, threads):
    step, finish = jax_step(model, threads) if mode == "jax" else torch_step(mode, model, threads)
    count = 0

    def run(n):
        nonlocal count
        for _ in range(n):
            step(count)
            count += 1
        finish()

    start = time.perf_counter()
    while time.perf_counter() - start < WARM_S or count < 2 * BATCHES:
        run(1)
    print("ready", flush=True)
    for line in sys.stdin:
        run(1)
        n = int(line)
        start = time.perf_counter()
        run(n)
        print(f"{(time.perf_counter() - start) * 1e3 / n:.6f}", flush=True)


def versions():
    import importlib.metadata as installed
    for name in ("torch", "jax", "jaxlib", "numpy"):
        print(name, installed.version(name))


if __name__ == "__main__":
    if sys.argv[1:] == ["--versions"]:
        versions()
    elif len(sys.argv) == 3 and sys.argv[1] == "--modes" and sys.argv[2] in MODES:
        print("\n".join(MODES[sys.argv[2]]))
    elif len(sys.argv) == 4 and sys.argv[2] in MODES and sys.argv[1] in MODES[sys.argv[2]]:
        work(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(__doc__)
