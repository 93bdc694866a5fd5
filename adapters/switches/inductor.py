"""`torch.compile`: its stages, each a backend of its own, and Inductor's configuration."""

from nnparity.adapters.switches.switch import Compiler, Switch

#: The key of the settings that is no name of Inductor's configuration: what compiles the graphs.
BACKEND = "backend"
#: The compiler cut short: Dynamo's graphs as they are, then behind AOTAutograd, then with Inductor's decompositions.
STAGES = {"Dynamo alone": "eager", "AOTAutograd": "aot_eager", "decompositions": "aot_eager_decomp_partition"}
#: Name in Inductor's configuration, and the other value. What a version does not have is told as such.
SETTINGS: tuple[tuple[str, object], ...] = (
    ("emulate_precision_casts", True),
    ("cpp.simdlen", 1),
    ("cpp.enable_floating_point_contract_flag", "off"),
    ("pattern_matcher", False),
    ("epilogue_fusion", False),
    ("max_fusion_size", 1),
    ("split_reductions", False),
    ("online_softmax", False),
    ("joint_graph_constant_folding", False),
    ("freezing", True),
    ("cpp.enable_unsafe_math_opt_flag", True),
    ("cpp.use_decompose_tanh", True),
    ("cpp.weight_prepack", False),
)
#: C++ headers are compiled once for all processes, which takes longer than a program does; graphs are not kept.
SHARING = {"TORCHINDUCTOR_FX_GRAPH_CACHE": "0", "TORCHINDUCTOR_AUTOGRAD_CACHE": "0"}
COMPILER = Compiler(
    "torch.compile",
    (
        *(Switch(f"stage: {name}", {BACKEND: backend}, stage=True) for name, backend in STAGES.items()),
        *(Switch(f"{name}={value}", {name: value}) for name, value in SETTINGS),
    ),
    sharing=SHARING,
)
