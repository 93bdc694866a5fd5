"""The format of a run: one JSON object a line, written by the harness, read by everybody.

The first line is the ``environment``. ``formula`` and ``target`` lines describe what the
verdicts speak of, so that a reader of the file needs nothing else; ``verdict`` lines are
appended as they fall, and a ``summary`` closes a run that was not cut short. ``known`` lines say what is on record of
the divergences that were met. Lines are chained: see `reports.chain`.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

#: Grades, best first. Everything from ``unsupported`` on says that there was nothing to judge.
GRADES = (
    "conforms",
    "inconclusive",
    "imprecise",
    "nondeterministic",
    "diverges",
    "error",
    "crashed",
    "timed out",
    "unsupported",
)

#: Grades that say nothing against the target.
PASSING = ("conforms", "inconclusive", "unsupported")
#: Those of an answer that is not right.
WRONG = ("imprecise", "diverges")

#: How dtypes are called where there is little room.
SHORT = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16"}

DTYPES = tuple(SHORT)

#: Families of quantities, in the order that they are shown in.
FAMILIES = ("output", "grad", "jvp", "hvp")

#: What the note of a verdict on record says where the record tells it from no wrong answer; those follow.
ALSO_MET = "its record would be met by wrong answers too: "

#: A number as JSON can hold it: finite as a number, otherwise "nan", "inf" or "-inf".
Number = float | Annotated[str, msgspec.Meta(pattern="^(?:nan|inf|-inf)(?!\\n)$")]
#: What is counted, and CPU or wall time: of no file more than can be added up and told.
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Grade = Annotated[str, msgspec.Meta(pattern=f"^(?:{'|'.join(GRADES)})(?!\\n)$")]


def number(value: float) -> Number:
    """`value` itself when JSON can hold it, else its name."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


class Environment(msgspec.Struct, frozen=True, tag_field="kind", tag="environment"):
    """Where and how a run was made. `seeds` names the scheme that draws the inputs, `salt` varies it."""

    started: str
    nnparity: str
    python: str
    platform: str
    cpu: str
    cores: Count
    packages: dict[str, str]
    spec_digest: str
    seeds: str
    salt: str
    plan: dict[str, list[str]]
    #: A hash of what computes and judges.
    code: str = ""
    #: The processor's vector instructions, which decide which kernels run.
    instructions: tuple[str, ...] = ()


#: The entry of a plan that says that a run judged no target, but faults planted in one by `nnparity mutate`.
MUTATION = "mutation"


class FormulaLine(msgspec.Struct, frozen=True, tag_field="kind", tag="formula"):
    """A formula as the report shows it. `errata` holds (says, why, means); `conventions` of what -> text."""

    id: str
    section: str
    title: dict[str, str]
    latex: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    conventions: dict[str, str] = {}
    errata: list[dict[str, str]] = []
    variants: dict[str, str] = {}
    chapter: str = ""
    #: The pack that it belongs to; the primer has none.
    pack: str = ""


class Kernel(msgspec.Struct, frozen=True):
    """What a target runs for a formula: the framework's own operation, or a composition and why.

    `convention` says where the framework reads the formula otherwise, and what the adapter does about it.
    """

    calls: str
    composed: bool = False
    because: str = ""
    convention: str = ""


#: The property of a target that says where its adapter is, where it does not come with nnparity.
ADAPTER = "adapter"
#: The property of a target that no script can be written for: its verdicts are shown again by the suite itself.
SCRIPTS, NO_SCRIPTS = "scripts", "none: nothing says how its framework is spoken to in one"


class TargetLine(msgspec.Struct, frozen=True, tag_field="kind", tag="target"):
    """An implementation under test. `available` False: it is not here, and `reason` says why."""

    target: str
    available: bool
    reason: str = ""
    versions: dict[str, str] = {}
    kernels: dict[str, Kernel] = {}
    unsupported: dict[str, str] = {}
    #: e.g. "subnormals": "flushed to zero", "second order": "double backward"
    properties: dict[str, str] = {}
    import_seconds: Seconds = 0.0
    #: A digest of the code of its adapter, where that does not come with nnparity.
    source: str = ""


class Worst(msgspec.Struct, frozen=True):
    """The element with the largest hard margin."""

    index: list[Count]
    observed: Number
    expected: Number


