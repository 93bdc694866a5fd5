"""Size classes: the sizes at which a kernel may break, and which of them each kind of dimension takes.

Loops are cut into vectors, tiles and blocks of 4, 8, 16, 32 or 64 elements: what breaks is the tail, so that each such
number is tried with its neighbours. Primes fit no tile. Sums change their algorithm past a few hundred or thousand
terms. 0, 1, 2 and 3 are special in themselves.
"""

#: class -> the sizes that stand for it; which of them is taken differs from formula to formula.
CLASSES: dict[str, tuple[int, ...]] = {
    **{str(size): (size,) for size in range(8)},
    "few": (2, 3, 4, 5),
    "near 4": (4, 5),
    "near 8": (7, 8, 9),
    "near 16": (15, 16, 17),
    "near 32": (31, 32, 33),
    "near 64": (63, 64, 65),
    "to 64": (61, 63, 64),
    "to 256": (127, 128, 129, 255, 256),
    "prime": (11, 13, 19, 23, 29, 37, 41, 43, 47, 53, 59, 61),
    "past 64": (65, 66, 67, 71),
    "past 256": (257, 258, 263, 271),
    "past 1,024": (1025, 1026, 1031, 1039),
    "past 4,096": (4097, 4098, 4099, 4111),
    "past 16 bits": (65537, 65539, 65543, 65551),
    "past 17 bits": (131101, 131111, 131113, 131129),
}
_SMALL = ("1", "2", "3", "near 4", "near 8", "near 16")
_FEATURE = (*_SMALL, "near 32", "near 64", "prime")
#: kind of dimension -> its classes. A formula that is not defined at 0 says so: ``"n >= 1"``.
KINDS: dict[str, tuple[str, ...]] = {
    "batch": ("0", "1", "few", "near 16", "to 256"),
    "rows": ("0", "1", "few", "near 16", "to 256", "past 4,096"),
    "feature": ("0", *_FEATURE),
    "reduction": ("0", *_FEATURE, "past 256", "past 1,024", "past 4,096"),
    "parameters": ("0", *_FEATURE, "past 256", "past 1,024", "past 4,096"),
    "classes": ("1", "2", "3", "near 8", "near 32", "prime", "past 256", "past 1,024"),
    "vocabulary": ("1", "2", "near 8", "near 64", "past 256", "past 1,024"),
    "width": (*_SMALL, "near 32"),
    "channel": (*_SMALL, "near 32"),
    "image": (*_SMALL, "prime"),
    "kernel": tuple(str(size) for size in range(1, 8)),
    "sequence": (*_SMALL, "to 64"),
    "recurrence": (*_SMALL, "to 64"),
    "steps": ("1", "2", "3", "near 4", "near 8"),
    "heads": ("1", "2", "3", "4", "near 8"),
}
#: kind of dimension -> the first of these classes that the budgets hold is tried besides, with small sizes beside it:
#: what a kernel does past a block of 64 or 256 along a row shows nowhere else, and no pair of classes needs it.
LONG: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("feature", "width"), ("past 256", "past 64")),
    "channel": ("past 256", "past 64"),
    "image": ("past 1,024", "past 256"),  # windows make the result's rows shorter, to half
    "sequence": ("past 1,024", "past 256", "past 64"),  # attention goes through its keys in blocks of up to 512
}
#: Kinds of dimensions that are counted further: an index of 16 bits ends at 65,535, and so does a GPU's grid. What is
#: added up is twice as long: of a sum one term more is nothing.
COUNTED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("batch", "rows", "feature", "parameters"), ("past 16 bits",)),
    **dict.fromkeys(("reduction", "classes", "vocabulary"), ("past 17 bits", "past 16 bits")),
}
#: kind of dimension -> sizes that leave nothing over of a vector, a tile or a block: models have such, and kernels a
#: way of their own for them. The largest come first; all dimensions take the same step.
WHOLE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("batch", "rows"), (128, 64, 32, 16, 16)),
    **dict.fromkeys(("feature", "reduction", "classes", "vocabulary"), (64, 64, 32, 32, 16)),
    "parameters": (4096, 1024, 256, 64, 64),
    **dict.fromkeys(("width", "channel"), (32, 32, 16, 16, 8)),
    "image": (16, 16, 8, 8, 4),
    "kernel": (3, 3, 3, 3, 3),
    "sequence": (64, 32, 32, 16, 8),
    "recurrence": (16, 8, 8, 8, 8),
    "steps": (8, 4, 4, 4, 4),
    "heads": (8, 4, 4, 2, 2),
}
#: Kinds of dimensions that are samples, of which few leave room for larger blocks of all others; and how many.
SAMPLES = ("batch", "rows")
FEW_SAMPLES = (2, 1)
#: The class in which an array has no element.
EMPTY = "0"
