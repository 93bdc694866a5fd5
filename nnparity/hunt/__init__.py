"""The hunt: random signatures, datasets and layouts without end, until the time is over; what fails is made small.

A plan asks the same of every target each time. This asks what no plan has asked, of any targets.
"""
