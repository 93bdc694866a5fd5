"""Processes of targets: one that hangs, dies or misbehaves (`unruly`) costs the case at hand and nothing else.

No framework is started here, and nothing judged.
"""
