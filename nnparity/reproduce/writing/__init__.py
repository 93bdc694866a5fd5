"""The writing of a script: what it shows, the kernel's source, numbers as text, and the comparison at its end.

`sources` takes an adapter's method out of its module, `answers` turns what is right into numbers, `script` and
`comparison` put the parts together.
"""
