"""Narrower formats, in which a kernel may have computed more than its dtype says.

`formats` are those that numbers are rounded to on the way in, inside or on the way out, `scatter` says what errors look
like that such roundings make: everywhere, up as often as down. What else has their size is no format.
"""
