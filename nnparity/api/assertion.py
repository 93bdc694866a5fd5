"""`assert_close`: the caller's own arrays, with the expectation and the tolerance derived on the spot."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnparity.api import given
from nnparity.api.comparison import Asked, dtype_of_results
from nnparity.api.own_formulas import Own
from nnparity.api.results import Result
from nnparity.spec.usage import UsageError


def assert_close(
    actual: Any,
    formula: str | Own | None = None,
    /,
    *,
    reference: Callable[..., Any] | Own | None = None,
    inputs: Mapping[str, Any] | None = None,
    wrt: str | Sequence[str] | None = None,
    cotangent: Any = None,
    accumulate: Any = "float32",
    **arrays: Any,
) -> Result:
    """Raises AssertionError unless `actual` is what the formula gives for these inputs, within derived budgets.

    Args:
        actual: An array of any framework, or several outputs as a tuple or a dict. Its dtype is the one it is held to.
        formula: A formula's id, such as ``"dense"``, or what `formula` made.
        reference: In its place a function in plain NumPy.
        inputs: The inputs and attributes by the spec's names; they may also be given as keywords.
        wrt: The inputs by which `actual` is the gradient, in its order.
        cotangent: What the gradient was propagated back from, shaped like the output; a scalar's is 1.
        accumulate: What sums in half precision are held to: float32, or the dtype itself.
        **arrays: Inputs and attributes.

    Returns:
        The `Result`, with resolution and verdicts.

    Raises:
        AssertionError: With grade, margins, resolution, worst element and diagnosis. So it does where wrong answers
            would have conformed too.
        UsageError: For inputs that do not fit the formula.
    """
    result = compared(
        actual,
        formula,
        reference=reference,
        inputs=inputs,
        wrt=wrt,
        cotangent=cotangent,
        accumulate=accumulate,
        **arrays,
    )
    if not result:
        raise AssertionError(str(result))
    return result


def compared(
    actual: Any,
    formula: str | Own | None = None,
    /,
    *,
    reference: Callable[..., Any] | Own | None = None,
    inputs: Mapping[str, Any] | None = None,
    wrt: str | Sequence[str] | None = None,
    cotangent: Any = None,
    accumulate: Any = "float32",
    **arrays: Any,
) -> Result:
    """What `assert_close` asserts, for those who have more to do with a result that does not conform."""
    named = given.named(inputs) | arrays
    asked = Asked(_meant(formula, reference), named, wrt, cotangent, accumulate)
    with asked.question(dtype_of_results(actual)) as question:
        results = given.results_named(actual, tuple(question.truth), "the result")
        verdicts = [one.verdict for one in question.answered(results)]
    return Result(verdicts, f"{question.case.formula.id} in {question.case.dtype.name} on given inputs")


def _meant(formula: Any, reference: Any) -> Any:
    if (formula is None) is (reference is None):
        raise UsageError("give either a formula's name or reference=, a function in plain NumPy")
    if formula is not None:
        return formula
    return reference if isinstance(reference, Own) else Own(reference)
