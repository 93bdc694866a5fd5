"""TensorFlow's optimisers, and its back-propagation with every intermediate result shown."""

from typing import Any

import tensorflow as tf

from nnparity.adapters.keras.layer_cache import adam, optimize, sgd
from nnparity.adapters.kernel import kernel


class TensorflowOptimizers:
    """Steps of training, by formula id."""

    @kernel("tf.GradientTape", using=("tf.linalg.matmul", "tf.nn.bias_add", "tf.sigmoid", "tf.nn.l2_loss"))
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        weights = (w2, b2, w1, b1)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            hidden = tf.nn.bias_add(tf.linalg.matmul(x, w1, transpose_b=True), b1)
            h = tf.sigmoid(hidden)
            out = tf.nn.bias_add(tf.linalg.matmul(h, w2, transpose_b=True), b2)
            y = tf.sigmoid(out)
            error = tf.nn.l2_loss(y - t) / len(x)
        return h, y, error, *tape.gradient(error, (out, hidden, *weights))

    @kernel("tf.keras.optimizers.SGD")
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return optimize(sgd(lr, len(w), w.dtype.name), w, g, step=1)[0]

    @kernel("tf.keras.optimizers.SGD", using=("tf.reduce_mean",), convention="given the mean of the batch's gradients")
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return self.gradient_descent(w, tf.reduce_mean(g, axis=0), lr)

    @kernel("tf.keras.optimizers.Adam", convention="adds eps to the root of the uncorrected v; eps is 1e-7 by default")
    def adam_eps_hat(
        self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int
    ) -> Any:
        return optimize(adam(lr, beta1, beta2, eps, len(w), w.dtype.name), w, g, m, v, step=step)
