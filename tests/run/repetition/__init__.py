"""A case that fails, asked once more.

The adapters are wrong in one call and something else in the next; what each verdict then says is held against that.
"""
