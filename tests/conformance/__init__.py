"""The product: what ``pytest tests/conformance --backend NAME`` runs against a backend."""
