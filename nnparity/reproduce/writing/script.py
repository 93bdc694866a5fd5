"""The script itself: head, kernel, numbers and the call, as text; the comparison is in `comparison`."""

import textwrap
from fnmatch import fnmatchcase
from typing import Any

from numpy.typing import NDArray

from nnparity.adapters.dialect import Dialect
from nnparity.adapters.kernel import place
from nnparity.reproduce.writing.comparison import judged
from nnparity.reproduce.writing.drawing import BFLOAT16, COTANGENT, INPUT, TANGENT, Drawing
from nnparity.reproduce.writing.literals import NUMBERS, PACKED
from nnparity.reproduce.writing.scene import Scene
from nnparity.reproduce.writing.sources import Extraction, Unreproducible
from nnparity.spec.schema import WITH_GRAD

#: The program that gives outputs, VJP, JVP and HVP at once.
JOINT = "joint"
#: That of a formula without an input that is differentiated by, where it is not the plain call.
FIXED = "fixed"
#: Kind of numbers -> how their streams are called.
ROLES = {"inputs": INPUT, "cotangents": COTANGENT, "tangents": TANGENT}
#: What reads the numbers of a script, by its name.
READING = {"numbers": NUMBERS, "packed": PACKED, "bfloat16": BFLOAT16}
#: Names of the script's own, which no helper may have.
RESERVED = (
    *("numbers", "packed", "inputs", "primals", "rest", "cotangents", "tangents", "run", "program", "observed"),
    *("bfloat16", "CASE", "places", "whole", "worst", "usual", "mean", "margin", "margins", "agrees"),
    *("place", "at", "form"),
    *("pull", "leaves", "pulled", "gradients", "expected", "low", "hard", "sharp", "answers", "fits", "error", "y"),
)


def script(scene: Scene, kernel: Extraction, dialect: Dialect) -> str:
    """The text of the script. Raises Unreproducible."""
    formula = scene.case.formula
    method = kernel.method(formula.id, tuple(formula.inputs))
    for path in dialect.taken:
        kernel.take(path)
    body = "\n\n".join((_numbers(scene, dialect, kernel), _program(scene, dialect), _call(scene, dialect, kernel)))
    end = judged(scene)
    reading = {one: f"{name}(" in body + end for name, one in READING.items()}
    parts = [
        _head(scene, kernel, dialect, packed=reading[PACKED]),
        *kernel.blocks,
        *(text for text, needed in reading.items() if needed),
        dialect.tools,
        _run(scene, kernel, method),
        dialect.inside.get(scene.mode, ""),
        "" if scene.family == "output" else dialect.helpers,
        *(body, end),
    ]
    text = "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"
    if "nnparity." in text:
        raise Unreproducible(f"the kernel of {formula.id} needs nnparity itself")
    return text


def _head(scene: Scene, kernel: Extraction, dialect: Dialect, packed: bool) -> str:
    keras = _keras(kernel)
    usual = ["import base64", "import zlib"] * packed + ["import os"] * keras + ["import sys"]
    environment = f'\nos.environ["KERAS_BACKEND"] = "{dialect.keras}"\n' if keras else ""
    own = [*dialect.imports.splitlines(), *kernel.imports]
    imports = [line for line in dict.fromkeys(own) if line not in ("import numpy as np", "import sys", "import os")]
    settings = [dialect.settings[one] for one in ("", scene.mode) if one in dialect.settings]
    lines = [*sorted(usual), environment, "import numpy as np", *imports, "", *settings]
    return f'"""{scene.title}"""\n\n' + "\n".join(lines)


def _keras(kernel: Extraction) -> bool:
    return any("keras" in line for line in kernel.imports)


def _run(scene: Scene, kernel: Extraction, method: str) -> str:
    """The formula as a function of the inputs differentiated and of the others, which returns a tuple."""
    formula = scene.case.formula
    rest = [name for name in formula.inputs if name not in formula.wrt]
    options = [f"{name}={value!r}" for name, value in scene.case.signature.attributes.items()]
    options += [] if formula.inputs else [f"dtype={scene.case.dtype.name!r}"]
    inputs = formula.inputs if kernel.takes(method, formula.inputs) else [f"{name}={name}" for name in formula.inputs]
    given = ", ".join([*inputs, *options])
    behind = "" if len(scene.outputs) > 1 else ","
    call = f"{method}({given})"
    return f"def run({', '.join((*formula.wrt, *rest))}):\n    return {call if not behind else f'({call},)'}"


