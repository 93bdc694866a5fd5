"""What every adapter shares: from a request to an observation.

A framework's module states only what differs: how arrays go in and out, how it differentiates,
and one method per formula that calls its own operation. Everything else is here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import Any, ClassVar

from nnparity.adapters.kernel import (
    DeviceUnavailable,
    Kernel,
    Mapped,
    Operation,
    Point,
    Program,
    Tensor,
    Tensors,
    Unsupported,
    distributions,
    in_a_way,
    is_word,
)
from nnparity.adapters.request import (
    Array,
    Failure,
    Observation,
    Request,
    added_up,
    altered,
    asked,
    declared,
    directions,
    keys,
    listed,
    observed,
    once,
    repeated,
    unmasked,
)
from nnparity.adapters.shared.concurrency import beside, repeatedly
from nnparity.adapters.shared.floating_point import kept
from nnparity.adapters.shared.optional_methods import OptionalMethods
from nnparity.adapters.traceback import by_its_class, comes_along, frames_of, raised_in, with_frames
from nnparity.spec.cases.layouts import ALIASED, CONTIGUOUS, MIXTURES, laid_otherwise
from nnparity.spec.schema import QUANTITIES, WITH_GRAD, plain

#: All families of quantities, in the order in which an observation tells them.
FAMILIES = ("output", WITH_GRAD, *QUANTITIES[1:])
SECOND = ("jvp", "hvp")


class Adapter(OptionalMethods, ABC):
    """A backend on one device in one mode; formulas are methods named by their id.

    A method takes the inputs (tensors) and the attributes as keywords, by their names in the
    spec, and returns a tensor, or a tuple in the order of the outputs. A formula without
    inputs is told its dtype as the keyword ``dtype``.
    """

    #: The name of its targets and records. A class that derives from another backend's and says none is called by its
    #: own name, `NoBias` no-bias, and so is one that derives from that: what is on record of one is not said of others.
    backend: ClassVar[str]
    #: The distributions that decide the numbers; none are those of the first names of what its kernels call.
    packages: ClassVar[tuple[str, ...]] = ()
    #: The first is the one that is run where none is named: as the framework's users run it.
    modes: ClassVar[tuple[str, ...]] = ("eager",)
    #: Whether one program gives outputs, VJP, JVP and HVP: for a framework to which each program costs time to compile.
    joint: ClassVar[bool] = False
    second_order: ClassVar[str] = "as the adapter's jvp and hvp compute it, where it has them"
    unsupported: ClassVar[Mapping[str, str]] = {}
    #: How the framework itself says that it does not do this, where it raises no NotImplementedError.
    refusals: ClassVar[tuple[str, ...]] = ()
    #: What the framework refuses of a formula that it has: patterns of formula, dtype, quantity and
    #: ``device:mode`` -> the reason. A refusal that is not declared here is an error.
    refused: ClassVar[Mapping[tuple[str, str, str, str], str]] = {}

    #: The layouts, of `spec.cases.layouts`, that `arrange` knows; that of one array for two inputs everybody has.
    layouts: ClassVar[tuple[str, ...]] = (ALIASED,)
    #: Formulas of which the same case need not give the same bits again -> the reason.
    nondeterministic: Mapping[str, str] = {}
    #: (formula, dtype, quantity) as patterns -> the model of precision it is held to, one of `spec.precision`,
    #: where that is not `ACCUMULATE`; the first that fits.
    precision: Mapping[tuple[str, str, str], str] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        named = next((one for one in cls.__mro__ if "backend" in vars(one)), None)
        if named and (comes_along(named) or vars(named)["backend"] == by_its_class(named)) and not comes_along(cls):
            cls.backend = by_its_class(cls)

    def __init__(self, device: str = "", mode: str = "") -> None:
        """Raise `DeviceUnavailable` for a device that is not here, ValueError for an unknown mode."""
        there: Any = self.devices()
        if not isinstance(there, list | tuple) or not all(map(is_word, there)):
            raise TypeError(f"`devices` of {self.backend} gives {there!r}: a list of words is meant, such as ['npu0']")
        device, mode = device or next(iter(there), "none"), mode or self.modes[0]
        if device not in there:
            only = f"no {device} here, only {', '.join(there)}" if there else "no device here"
            raise DeviceUnavailable(f"{self.backend} has {only}")
        if mode not in self.modes:
            raise ValueError(f"{self.backend} has no mode {mode!r}, only {', '.join(self.modes)}")
        self.device, self.mode = device, mode
        #: Of the last observation, family -> what its note says: that it was not come by as usual.
        self.notes: dict[str, str] = {}
        self._operations: dict[str, Operation] = {}
        self._programs: dict[tuple[Callable[..., Tensors], Operation], Program] = {}

    @property
    def target(self) -> str:
        """The target's name, such as ``torch:cpu:eager``."""
        return f"{self.backend}:{self.device}:{self.mode}"

    @property
    def programs(self) -> dict[str, int]:
        """How many programs this process has needed so far: "compiled" here, and "from the cache"."""
        return {}

    @classmethod
    def devices(cls) -> list[str]:
        """The devices that are really available, in the adapter's own words; the first is the one that is usual."""
        return ["cpu"]

    @classmethod
    def versions(cls) -> dict[str, str]:
        """The versions of the distributions that decide the numbers."""
        return {name: metadata.version(name) for name in cls.packages or distributions(cls.kernels().values())}

    @classmethod
    def kernels(cls) -> dict[str, Kernel]:
        """What each formula runs, by formula id."""
        found = {name: getattr(getattr(cls, name), "kernel", None) for name in dir(cls)}
        return {name: declared for name, declared in found.items() if isinstance(declared, Kernel)}

    # --- what each framework gives

    @abstractmethod
    def put(self, array: Array) -> Tensor:
        """A tensor on the device holding a copy of `array`, in its dtype."""

    def arrange(self, tensor: Tensor, layout: str) -> Tensor:
        """The same numbers in another layout of `layouts`; where several inputs are one array, another name for it."""
        if layout == ALIASED:
            return tensor
        raise NotImplementedError(layout)

    @abstractmethod
    def get(self, tensor: Tensor) -> Array:
        """The tensor as a NumPy array of the same dtype."""

    def functional_vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """As `vjp`, in a way that `vmap` can map."""
        return self.vjp(operation, point)

    @abstractmethod
    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """The outputs, and the cotangents pulled back to each primal (zeros when unconnected)."""

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        """The tangents pushed forward to each output."""
        raise Unsupported(f"the {self.backend} adapter gives no forward derivatives")

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        """The derivative of the VJP when the primals move along the tangents, cotangents fixed."""
        raise Unsupported(f"the {self.backend} adapter gives no second derivatives")

    def jvp_hvp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """Both at once, for a framework that shares work between them."""
        return self.jvp(operation, point), self.hvp(operation, point)

    def all_families(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors, Tensors, Tensors]:
        """Outputs, VJP, JVP and HVP, where `joint` or `gradients_on_the_way` says that one call gives them all."""
        return (*self.vjp(operation, point), *self.jvp_hvp(operation, point))

    @property
    def gradients_on_the_way(self) -> bool:
        """Whether `all_families` costs no more than `jvp_hvp`: a request for all families is one call then."""
        return False

    def scope(self) -> AbstractContextManager[Any]:
        """What must hold around an observation: device, precision flags."""
        return nullcontext()

    @property
    def sets_threads(self) -> bool:
        """Whether `on_threads` is there: else a process is started for each number of threads."""
        return False

    def on_threads(self, threads: int) -> AbstractContextManager[Any]:
        """So many threads for the kernels while this holds."""
        raise NotImplementedError(threads)

    def inference(self) -> AbstractContextManager[Any]:
        """What holds around the plain forward of a formula that has derivatives: no gradients, no graph."""
        return nullcontext()

    def compile(self, program: Program) -> Program:
        """The program as the mode runs it: as it is when eager; jit, tf.function ... in others."""
        return program

    # --- from a request to an observation

    def observe(self, request: Request) -> Observation:
        """Every quantity asked for; a family that fails does not lose the others.

        The output that comes with the gradients is one more quantity where it is not the plain forward's: `WITH_GRAD`.
        """
        self.notes = {}
        request = request.stacked
        try:
            operation = self._operation(request)
            with self.scope(), self.on_threads(request.threads) if request.threads else nullcontext():
                point = self._point(request.inner_halved if request.overwrites else request)
                tensors = dict(zip(request.wrt, point.primals, strict=True)) | point.rest
                if request.after_nan:
                    self._families(request, operation, self._point(request.of_nan))
                if request.overwrites:
                    self._families(request, operation, point)
                    for name, tensor in tensors.items():
                        self.write(tensor, request.inputs[name])
                seen = added_up(self._families(request, operation, point), request)
                if changed := altered(request.inputs, tensors, self.get, self.put):
                    raise ValueError(f"the method of {request.formula} changed its input {changed}")
                given = directions(request)
                moving = dict(zip(given, (*point.cotangents, *point.tangents), strict=True))
                if changed := altered(given, moving, self.get, self.put):
                    raise ValueError(f"a derivative of {request.formula} changed {changed}")
        except Exception as error:  # noqa: BLE001  (whatever a framework raises is what was observed)
            seen = self._failed(request, QUANTITIES, error)
        wanted = [family for family in FAMILIES if family.partition(".")[0] in request.quantities]
        return {key: seen[key] for family in wanted for key in keys(family, request) if not repeated(key, seen)}

    def _operation(self, request: Request) -> Operation:
        """The method for a request, attributes bound. Raise `Unsupported` when there is none."""
        mapped = f"{request.mapped} {request.members} {request.jacobian} {request.output_at}"
        name = f"{request.formula} {request.wrt} {request.attributes} {request.dtype} {mapped}"
        if name not in self._operations:
            self._operations[name] = in_a_way(self._bound(request), request, self.vmap)
        return self._operations[name]

    def _bound(self, request: Request) -> Operation:
        formula = request.formula
        if formula in self.unsupported:
            raise Unsupported(self.unsupported[formula])
        if formula not in self.kernels():
            raise Unsupported(f"the {self.backend} adapter gives no {formula}")
        attributes = request.attributes if request.inputs else request.attributes | {"dtype": request.dtype}
        return Operation(formula, getattr(self, formula), request.wrt, attributes, tuple(request.inputs))

    def _point(self, request: Request) -> Point:
        put = self._layout(request.layout)
        usual = self.put if request.layout in MIXTURES else put
        otherwise = laid_otherwise(list(request.inputs), request.layout)
        rest = {name: (put if name in otherwise else self.put)(array) for name, array in request.inputs.items()}
        primals = tuple(rest.pop(name) for name in request.wrt)
        tangents = tuple(usual(request.tangents[name]) for name in request.wrt if request.tangents)
        cotangents = tuple(usual(request.cotangents[name]) for name in request.outputs if request.cotangents)
        return Point(primals, rest, tangents, cotangents)

    def _layout(self, layout: str) -> Callable[[Array], Tensor]:
        """How arrays go in; of equal arrays one tensor, where they are to be aliased."""
        if layout == CONTIGUOUS:
            return self.put
        if layout not in self.layouts:
            raise Unsupported(f"the {self.backend} adapter has no layout {layout!r}")
        put = once(self.put) if layout == ALIASED else self.put
        return lambda array: self.arrange(put(array), layout)

    def _families(self, request: Request, operation: Operation, point: Point) -> Observation:
        """What a program gave first stands: what failed is tried again in smaller programs, down to one a family."""
        seen: Observation = {}
        failed: dict[str, str] = {}
        for families, rule in self._plan(request):
            missing = [family for family in families if asked(family, request) and not observed(seen, family, request)]
            if missing:
                seen |= self._try(request, families, rule, operation, point)
                self.notes |= {one: failed[one] for one in missing if one in failed and observed(seen, one, request)}
                failed |= dict.fromkeys(missing, f"apart: {listed(families)} together failed")
        return seen

    def _plan(self, request: Request) -> list[tuple[tuple[str, ...], Callable[..., Tensors]]]:
        """Which programs give which families, the largest first: the VJP brings the output along once more."""
        if request.nested:
            return [(tuple(request.quantities), getattr(self, request.nested))]
        plan: list[tuple[tuple[str, ...], Callable[..., Tensors]]] = [(("output",), self._value)]
        program = request.quantities | request.together if self.joint else request.quantities
        if (self.joint or self.gradients_on_the_way) and {"grad", *SECOND} <= program:
            plan.append(((WITH_GRAD, "grad", *SECOND), self._joint))
        late = self._vjp_late if request.pulled_late else self._vjp
        plan.append(((WITH_GRAD, "grad"), self._vjp_again if request.second_pass else late))
        if set(SECOND) <= request.quantities:
            plan.append((SECOND, self._jvp_hvp))
        return [*plan, (("jvp",), self.double_vjp if request.doubled else self.jvp), (("hvp",), self.hvp)]

    def _try(
        self, request: Request, families: tuple[str, ...], rule: Callable[..., Tensors], operation: Operation, at: Point
    ) -> Observation:
        """Run a program whose tuple holds the quantities of `families`, one after the other."""
        names = [key for family in families for key in keys(family, request)]
        try:
            with kept(f"{listed(families)} of {request.formula}"):
                return {**self._seen(request, self._program(rule, operation), at, names)}
        except Exception as error:  # noqa: BLE001  (the same: one family fails, the others go on)
            return self._failed(request, families, error)

    def _seen(self, request: Request, program: Program, at: Point, names: Sequence[str]) -> dict[str, Array]:
        """What the program gives in the way that is asked for."""
        if request.repeats:
            program(at)
        if request.pulled_late:
            at = at._replace(tangents=self._point(request.inner_halved).primals)
        if request.concurrent:
            return self._beside_another(program, at, self._point(request.halved), names)
        if request.several_calls:
            return repeatedly(lambda: self._read(program(at), names))
        tensors = tuple(program(at))
        if request.read_late:  # one buffer for the results of all calls holds those of this one now
            program(self._point(request.halved))
        return self._read(tensors, names)

    def _beside_another(self, program: Program, at: Point, other: Point, names: Sequence[str]) -> dict[str, Array]:
        if self.one_caller:
            raise Unsupported(self.one_caller)
        return beside(lambda: self._read(program(at), names), lambda: self._read(program(other), names), self.scope)

    def _read(self, tensors: Iterable[Tensor], names: Sequence[str]) -> dict[str, Array]:
        """What a program has returned, by name. Raises TypeError where that is more or less."""
        tensors = tuple(tensors)
        if len(tensors) != len(names) or any(tensor is None for tensor in tensors):
            found = "None" if len(tensors) == len(names) else f"{len(tensors)} tensors"
            raise TypeError(f"returned {found}, and has to return {', '.join(map(plain, names))}")
        return {name: self.get(unmasked(tensor)) for name, tensor in zip(names, tensors, strict=True)}

    def _program(self, rule: Callable[..., Tensors], operation: Operation) -> Program:
        """Compiled once for an operation, used for all its cases."""
        key = (rule, operation)
        if key not in self._programs:
            self._programs[key] = self.compile(partial(rule, operation))
        return self._programs[key]

    def _failed(self, request: Request, families: tuple[str, ...], error: Exception) -> Observation:
        if isinstance(error, MemoryError):
            raise error  # whatever is asked next may be denied memory too: the process ends, see `execute.worker`
        failure = replace(self.failure(error), raised_in=raised_in(error, type(self)))
        final = failure.kind == "error" or isinstance(error, Unsupported)
        frames, names = frames_of(error, type(self)), [key for family in families for key in keys(family, request)]
        return {key: with_frames(failure if final else self._refusal(request, key, failure), frames) for key in names}

    def _refusal(self, request: Request, key: str, failure: Failure) -> Failure:
        """What looks like a refusal is one where it is declared, and an error elsewhere."""
        place = (request.formula, request.float_dtype, key, f"{self.device}:{self.mode}")
        if (reason := declared(self.refused, place)) is not None:
            return replace(failure, message=f"{reason}: {failure.message}")
        told = (
            f"{failure.message}\nThe adapter does not declare that {place[0]} is refused in {place[1]}: see `refused`"
        )
        return replace(failure, kind="error", message=told)

    def failure(self, error: Exception) -> Failure:
        """What was raised, as the observation of a quantity."""
        if isinstance(error, Unsupported):
            return Failure("unsupported", str(error))
        message = f"{type(error).__name__}: {str(error).strip()}"
        refused = isinstance(error, NotImplementedError) or any(words in message for words in self.refusals)
        return Failure("unsupported" if refused else "error", message)

    def _value(self, operation: Operation, point: Point) -> Tensors:
        with self.inference() if operation.wrt else nullcontext():
            return operation(*point.primals, **point.rest)

    def _vjp(self, operation: Operation, point: Point) -> Tensors:
        if isinstance(operation, Mapped):
            return operation.vjp(self.functional_vjp, point)
        outputs, gradients = self.vjp(operation, point)
        return (*outputs, *gradients)

    def _vjp_again(self, operation: Operation, point: Point) -> Tensors:
        outputs, gradients = self.vjp_again(operation, point)
        return (*outputs, *gradients)

    def _vjp_late(self, operation: Operation, point: Point) -> Tensors:
        outputs, gradients = self.vjp_late(operation, point)
        return (*outputs, *gradients)

    def _jvp_hvp(self, operation: Operation, point: Point) -> Tensors:
        pushed, turned = self.jvp_hvp(operation, point)
        return (*pushed, *turned)

    def _joint(self, operation: Operation, point: Point) -> Tensors:
        return tuple(tensor for family in self.all_families(operation, point) for tensor in family)