#: How the diagnoses of a narrower format begin or go on: fewer bits than the dtype has, in the right formula.
NARROWER = ("rounded to", "accumulates in", "as accurate as")
#: Datasets in which one observation of a case is held against another of the same case.
REPEATED = ("again", "read after another call", "in another process")
#: How those are told that find another call's inputs or answer in what a call gave.
EARLIER = (
    "is still that of",
    "the answer to the call before",
    "the answer to the case before",
    "the answer to an earlier",
)
#: How a message says what came when a case that fails was asked once more; the diagnosis of what was right then.
ONCE_MORE, OTHER_BITS = "asked once more it gave ", "other bits"
RIGHT_AGAIN = "right when asked once more: not deterministic, or dependent on the calls before"
#: What begins a diagnosis that is none, and one that is not sure; what stands between names that fit equally.
UNKNOWN, LIKELY, OR = "unknown: ", "likely: ", "; or: "


class Verdict(msgspec.Struct, frozen=True, tag_field="kind", tag="verdict"):
    """The grade of one quantity of one observation.

    `hard` and `sharp` are margins: error over budget, at most 1 when it holds. `bits` is the
    effective precision, -log2(u * sharp). `known` is the id of a recorded divergence it matches.
    `note` is what a passing verdict still has to say (which subgradient, which precision model), and of one on record
    which wrong answers its record would take as well, see ALSO_MET. `rms` is the root mean
    square of error over the sharp budget, before what chance explains. `resolution` is the smallest relative error of
    the whole array that would not have conformed, `blind` the part of its elements whose budget reaches their size.
    `digest` stands for the bits that were observed: with another digest they were others. Where a case has numbers of
    its own, as in a hunt, `salt` is what they were drawn with, and `layout` how its inputs lay where not as usual: the
    same case is there as often as it was drawn.
    """

    case: str
    formula: str
    signature: str
    dataset: str
    dtype: str
    target: str
    quantity: str
    grade: Grade
    hard: Number | None = None
    sharp: Number | None = None
    ulp: Number | None = None
    bits: Number | None = None
    worst: Worst | None = None
    diagnosis: str | None = None
    message: str | None = None
    seconds: Seconds = 0.0
    known: str | None = None
    note: str | None = None
    rms: Number | None = None
    resolution: Number | None = None
    blind: Number | None = None
    digest: str | None = None
    salt: str | msgspec.UnsetType = msgspec.UNSET
    layout: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def asked(self) -> tuple[str, str, str, str, str]:
        """What it answers: no two verdicts of a run have the same."""
        return self.case, self.target, self.quantity, self.salted(), self.layout or ""

    @property
    def names(self) -> tuple[str, ...]:
        """Those that its diagnosis has for what is wrong, which fit equally; none where nothing known explains it."""
        if self.diagnosis is None or self.diagnosis.startswith(UNKNOWN):
            return ()
        return tuple(self.diagnosis.removeprefix(LIKELY).split(OR))

    @property
    def follows(self) -> bool:
        """Whether its diagnosis says that it follows from the calls before, and not from its inputs alone."""
        return any(words in name for name in self.names for words in EARLIER)

    @property
    def narrower(self) -> bool:
        """Whether its diagnosis says, by all of its names, that bits are missing in the right formula."""
        return bool(self.names) and all(any(words in name for words in NARROWER) for name in self.names)

    def salted(self, plain: str = "") -> str:
        """The salt that its numbers were drawn with, where that of its run is `plain`."""
        return plain if isinstance(self.salt, msgspec.UnsetType) else self.salt


class KnownLine(msgspec.Struct, frozen=True, tag_field="kind", tag="known"):
    """A known divergence that verdicts of this run meet: what the report says of it.

    `class_` is one of `reports.causes.classes.CLASSES`. `versions` are the ranges of its record,
    package -> range, `expects` what a verdict must be instead, `scope` the patterns of its formulas, targets and so on.
    """

    id: str
    class_: str = msgspec.field(name="class")
    reason: str
    upstream: str = ""
    versions: dict[str, str] = {}
    expects: dict[str, str] = {}
    scope: dict[str, list[str]] = {}
    unbounded: str = ""


class Fact(msgspec.Struct, frozen=True, tag_field="kind", tag="fact"):
    """One cell of a further table of the report, e.g. table "special values", row, column, text."""

    table: str
    row: str
    column: str
    text: str


