"""Grappler, which rewrites TensorFlow's graphs before its executor runs them: its optimizers, one by one."""

from nnparity.adapters.switches.switch import Compiler, Switch

#: Options of `tf.config.optimizer.set_experimental_options` that are on unless they are switched off.
OPTIMIZERS = (
    "layout_optimizer",
    "constant_folding",
    "shape_optimization",
    "remapping",
    "arithmetic_optimization",
    "dependency_optimization",
    "loop_optimization",
    "function_optimization",
    "implementation_selector",
    "common_subgraph_elimination",
)
COMPILER = Compiler(
    "Grappler",
    tuple(Switch(f"{name}=False", {name: False}) for name in OPTIMIZERS),
    broad=(Switch("disable_meta_optimizer (all of it)", {"disable_meta_optimizer": True}),),
)
