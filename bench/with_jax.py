"""The networks in JAX: a step is one compiled function."""
import os

import jax
from jax import lax
from jax import numpy as jnp

import nets

each = jax.tree_util.tree_map
LAYOUT = ("NHWC", "HWIO", "NHWC")


class Ops:
    """Operations over a list of parameters, taken in the order in which the network asks for
    them; where there is no list yet they are made from `key`. `states` gathers what the running
    statistics become."""

    def __init__(self, parameters, key=None):
        self.parameters, self.key, self.at, self.states = parameters, key, 0, []

    def parameter(self, start, *shape):
        if self.key is not None:
            self.key, own = jax.random.split(self.key)
            self.parameters.append(start(own, shape))
        self.at += 1
        return self.parameters[self.at - 1]

    def weight(self, *shape):
        return self.parameter(jax.nn.initializers.he_normal(), *shape)

    def zeros(self, *shape):
        return self.parameter(lambda key, shape: jnp.zeros(shape), *shape)

    def ones(self, *shape):
        return self.parameter(lambda key, shape: jnp.ones(shape), *shape)

    def linear(self, x, units, bias=True, scale=0):
        start = jax.nn.initializers.orthogonal(scale) if scale else jax.nn.initializers.he_normal()
        y = x @ self.parameter(start, x.shape[-1], units)
        return y + self.zeros(units) if bias else y

    def conv(self, x, channels, kernel=3, stride=1, groups=1, bias=True):
        w = self.weight(kernel, kernel, x.shape[-1] // groups, channels)
        around = [(kernel // 2, kernel // 2)] * 2
        y = lax.conv_general_dilated(x, w, (stride, stride), around, dimension_numbers=LAYOUT,
                                     feature_group_count=groups)
        return y + self.zeros(channels) if bias else y

    def up(self, x, channels):
        w = self.weight(2, 2, x.shape[-1], channels)
        return lax.conv_transpose(x, w, (2, 2), "VALID", dimension_numbers=LAYOUT) + \
            self.zeros(channels)

    def batchnorm(self, x):
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        self.states += [mean, variance]
        y = (x - mean) * lax.rsqrt(variance + 1e-5)
        return y * self.ones(x.shape[-1]) + self.zeros(x.shape[-1])

    def layernorm(self, x):
        y = (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)
        return y * self.ones(x.shape[-1]) + self.zeros(x.shape[-1])

    def embedding(self, ids, count, units):
        return self.weight(count, units)[ids]

    def position(self, length, units):
        return self.weight(length, units)

    def attention(self, x, heads):
        parts = [z.reshape(*z.shape[:2], heads, -1) for z in jnp.split(x, 3, -1)]
        return jax.nn.dot_product_attention(*parts, is_causal=True).reshape(*x.shape[:2], -1)

    def recurrent(self, x, units, gates, cell, state):
        """A layer: products of x for all places at once, then a scan."""
        wx, wh = self.weight(x.shape[-1], gates * units), self.weight(units, gates * units)
        ahead = jnp.swapaxes(x @ wx + self.zeros(gates * units), 0, 1)
        _, all_h = lax.scan(lambda s, a: cell(s, a, wh), state, ahead)
        return jnp.swapaxes(all_h, 0, 1)

    def lstm(self, x, units, layers):
        def cell(state, ahead, wh):
            h, c = state
            i, f, g, out = jnp.split(ahead + h @ wh, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(out) * jnp.tanh(c)
            return (h, c), h
        zero = jnp.zeros((x.shape[0], units))
        for _ in range(layers):
            x = self.recurrent(x, units, 4, cell, (zero, zero))
        return x

    def gru(self, x, units):
        bias = self.zeros(units)

        def cell(h, ahead, wh):
            zx, rx, nx = jnp.split(ahead, 3, -1)
            zh, rh, nh = jnp.split(h @ wh, 3, -1)
            z, r = jax.nn.sigmoid(zx + zh), jax.nn.sigmoid(rx + rh)
            n = jnp.tanh(nx + r * (nh + bias))
            h = n + z * (h - n)
            return h, h
        return self.recurrent(x, units, 3, cell, jnp.zeros((x.shape[0], units)))

    def maxpool(self, x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def mean(self, x):
        return x.mean((1, 2))

    def concat(self, a, b):
        return jnp.concatenate((a, b), -1)

    def flatten(self, x):
        return x.reshape(x.shape[0], -1)

    relu, tanh = staticmethod(jax.nn.relu), staticmethod(jnp.tanh)
    sigmoid, gelu = staticmethod(jax.nn.sigmoid), staticmethod(jax.nn.gelu)


def loss_of(net, z, t):
    if net.loss == "squares":
        return ((z - t) ** 2).sum() / t.shape[0]
    if net.loss == "masks":
        return (jnp.maximum(z, 0) - t * z + jnp.log1p(jnp.exp(-abs(z)))).sum() / t.shape[0]
    return -jnp.take_along_axis(jax.nn.log_softmax(z), t[..., None], -1).mean()


def update(net, parameters, gradient, moments, t):
    kind, rate = net.optimizer
    if kind == "sgd":
        m = each(lambda m, g: 0.9 * m + g, moments[0], gradient)
        return each(lambda p, m: p - rate * m, parameters, m), (m, moments[1])
    decay = 0.01 if kind == "adamw" else 0
    m = each(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradient)
    v = each(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], gradient)
    c1, c2 = 1 - 0.9 ** t, 1 - 0.999 ** t
    return each(lambda p, m, v: p - rate * ((m / c1) / (jnp.sqrt(v / c2) + 1e-8) + decay * p),
                parameters, m, v), (m, v)


def training(name, threads):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # XLA has no other switch
    net = nets.NETS[name]
    pairs = [(jnp.asarray(x), jnp.asarray(t)) for x, t in nets.batches(net, net.batch)]
    first = Ops([], jax.random.key(1))
    net.forward(first, pairs[0][0])
    zeros = each(jnp.zeros_like, first.parameters)
    state = [first.parameters, (zeros, each(jnp.zeros_like, zeros)), first.states]

    def loss(parameters, x, t):
        o = Ops(parameters)
        return loss_of(net, net.forward(o, x), t), o.states

    def whole(parameters, moments, states, x, t, k):
        gradient, found = jax.grad(loss, has_aux=True)(parameters, x, t)
        parameters, moments = update(net, parameters, gradient, moments, k)
        return parameters, moments, each(lambda s, f: 0.9 * s + 0.1 * f, states, found)

    compiled = jax.jit(whole, donate_argnums=(0, 1, 2))

    def step(k):
        state[:] = compiled(*state, *pairs[k % len(pairs)], float(k + 1))

    return step, lambda: jax.block_until_ready(state)
