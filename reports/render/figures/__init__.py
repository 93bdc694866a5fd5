"""Figures of a report, drawn by matplotlib: training runs (`loss_curves`), errors over an input's range (`ulp_curves`).

`drawing` has what they share. Strips that are a row of bars each are no figures: see `nnparity.reports.targets.strips`.
"""
