"""How the shapes of arrays stand in signatures: ``x: Float[Array, "n c h w"]``, in the spec's own symbols.

The notation is jaxtyping's: a word for each axis, ``h-p+1`` what is computed, ``*n`` any number of axes, ``...`` the
same without a name, "" a scalar. Nothing is checked when the code runs, and nothing is imported for it: to mypy
`Float` and `Int` are `typing.Annotated`, to ``inspect`` they leave a `Shape`. A test holds them against the spec.

`Array` is an `ndarray` or a reading, a duck array that computes with errors, tangents or enclosures; NumPy's functions
take both and no type says so, therefore it is Any.
"""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

Array = Any


class Shape(NamedTuple):
    """What an annotation says of an array: "Float" or "Int", and its axes."""

    kind: str
    axes: str


if TYPE_CHECKING:
    from typing import Annotated as Float
    from typing import Annotated as Int
else:

    class Float:
        """Real numbers, which have derivatives."""

        def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
            array, axes = item
            return Annotated[array, Shape(cls.__name__, axes)]

    class Int(Float):
        """Whole numbers: labels, ids of tokens, masks of 0 and 1 or of truth values."""


#: Gradients by the inputs that the spec's `wrt` names, in its order, each of its input's shape.
Gradients = tuple[Float[Array, "..."], ...]
#: A model's parameters one by one, or what belongs to each of them, in the order of the spec's inputs.
Weights = list[Float[Array, "..."]]

__all__ = ["Array", "Float", "Gradients", "Int", "Shape", "Weights"]
