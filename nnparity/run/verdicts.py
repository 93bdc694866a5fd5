"""Lines of the run file, from what was found."""

import msgspec

from nnparity.checks.common import Finding
from nnparity.execute.subnormal_probe import described
from nnparity.execute.target import Target, TargetName
from nnparity.reports.records import ADAPTER, NO_SCRIPTS, PASSING, SCRIPTS, Kernel, Number, TargetLine, Verdict, number
from nnparity.spec.cases.layouts import CONTIGUOUS


def verdict_line(target: Target, found: Finding) -> Verdict:
    """A finding as a line of the run file."""
    case, judged = found.case, found.judgement
    return Verdict(
        case=case.id,
        formula=case.formula.id,
        signature=case.signature.id,
        dataset=case.dataset,
        dtype=case.dtype.name,
        target=target.name,
        quantity=found.quantity,
        grade=judged.grade,
        hard=shortened(judged.hard),
        sharp=shortened(judged.sharp),
        ulp=shortened(judged.ulp),
        bits=shortened(judged.bits),
        rms=shortened(judged.rms),
        resolution=shortened(judged.resolution),
        blind=shortened(judged.blind),
        worst=judged.worst,
        diagnosis=found.diagnosis,
        message=judged.message,
        seconds=round(found.seconds, 6),
        digest=found.digest,
        note="; ".join(filter(None, (_composed(target, found), found.note))) or None,
        layout=msgspec.UNSET if target.layout == CONTIGUOUS else target.layout,
    )


def _composed(target: Target, found: Finding) -> str:
    """What is judged may be the adapter's composition, not a kernel of the framework's."""
    _, composed, *_ = target.observer.info.kernels.get(found.case.formula.id, ("", False, "", ""))
    return "composed" if composed and found.judgement.grade != "unsupported" else ""


def shortened(value: float | None) -> Number | None:
    """A number as a verdict tells it, to six digits."""
    return None if value is None else number(float(f"{value:.6g}"))


def target_line(target: Target, name: TargetName) -> TargetLine:
    """The target, started under that name, as the report shows it; of an adapter of one's own, where that is."""
    info = target.observer.info
    where = {} if name.boxed else {ADAPTER: name.backend}
    return TargetLine(
        target=info.target,
        available=True,
        versions=info.versions,
        kernels={name: Kernel(*kernel) for name, kernel in info.kernels.items()},
        unsupported=info.unsupported,
        properties={"second order": info.second_order} | described(target.flushes, info) | _unscripted(target) | where,
        import_seconds=round(info.import_seconds, 3),
        source=info.source,
    )


def _unscripted(target: Target) -> dict[str, str]:
    return {} if target.observer.info.spoken else {SCRIPTS: NO_SCRIPTS}


def failed(verdict: Verdict) -> bool:
    """Whether a verdict speaks against its target: neither conforming, inconclusive or unsupported, nor on record."""
    return verdict.grade not in PASSING and verdict.known is None
