"""Ten formulas of autograd, with gradients and second derivatives: a whole adapter of one's own."""

import autograd.numpy as np
from autograd import make_vjp
from autograd.builtins import tuple as boxes
from autograd.scipy.signal import convolve
from autograd.scipy.special import erf, logsumexp

from nnparity import Adapter, composed, kernel, passed


class Autograd(Adapter):
    backend = "autograd"
    second_order = "reverse over reverse: make_vjp of make_vjp"
    put, get = staticmethod(np.array), staticmethod(np.asarray)  # its arrays are NumPy's

    sigmoid = passed("autograd.scipy.special.expit")
    tanh = passed("autograd.numpy.tanh")

    def vjp(self, operation, point):
        pull, outputs = make_vjp(lambda xs: boxes(operation(*xs, **point.rest)))(point.primals)
        return tuple(outputs), tuple(pull(point.cotangents))

    def hvp(self, operation, point):
        gradients = lambda xs: boxes(self.vjp(operation, point._replace(primals=tuple(xs)))[1])
        return tuple(make_vjp(gradients)(point.primals)[0](point.tangents))

    @composed("autograd.numpy.dot, +", because="autograd has no layers")
    def dense(self, x, w, b):
        return np.dot(x, w.T) + b

    @kernel("autograd.numpy.maximum")
    def relu(self, x):
        return np.maximum(x, 0)

    @composed("autograd.scipy.special.erf, *, +", because="autograd has no GELU")
    def gelu(self, x):
        return 0.5 * x * (1 + erf(x / 2**0.5))

    @composed("autograd.scipy.special.logsumexp, -, autograd.numpy.exp", because="autograd has no softmax")
    def softmax(self, x):
        return np.exp(x - logsumexp(x, -1, keepdims=True))

    @kernel("autograd.scipy.signal.convolve", convention="a true convolution, as the formula")
    def conv2d(self, x, w):
        return convolve(x, w, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")

    @composed("autograd.numpy.mean, autograd.numpy.var, /", because="autograd has no layers")
    def layer_norm(self, x, gamma, beta, eps):
        return (x - np.mean(x, -1, keepdims=True)) / np.sqrt(np.var(x, -1, keepdims=True) + eps) * gamma + beta

    @composed("autograd.numpy.sum, /", because="autograd has no losses")
    def mse(self, y, t):
        return np.sum((y - t) ** 2) / (2 * len(y))

    @composed("autograd.scipy.special.logsumexp, autograd.numpy.sum, /", because="autograd has no losses")
    def cross_entropy_logits(self, z, t):
        return -np.sum(t * (z - logsumexp(z, -1, keepdims=True))) / len(z)
