"""Every formula of every framework: outputs, gradients, JVPs and HVPs against finite differences."""

from importlib.util import find_spec

import pytest

from nnparity.tests.adapters.survey import PLANS, Survey, told

#: What released frameworks get wrong by more than the wide tolerances here. A repair upstream fails the test too.
KNOWN: dict[str, Survey] = {
    "torch": {},
    "tensorflow": {
        # tf.nn.moments stops the gradient of the mean inside the variance: right once, wrong twice.
        "eager/layer_norm/float64": ["hvp.x"],
        # Keras divides probabilities by their sum; the logits' loss takes labels to sum to one, and
        # forgets them in its second derivative (tensorflow issue 26495).
        "eager/cross_entropy/float64": ["grad.p", "hvp.p", "hvp.t", "jvp", "output"],
        "eager/cross_entropy/float32": ["grad.p", "output"],
        "eager/cross_entropy/float16": ["grad.p"],
        "eager/cross_entropy/bfloat16": ["grad.p"],
        "eager/cross_entropy_logits/float64": ["grad.z", "hvp.t", "hvp.z", "jvp"],
        "eager/cross_entropy_logits/float32": ["grad.z"],
        "eager/sparse_cross_entropy/float64": ["grad.p", "hvp.p", "jvp", "output"],
        "eager/sparse_cross_entropy/float32": ["grad.p", "output"],
        "eager/sparse_cross_entropy/float16": ["grad.p"],
        # beta1 and beta2 are cast to float32, then to the parameters' dtype: in bfloat16 beta2 becomes 1.
        "eager/adam_eps_hat/float64": ["output.w_next"],
        "eager/adam_eps_hat/bfloat16": ["output.w_next"],
    },
    # The same in bfloat16.
    "jax": {"eager/adam/bfloat16": ["output.w_next"]},
    # As under tensorflow, whatever the backend.
    "keras-torch": {
        "eager/cross_entropy/float64": ["grad.p", "hvp.p", "hvp.t", "jvp", "output"],
        "eager/cross_entropy/float32": ["grad.p", "output"],
        "eager/cross_entropy/float16": ["grad.p"],
        "eager/cross_entropy/bfloat16": ["grad.p"],
        "eager/sparse_cross_entropy/float64": ["grad.p", "hvp.p", "jvp", "output"],
        "eager/sparse_cross_entropy/float32": ["grad.p", "output"],
        "eager/sparse_cross_entropy/float16": ["grad.p"],
        "eager/adam_eps_hat/bfloat16": ["output.w_next"],
        # keras.ops.dot_product_attention returns float32 (keras issue 23704).
        "eager/attention/float64": ["jvp", "output"],
        "eager/masked_attention/float64": ["jvp", "output"],
    },
    "keras-tensorflow": {
        "eager/layer_norm/float64": ["hvp.x"],
        "eager/adam_eps_hat/float64": ["output.w_next"],
        "eager/adam_eps_hat/bfloat16": ["output.w_next"],
    },
    "keras-jax": {"compiled/adam_eps_hat/bfloat16": ["output.w_next"]},
}


@pytest.mark.parametrize("backend", list(PLANS))
def test_every_quantity(request: pytest.FixtureRequest, backend: str) -> None:
    for package in backend.split("-"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    assert told(request, backend, "formulas") == KNOWN[backend]
