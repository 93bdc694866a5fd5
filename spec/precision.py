"""Names of the models by which half precision and TF32 are computed: see `nnparity.expect.precision_models`."""

NARROW, ACCUMULATE, FUSED, TF32 = "narrow", "accumulate-wide", "fused-wide", "tf32"
MODELS = (NARROW, ACCUMULATE, FUSED, TF32)
