"""Execution: targets in processes of their own, requests sent to them, and what came back.

`target` names and starts one, `observer` keeps its process, `worker` is that process, `protocol` what passes between
them, `requests` makes a request of a case, `subnormal_probe` asks once whether it flushes. Nothing is judged here.
"""
