"""The backends of `make more`, where they are installed: what their adapters do that others need not."""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.registry import load
from nnparity.adapters.request import Failure, Request
from nnparity.execute.observer import Observer
from nnparity.execute.requests import request
from nnparity.reference import FORMULAS
from nnparity.spec import cases_of
from nnparity.spec import load as formulas
from nnparity.spec.cases.special_values import special_case


@pytest.fixture
def onnx_adapter() -> Any:
    pytest.importorskip("onnxruntime")
    return load("onnxruntime")()


def graphs(adapter: Any) -> Iterator[tuple[str, set[str]]]:
    """The operators in the graph of each formula's first case in float32."""
    import onnx

    from nnparity.adapters.onnxruntime.arrays import traced

    for id in adapter.kernels():
        asked = request(next(cases_of(formulas()[id], "float32"))[0], frozenset({"output"}))
        operation = adapter._operation(asked)
        model = traced(lambda point, op=operation: op(*point.primals, **point.rest), operation, adapter._point(asked))
        yield id, {node.op_type for node in onnx.load_from_string(model).graph.node}


def test_the_graph_of_a_formula_has_the_operators_that_are_declared(onnx_adapter: Any) -> None:
    declared = onnx_adapter.kernels()
    missing = {id: {path.split(".")[-1] for path in declared[id].paths} - nodes for id, nodes in graphs(onnx_adapter)}
    assert {id: names for id, names in missing.items() if names} == {}


def test_an_operator_that_onnx_does_not_have_is_no_attribute() -> None:
    pytest.importorskip("onnx")
    from nnparity.adapters.onnxruntime.operators import onnx

    assert callable(onnx.Gemm)
    with pytest.raises(AttributeError, match="no operator Sigmoidal"):
        _ = onnx.Sigmoidal


