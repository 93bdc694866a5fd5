"""ONNX Runtime in a script of its own: a graph of the values' types and shapes, run once, forward."""

from types import MappingProxyType

from nnparity.adapters.dialect import UPPER_HALF, Dialect

OPERATORS = "nnparity.adapters.onnxruntime.operators"
VALUES = '''
NAMES = {number: name for name, number in TYPES.items()}


def numbers_of(value):
    """As float64; NumPy has no bfloat16, which is the upper half of a float32."""
    if value.element_type() != TYPES["bfloat16"]:
        return value.numpy().astype(np.float64)
    halves = np.frombuffer(ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes()), np.uint16)
    return (halves.astype(np.uint32) << 16).view(np.float32).reshape(value.shape()).astype(np.float64)
'''
SESSION = """
given = dict(zip(inspect.signature(run).parameters, (*primals, *rest.values())))
types = {name: NAMES[value.element_type()] for name, value in given.items()}
graph = Graph(next((one for one in types.values() if "float" in one), "float32"))
model = graph.model(run(*(graph.input(name, types[name], value.shape()) for name, value in given.items())))
options = onnxruntime.SessionOptions()
options.graph_optimization_level = OPTIMIZATION
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
return session.run_with_ort_values(None, given)
"""
LEVEL = "OPTIMIZATION = onnxruntime.GraphOptimizationLevel.ORT_{}"
VALUE = "onnxruntime.OrtValue.ortvalue_from_numpy"

DIALECT = Dialect(
    imports="import ctypes\nimport inspect\nimport onnxruntime",
    floats=f"{VALUE}({{array}}.astype(np.{{dtype}}))",
    bfloat16=f'{VALUE}_with_onnx_type({UPPER_HALF}, TYPES["bfloat16"])',
    whole=f"{VALUE}({{array}})",
    read="numbers_of({y})",
    named="NAMES[{y}.element_type()]",
    tools=VALUES,
    taken=(f"{OPERATORS}.TYPES", f"{OPERATORS}.Graph"),
    programs=MappingProxyType({"output": SESSION, "fixed": SESSION}),
    settings=MappingProxyType({"optimized": LEVEL.format("ENABLE_ALL"), "unoptimized": LEVEL.format("DISABLE_ALL")}),
)
