"""A run: a plan taken through its targets, verdicts written as they fall, and the counts at the end.

`plan` says what, `scheduler` shares it among jobs, `engines` are where jobs run, `session` is what each has, `examiner`
judges, `verdicts` and `recorder` write lines, `counts` counts them, `finalization` ends the run. How a verdict is made
is not decided here.
"""