def test_a_graph_is_made_once_for_a_signature(onnx_adapter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = type(onnx_adapter)._session
    monkeypatch.setattr(type(onnx_adapter), "_session", lambda *args: made.append(args) or real(*args))
    for shape in ((2, 3), (2, 3), (4, 3)):
        x = np.ones(shape, np.float32)
        seen = onnx_adapter.observe(Request("tanh", {"x": x}, wrt=("x",), quantities=frozenset({"output"})))
        np.testing.assert_array_equal(seen["output"], seen["output"][:1].repeat(shape[0], 0))
    assert len(made) == 2


def test_forward_only_is_told(onnx_adapter: Any) -> None:
    x = np.ones((2, 3), np.float32)
    asked = Request("tanh", {"x": x}, wrt=("x",), cotangents={"output": x}, quantities=frozenset({"grad"}))
    (seen,) = onnx_adapter.observe(asked).values()
    assert isinstance(seen, Failure)
    assert seen.kind == "unsupported"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("backend", ["onnxruntime", "mlx", "tinygrad", "paddle"])
def test_numbers_go_in_and_out_as_they_are(backend: str, dtype: str) -> None:
    adapter = made(backend)
    x = np.array([[1.0, -0.0, 3.140625], [np.inf, 2.0**-14, 0.1]]).astype(dtype)
    with adapter.scope():
        back = adapter.get(adapter.put(x))
    assert back.dtype == x.dtype
    assert back.tobytes() == x.tobytes()


@pytest.mark.parametrize("backend", ["mlx", "tinygrad", "paddle"])
def test_two_inputs_that_are_one_array_have_gradients_of_their_own(backend: str) -> None:
    p = np.array([0.25, 0.5], np.float32)
    asked = Request(
        "gan_discriminator_loss",
        {"real": p, "fake": p.copy()},
        wrt=("real", "fake"),
        cotangents={"output": np.ones((), np.float32)},
        quantities=frozenset({"grad"}),
        layout="aliased",
    )
    seen = made(backend).observe(asked)
    assert all(isinstance(one, np.ndarray) for one in seen.values()), seen
    np.testing.assert_allclose(seen["grad.real"], [-2, -1], rtol=1e-6)
    np.testing.assert_allclose(seen["grad.fake"], [2 / 3, 1], rtol=1e-6)


def test_mlx_is_asked_no_sum_over_an_empty_batch_which_may_never_end() -> None:
    """A bias's gradient is one. There is none forward, nor in the gradient of what is empty itself."""
    seen = {}
    for formula in ("dense", "tanh"):
        case = special_case(formulas()[formula], "empty", "float32")
        seen |= made("mlx").observe(request(case, frozenset({"output", "grad"})))
        assert isinstance(seen["output"], np.ndarray)
        assert isinstance(seen["grad.x"], Failure) == (formula == "dense")
    assert (seen["grad.b"].kind, "may never end" in seen["grad.b"].message) == ("unsupported", True)


def made(backend: str) -> Any:
    """An adapter, if its framework is here; tinygrad compiles with clang."""
    pytest.importorskip(backend)
    if backend == "tinygrad" and shutil.which("clang") is None:
        pytest.skip("tinygrad has no clang here")
    return load(backend)()


def test_equal_pixels_may_share_a_gradient() -> None:
    x = np.array([[[[1.0, 1.0], [0.0, 1.0]]]])
    shared = FORMULAS["max_pool2d"].gradients(np.full((1, 1, 1, 1), 6.0), x, scan="shared")
    np.testing.assert_array_equal(shared[0], [[[[2.0, 2.0], [0.0, 2.0]]]])


def test_an_infinite_logit_beside_the_label_may_cost_an_infinite_loss() -> None:
    z, labels = np.array([[np.inf, 0.0]]), np.array([1])
    with np.errstate(invalid="ignore"):
        assert np.isnan(FORMULAS["sparse_cross_entropy_logits"](z, labels))
        assert FORMULAS["sparse_cross_entropy_logits"](z, labels, shift=False) == np.inf


def test_paddle_gives_a_masked_key_a_little_of_its_weight() -> None:
    adapter = made("paddle")
    q, v, mask = np.ones((1, 1, 2), np.float32), np.ones((1, 2, 2), np.float32), np.array([[1, 0]], np.int32)
    seen = adapter.observe(
        Request(
            "masked_attention",
            {"q": q, "k": v, "v": v.copy(), "mask": mask},
            wrt=("q", "k", "v"),
            cotangents={"output": q.copy()},
            quantities=frozenset({"grad", "jvp"}),
            tangents={"q": q, "k": v, "v": v},
        )
    )
    np.testing.assert_allclose(seen["grad.v"][0, 1], np.exp(np.float32(-64)), rtol=1e-5)
    assert isinstance(seen["jvp"], Failure)
    assert seen["jvp"].kind == "unsupported"


def test_paddle_goes_on_with_adam_where_it_was() -> None:
    adapter = made("paddle")
    one = np.ones(1)
    inputs = {"w": 0 * one, "m": one, "v": one, "g": one}
    attributes = {"lr": 1.0, "beta1": 0.5, "beta2": 0.5, "eps": 0.0, "step": 2}
    outputs = ("w_next", "m_next", "v_next")
    seen = adapter.observe(Request("adam", inputs, attributes, outputs=outputs))
    assert [float(seen[f"output.{name}"][0]) for name in outputs] == pytest.approx([-1.0 / 0.75 * 0.75**0.5, 1.0, 1.0])


def test_tinygrad_stays_on_the_cpu_where_it_would_choose_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tinygrad")
    monkeypatch.setenv("DEV", "PYTHON")
    observer = Observer("tinygrad")
    observer.submit([request(next(cases_of(formulas()["adam"], "float32"))[0], frozenset({"output"}))])
    (seen,) = observer.collect()
    observer.close()
    assert {name: type(y) for name, y in seen.observation.items()} == dict.fromkeys(seen.observation, np.ndarray)
