"""Functions that the API is asked to judge: right and wrong kernels in blocks, and correct codes of another form."""
