"""Engines: where jobs run, given units of a plan, and from where what was counted and the lines of a unit come back.

`units` is a plan cut into what one job does in one go, `worker` the side of a job, `engine` what the scheduler asks of
any; `processes` has jobs in processes of this machine, `cluster` and `actor` in a Ray cluster. Verdicts are the same.
"""
