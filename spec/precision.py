"""Names of the models by which half precision is computed: see `nnparity.expect.precision_models`."""

NARROW, ACCUMULATE, FUSED = "narrow", "accumulate-wide", "fused-wide"
MODELS = (NARROW, ACCUMULATE, FUSED)
