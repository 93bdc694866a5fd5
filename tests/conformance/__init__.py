"""The product: what ``pytest tests/conformance --backend NAME`` runs against a backend.

Nothing here tests the suite itself. Without a backend there is one item, which is skipped and says so.
"""
