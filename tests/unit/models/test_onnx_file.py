"""What an ONNX file may hold: each thing that lies elsewhere, comes from elsewhere or is random is refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

import onnxruntime  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from onnx import AttributeProto, TensorProto, helper, numpy_helper  # noqa: E402

from shared.models.card import ModelRefused  # noqa: E402
from shared.models.onnx_file import DECLARED, MAX_BYTES, check_onnx  # noqa: E402
from shared.models.onnx_model import OnnxModel  # noqa: E402
from tests.onnx_files import WEIGHT, linear, outside  # noqa: E402


def refused(data: bytes) -> str:
    with pytest.raises(ModelRefused) as caught:
        check_onnx(data, "m.onnx")
    line = str(caught.value)
    assert line.startswith("model m.onnx")
    assert "\n" not in line
    assert len(line) < 400
    return line


def tensor() -> TensorProto:
    return outside(numpy_helper.from_array(WEIGHT, "w"))


def with_initializer() -> onnx.ModelProto:
    model = linear()
    outside(model.graph.initializer[0])
    return model


def with_entries_alone() -> onnx.ModelProto:
    model = linear()
    model.graph.initializer[0].external_data.add(key="location", value="planted.bin")
    return model


def with_location_alone() -> onnx.ModelProto:
    model = linear()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return model


def in_a_constant() -> onnx.ModelProto:
    constant = helper.make_node("Constant", [], ["v"], name="constant", value=tensor())
    return linear(nodes=[constant, helper.make_node("MatMul", ["x", "v"], ["y"])])


def in_a_subgraph() -> onnx.ModelProto:
    model = linear()
    inner = linear().graph
    outside(inner.initializer[0])
    deeper = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=inner)], "deeper", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=linear().graph, else_branch=deeper))
    return model


def in_a_function() -> onnx.ModelProto:
    constant = helper.make_node("Constant", [], ["y"], value=tensor())
    own = helper.make_function("own", "F", ["x"], ["y"], [constant], [helper.make_opsetid("", 18)])
    return linear(functions=[own], opsets={"": 18, "own": 1})


def as_a_functions_default() -> onnx.ModelProto:
    node = helper.make_node("Identity", ["x"], ["y"])
    own = helper.make_function("own", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 18)])
    own.attribute_proto.append(AttributeProto(name="v", type=AttributeProto.TENSOR, t=tensor()))
    return linear(functions=[own], opsets={"": 18, "own": 1})


def in_a_list_of_tensors() -> onnx.ModelProto:
    model = linear()
    model.graph.node[0].attribute.append(AttributeProto(name="v", type=AttributeProto.TENSORS, tensors=[tensor()]))
    return model


def in_a_sparse_initializer() -> onnx.ModelProto:
    model = linear()
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(numpy_helper.from_array(WEIGHT, "s"))
    sparse.indices.CopyFrom(tensor())
    return model


def in_a_sparse_constant() -> onnx.ModelProto:
    model = linear()
    attribute = AttributeProto(name="sparse_value", type=AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.values.CopyFrom(tensor())
    model.graph.node[0].attribute.append(attribute)
    return model


def in_training_info() -> onnx.ModelProto:
    model = linear()
    info = model.training_info.add()
    info.algorithm.CopyFrom(with_initializer().graph)
    return model


OUTSIDE = [
    with_initializer, in_a_constant, in_a_subgraph, in_a_function, as_a_functions_default, in_a_list_of_tensors,
    in_a_sparse_initializer, in_a_sparse_constant, in_training_info, with_entries_alone, with_location_alone,
]  # fmt: skip


@pytest.mark.parametrize("made", OUTSIDE)
def test_data_outside_the_file_are_refused_wherever_they_are_named(made: Callable[[], onnx.ModelProto]) -> None:
    line = refused(made().SerializeToString())
    assert "tensor 'w' lies in" in line
    assert ("planted.bin" in line) == (made is not with_location_alone)
    assert line.endswith("outside the file that is hashed: export it with external_data=False")


def test_a_file_in_two_pieces_is_looked_at_as_it_is_read() -> None:
    """Protobuf merges a message that comes twice: data may be hidden in the second."""
    whole = linear().SerializeToString() + with_initializer().SerializeToString()
    assert "planted.bin" in refused(whole)


def test_a_planted_file_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime itself reads it: from bytes, relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    data = with_initializer().SerializeToString()
    Path("planted.bin").write_bytes((2 * WEIGHT).tobytes())
    x = np.ones((1, 3), np.float32)
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    alone = onnxruntime.InferenceSession(data, plain, providers=["CPUExecutionProvider"])
    assert alone.run(None, {"x": x})[0].item() == 2 * WEIGHT.sum()
    with pytest.raises(ModelRefused, match=r"planted\.bin"):
        OnnxModel(data, 3)
    with monkeypatch.context() as patched:
        patched.setattr("shared.models.onnx_model.check_onnx", lambda data, where: None)
        with pytest.raises(ModelRefused, match="cannot be loaded by onnxruntime"):  # nor by the session's options
            OnnxModel(data, 3)


def test_operators_from_elsewhere_are_refused() -> None:
    custom = helper.make_node("Gelu", ["x"], ["y"], name="fast", domain="com.microsoft")
    line = refused(linear(nodes=[custom], opsets={"": 18, "com.microsoft": 1}).SerializeToString())
    assert "operator 'Gelu' of node 'fast' is of 'com.microsoft', not of ONNX" in line


def test_a_function_in_the_file_is_an_operator_of_its_own() -> None:
    own = helper.make_function(
        "own", "F", ["x", "w"], ["y"], [helper.make_node("MatMul", ["x", "w"], ["y"])], [helper.make_opsetid("", 18)]
    )
    call = helper.make_node("F", ["x", "w"], ["y"], domain="own")
    data = linear(nodes=[call], functions=[own], opsets={"": 18, "own": 1}).SerializeToString()
    check_onnx(data, "m.onnx")
    assert OnnxModel(data, 3)(np.ones(3, np.float32)) == WEIGHT.sum()


def test_random_operators_are_refused() -> None:
    noise = helper.make_node("RandomNormalLike", ["x"], ["n"], name="noise")
    product = helper.make_node("MatMul", ["n", "w"], ["y"])
    line = refused(linear(nodes=[noise, product]).SerializeToString())
    assert "'RandomNormalLike' of node 'noise' is random" in line


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02", b"ORTM", b"\x08\x0a", b"\x3a\x02\x0a\x00\x3a"])
def test_no_onnx_at_all(data: bytes) -> None:
    assert "is no ONNX file" in refused(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(data: bytes) -> None:
    refused(data)


def test_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_BYTES >= 10_000_000
    monkeypatch.setattr("shared.models.onnx_file.MAX_BYTES", 100)
    assert "has 101 bytes, 100 are allowed" in refused(bytes(101))


def test_the_numbers_are_those_of_the_format() -> None:
    for name, fields in DECLARED.items():
        real = getattr(onnx, name).DESCRIPTOR.fields_by_name
        for field, (number, _, kind) in fields.items():
            assert real[field].number == number
            assert not isinstance(kind, str) or real[field].message_type.name == kind


def test_every_place_of_a_tensor_or_a_graph_is_known() -> None:
    """A newer format that puts tensors elsewhere fails here: declare that place."""
    holders = {"TensorProto", "SparseTensorProto", "GraphProto", "NodeProto", "AttributeProto", "FunctionProto"}
    for name, fields in DECLARED.items():
        for field in getattr(onnx, name).DESCRIPTOR.fields:
            if field.message_type is not None and field.message_type.name in holders:
                assert field.name in fields, f"{name}.{field.name}"


def dropout(training: bool | None, *, as_constant: bool = False, raw: bool = True) -> bytes:
    """y = sum(dropout(x)), with training_mode given as an initializer, as a constant, or not at all."""
    tensors = [helper.make_tensor("ratio", TensorProto.FLOAT, [], [0.5])]
    nodes, names = [], ["x", "ratio"]
    if training is not None:
        given = np.array(training).tobytes() if raw else [training]
        mode = helper.make_tensor("mode", TensorProto.BOOL, [], given, raw=raw)
        names.append("mode")
        if as_constant:
            nodes.append(helper.make_node("Constant", [], ["mode"], value=mode))
        else:
            tensors.append(mode)
    nodes.append(helper.make_node("Dropout", names, ["dropped"], name="drop"))
    nodes.append(helper.make_node("ReduceSum", ["dropped"], ["y"], keepdims=0))
    shapes = [("x", [3]), ("y", [])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = made.SerializeToString()
    return data


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("as_constant", [True, False])
def test_a_dropout_in_training_mode_is_random(as_constant: bool, raw: bool) -> None:
    line = refused(dropout(True, as_constant=as_constant, raw=raw))
    assert line == (
        "model m.onnx: operator 'Dropout' of node 'drop' is in training mode, where it is random: export the module "
        "in eval mode"
    )
    for training in (False, None):
        quiet = OnnxModel(dropout(training, as_constant=as_constant, raw=raw), 3)
        assert {quiet(np.ones(3, np.float32)) for _ in range(8)} == {3.0}
