"""Functions that the API is asked to judge.

`blocks` has kernels in blocks, right and wrong, over the operations of any framework (`frameworks`), and `other_codes`
correct codes of another form than the formula's, on PyTorch.
"""
