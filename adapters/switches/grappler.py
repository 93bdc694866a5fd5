"""Grappler, which rewrites TensorFlow's graphs before its executor runs them: its optimizers, one by one.

And what changes bits without it: how gradients are built in a graph, and how the executor adds.
"""

from nnparity.adapters.switches.switch import Compiler, Switch, every

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
#: The keys of the settings that are no optimizers: how sums of many tensors, gradients, and loops are made.
AS_EAGER = ADD_N, GRADIENTS, UNROLL = "add_n", "gradients", "unroll"
#: Terms of a gradient come in the order of a hash, and `AddN` starts from one whose memory it may take for the sum:
#: eager code holds all of them, a graph's executor does not. Sorted by value the order is the same in both.
SORTED = Switch("terms of gradients added by value", {ADD_N: "sorted"}, both=True)
#: Where shapes are known, as they are when a graph is traced for arrays, gradients are built from other operations.
BUILT = Switch("gradients built as in eager code", {GRADIENTS: "as eager"})
#: The gradient of a loop in a graph is a loop, which adds up step by step; eager code adds all steps at once.
UNROLLED = Switch("loops unrolled", {UNROLL: True}, both=True)
ALL = Switch("disable_meta_optimizer (all of it)", {"disable_meta_optimizer": True})
COMPILER = Compiler(
    "Grappler",
    (*(Switch(f"{name}=False", {name: False}) for name in OPTIMIZERS), SORTED, BUILT, UNROLLED),
    broad=(ALL, *(every(ALL, *some) for some in ((SORTED,), (BUILT,), (UNROLLED,), (SORTED, BUILT, UNROLLED)))),
)
