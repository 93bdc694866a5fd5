"""Orders of axes, as what a transpose is given: the spec has images NCHW and kernels OIHW (o, c, p, q).

Channels-last frameworks have images NHWC and kernels HWIO.
"""

#: From NCHW, and back.
NHWC, NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
#: From OIHW, and back.
HWIO, OIHW = (2, 3, 1, 0), (3, 2, 0, 1)
