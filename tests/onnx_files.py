"""ONNX files made by hand, without torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.array([[0.5], [-0.25], [2.0]], np.float32)
Shape = Sequence[int | str | None]


def linear(
    *,
    shape: Shape = ("batch", 3),
    out: Shape = ("batch", 1),
    weight: NDArray[Any] = WEIGHT,
    element: int = TensorProto.FLOAT,
    nodes: Sequence[onnx.NodeProto] | None = None,
    functions: Sequence[onnx.FunctionProto] = (),
    opsets: Mapping[str, int] | None = None,
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    name: str = "w",
) -> onnx.ModelProto:
    """y = x @ weight, or what `nodes` make of x and w."""
    graph = helper.make_graph(
        list(nodes) if nodes is not None else [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "graph",
        [helper.make_tensor_value_info(name, element, shape) for name in inputs],
        [helper.make_tensor_value_info(name, element, out) for name in outputs],
        [numpy_helper.from_array(weight, name)],
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in (opsets or {"": 18}).items()]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=10)


def outside(tensor: TensorProto, file: str = "planted.bin") -> TensorProto:
    """Lets a tensor's values lie in another file."""
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return tensor
