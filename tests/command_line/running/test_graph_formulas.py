"""Formulas of graphs: an axis that an input has twice is none of samples."""

from pathlib import Path

import pytest

from nnparity.reports.records import Verdict, read_run
from nnparity.tests.invocation import invoked

GRAPHS_TOML = """
[graph_convolution]
section = "1.1"
title   = { en = "Graph convolution", zh = "图卷积" }
latex   = 'Y = A X'
inputs  = { a = "n n", x = "n d" }
output  = "n d"
wrt     = ["a", "x"]
datasets = ["normal"]
signatures = [{ n = 3, d = 5 }]
"""
GRAPHS_PY = """
import numpy as np

from nnparity.reference.registry import formula


@formula("graph_convolution")
def graph_convolution(a, x):
    return np.einsum("nm,md->nd", a, x)


@graph_convolution.vjp
def _(g, a, x):
    return np.einsum("nd,md->nm", g, x), np.einsum("nm,nd->md", a, g)
"""


def test_a_graph_whose_nodes_are_two_axes_of_its_matrix_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("graphs").mkdir()
    Path("graphs/graphs.toml").write_text(GRAPHS_TOML, encoding="utf-8")
    Path("graphs/graphs.py").write_text(GRAPHS_PY, encoding="utf-8")
    assert invoked("prove", "graphs") == 0
    assert invoked("run", "--pack", "graphs", "--backend", "numpy", "--dtype", "float32") == 0
    told = {verdict.dataset for verdict in read_run(Path("reports/out/parity.jsonl")) if isinstance(verdict, Verdict)}
    assert {"again", "nan"} <= told
    assert not {"first sample alone", "empty"} & told