class Curve(msgspec.Struct, frozen=True, tag_field="kind", tag="curve"):
    """A series of a training run, step by step: what a target saw, what the reference expects, and how surely.

    `sharp` is the error to expect of each step. Only the first `judged` steps were judged: as long as the loss is
    told to `foreseen` of itself.
    """

    case: str
    formula: str
    signature: str
    dtype: str
    target: str
    series: str
    observed: list[Number]
    expected: list[Number]
    sharp: list[Number]
    judged: Count
    foreseen: float

    def __post_init__(self) -> None:
        """Raises ValueError for series that do not go together."""
        if not len(self.observed) == len(self.expected) == len(self.sharp) >= self.judged:
            lengths = f"{len(self.observed)} observed, {len(self.expected)} expected, {len(self.sharp)} sharp"
            raise ValueError(f"series of unequal length: {lengths}, {self.judged} judged")


#: The octaves of an input that are told apart, as exponents of 2: from the first to below the last.
OCTAVES = (-12, 10)


class Ulps(msgspec.Struct, frozen=True, tag_field="kind", tag="ulps"):
    """Of an elementary function the largest error in units in the last place, octave by octave of its input.

    `largest` begins with the most negative octave; the one in the middle has all inputs below the first of `OCTAVES`,
    the outermost have what is larger, too. None where no input lies there whose result is an ordinary number.
    """

    formula: str
    dtype: str
    target: str
    largest: list[Number | None]


#: Why there is no script of a verdict that only some calls before it made wrong, and what it was graded then.
BY_ITSELF = "asked once more by itself it is graded"


class ScriptLine(msgspec.Struct, frozen=True, tag_field="kind", tag="script"):
    """A script that shows a verdict with the framework and NumPy alone, as `nnparity reproduce` prints it.

    Where there is none `text` is empty, and `why` says the reason.
    """

    case: str
    target: str
    quantity: str
    text: str = ""
    why: str = ""


class Summary(msgspec.Struct, frozen=True, tag_field="kind", tag="summary"):
    """How a run ended: counts per grade, stale records, seconds of each part of the work.

    `programs` says of each target that compiles how many it has "compiled", and how many it had "from the cache".
    `kept` says of each kind of result how many were "from the store", "computed", or "damaged and computed again", and
    `troubles` what was wrong with the store.
    """

    counts: dict[Grade, Count]
    known: Count
    stale: list[str]
    seconds: dict[str, Seconds]
    programs: dict[str, dict[str, Count]] = {}
    kept: dict[str, dict[str, Count]] = {}
    troubles: list[str] = []


class Finished(msgspec.Struct, frozen=True, tag_field="kind", tag="finished"):
    """The end of a unit of the plan: all its lines of this writer stand before. What else was counted, as in `Summary`.

    `ran` are the known records whose whole scope was run, `held` those that something met.
    """

    unit: str
    seconds: dict[str, Seconds]
    ran: list[str]
    held: list[str]
    programs: dict[str, dict[str, Count]]
    kept: dict[str, dict[str, Count]]
    troubles: list[str]


class Seal(msgspec.Struct, frozen=True, tag_field="kind", tag="seal"):
    """The last line: writer -> how many lines it wrote and the digest of its last one. See `reports.chain`."""

    writers: dict[str, Annotated[str, msgspec.Meta(pattern="^[0-9]{1,15}[.][0-9a-f]+$")]]


Line = (
    Environment
    | FormulaLine
    | TargetLine
    | Verdict
    | KnownLine
    | Fact
    | Curve
    | Ulps
    | ScriptLine
    | Finished
    | Summary
    | Seal
)
_decoder = msgspec.json.Decoder(Line)


def decode(text: bytes) -> Line:
    """One line of a run file. Raises msgspec.DecodeError, and ValidationError for whole JSON that is no record."""
    try:
        line: Line = _decoder.decode(text)
    except RecursionError as error:
        raise msgspec.ValidationError("nested deeper than any record is") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    return line


def read_run(path: Path) -> Iterator[Line]:
    """The lines of a run file. A last line cut short by a kill is left out.

    Raises ValueError, naming file, line and field, for any other line that is not a record.
    """
    lines = Path(path).read_bytes().split(b"\n")
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield decode(line)
        except msgspec.DecodeError as error:
            # No newline behind it and broken JSON: the writer was killed here. Whole JSON with a wrong field is not.
            if row == len(lines) and not isinstance(error, msgspec.ValidationError):
                return
            raise ValueError(f"{path}:{row}: {error}") from error


def encode(line: Line) -> bytes:
    """`line` as one JSON line, newline included."""
    return msgspec.json.encode(line) + b"\n"
