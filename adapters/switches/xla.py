"""XLA, which compiles JAX's programs and TensorFlow's: its flags, and the passes that changed a program.

Which passes did so XLA says itself: where it is asked to dump programs it writes one behind each pass that changed it,
and the file's name has the pass's.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from nnparity.adapters.switches.switch import Compiler, Switch

#: Flags of the version at hand or another; one that XLA does not know is told as such.
FLAGS = (
    "--xla_allow_excess_precision=false",
    "--xla_cpu_max_isa=AVX",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_prefer_vector_width=128",
    "--xla_cpu_enable_fast_math=false",
    "--xla_cpu_enable_fast_min_max=false",
    "--xla_cpu_enable_platform_dependent_math=false",
    "--xla_cpu_use_xnnpack=false",
    "--xla_cpu_use_onednn=false",
    "--xla_cpu_experimental_ynn_fusion_type=",
    "--xla_llvm_disable_expensive_passes=true",
)
UNOPTIMIZED = "--xla_backend_optimization_level=0"
#: What changes how sums and products meet the processor has no FMA below AVX2.
ABOUT = {"--xla_cpu_max_isa=AVX": " (no fused multiply-add)"}
#: ``module_0001.jit_run.0012.fusion.after_fusion.before_dce.txt``
DUMPED = re.compile(r"\.\d{4}\.[^.]+\.after_([^.]+)\.before_[^.]+\.txt$")
START = "pipeline-start"


def tracing(folder: Path) -> Switch:
    """Has XLA write down its passes in a folder; it changes no program."""
    return Switch("dump", flags=(f"--xla_dump_to={folder}", "--xla_dump_hlo_pass_re=.*"))


def passes(folder: Path) -> Sequence[Switch]:
    """A switch for each pass that changed any program in the folder, by name."""
    met = {found[1] for path in folder.iterdir() if (found := DUMPED.search(path.name))}
    return [Switch(f"without the pass {name}", disabled=name) for name in sorted(met - {START})]


COMPILER = Compiler(
    "XLA",
    tuple(Switch(f"{flag}{ABOUT.get(flag, '')}", flags=(flag,)) for flag in FLAGS),
    tracing,
    passes,
    broad=(Switch(UNOPTIMIZED, flags=(UNOPTIMIZED,)),),
)