def _numbers(scene: Scene, dialect: Dialect, kernel: Extraction) -> str:
    case = scene.case
    wanted = {"inputs": case.inputs}
    if scene.answers and (scene.together or scene.family in ("grad", "hvp", WITH_GRAD)):
        wanted["cotangents"] = case.cotangents
    if scene.answers and (scene.together or scene.family in ("jvp", "hvp")):
        wanted["tangents"] = case.tangents
    total = sum(array.size for arrays in wanted.values() for array in arrays.values())
    drawing = Drawing(scene.drawn, kernel, total)
    lines = []
    for kind, arrays in wanted.items():
        rows = "".join(
            f'    "{name}": {_tensor(drawing.written(ROLES[kind], name, array), array, scene, dialect)},\n'
            for name, array in arrays.items()
        )
        lines.append(f"{kind} = {{\n{rows}}}")
    wrt = "".join(f'inputs.pop("{name}"), ' for name in case.formula.wrt)
    lines.append(f"primals, rest = ({wrt.rstrip(' ')}), inputs".replace("()", "tuple()"))
    drawn = {kind: f"tuple({kind}.values())" if kind in wanted else "()" for kind in ("cotangents", "tangents")}
    lines += [f"{kind} = {made}" for kind, made in drawn.items()]
    return "\n".join([drawing.head, *lines] if drawing.drawn else lines)


def _tensor(text: str, array: NDArray[Any], scene: Scene, dialect: Dialect) -> str:
    form = dialect.bfloat16 if array.dtype.name == "bfloat16" and dialect.bfloat16 else dialect.floats
    form = dialect.whole if array.dtype.kind in "iub" else form
    return form.format(array=text, dtype=array.dtype.name, device=_device(scene, dialect))


def _device(scene: Scene, dialect: Dialect) -> str:
    """The device as the framework's own code names it."""
    kind, number = place(scene.device)
    upper = {"cuda": "GPU"}.get(kind, kind.upper())
    return dialect.device.format(kind=kind, KIND=upper, place=number, index=f":{number}" if number else "")


def _program(scene: Scene, dialect: Dialect) -> str:
    if scene.together:
        return _defined(dialect.programs[JOINT])
    family = next((told for word, told in dialect.instead.items() if word in scene.note), scene.family)
    fixed = dialect.programs.get(FIXED, "return run(*primals, **rest)")
    text = dialect.programs[family] if scene.case.formula.wrt else fixed
    return _defined(text)


def _defined(text: str) -> str:
    body = textwrap.indent(text.strip(), "    ")
    return f"\ndef program(primals, rest, cotangents, tangents):\n{body}\n\n"


def _call(scene: Scene, dialect: Dialect, kernel: Extraction) -> str:
    around = [dialect.around] if dialect.around else []
    around += [
        context
        for (formula, family), context in dialect.contexts.items()
        if family == scene.family and fnmatchcase(scene.case.formula.id, formula)
    ]
    # Of a training run some compile the steps, and nothing around them.
    whole = not (scene.case.formula.trajectory and (dialect.steps or _keras(kernel)))
    made = dialect.compiled.get(scene.mode, "program") if whole else "program"
    y, indent = f"y = {made}(primals, rest, cotangents, tangents)[{scene.place}]", "    "
    lines = ["try:"]
    if around:
        lines.append(f"    with {', '.join(around)}:".replace("{device}", _device(scene, dialect)))
        indent += "    "
    read = f"observed = {dialect.read.format(y='y')}"
    lines += [f"{indent}{y}", f"{indent}{read}", "except Exception as error:"]
    if not scene.answers:
        lines += ['    print(f"agrees: raises {type(error).__name__}: {error}")', "    sys.exit(0)"]
        lines += ['sys.exit(f"disagrees: must raise, and answers {observed}")']
    else:
        says = "agrees, as it may raise" if scene.may_raise else "disagrees: raises"
        lines += [
            f'    print(f"{says}: {{type(error).__name__}}: {{error}}")',
            f"    sys.exit({int(not scene.may_raise)})",
        ]
        shape, dtype = scene.shape, scene.case.dtype.name
        lines += [
            f"form = observed.shape, {dialect.named.format(y='y')}",
            f'if form != ({shape}, "{dtype}"):',
            f'    sys.exit(f"disagrees: returns {{form}}, expected {shape} of {dtype}")',
        ]
    if scene.steps is not None:
        lines.append(f"observed = observed[:{scene.steps}]  # so many steps of the run can be foretold")
    return "\n".join(lines)
