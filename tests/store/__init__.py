"""Tests of `nnparity.store`: what is kept comes back bit for bit, or is computed again and said.

Damage, kill -9, full disks, several processes and other versions are planted here; no test has the user's store.
"""
