"""An ONNX file must be all that predicts: nothing beside it, no operator from elsewhere, nothing random.

`check_onnx` looks through a file before onnxruntime sees it, and `onnx_bytes` has torch's exporter write one.

onnxruntime would read tensors that lie in other files (paths are relative to the working directory where a model comes
from bytes), and their contents are in no hash. Only what matters of the format is declared here, with the field numbers
of onnx.proto; protobuf keeps the rest aside.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from shared.extras import to_install
from shared.models.card import ModelRefused
from shared.user_code import described

if TYPE_CHECKING:
    from torch import nn

MAX_BYTES = 200_000_000
STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
RANDOM_OPERATORS = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)

INPUT, OUTPUT = "x", "y_hat"
TOLD = ("doc_string", "metadata_props")  # where torch's exporter writes source lines, and paths of the machine

_STRING, _INT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_INT32
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_ONE, _MANY = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL, descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED

# message -> field -> (number, how many, a type of protobuf or a message of these)
DECLARED: Final[dict[str, dict[str, tuple[int, int, int | str]]]] = {
    "ModelProto": {
        "graph": (7, _ONE, "GraphProto"),
        "training_info": (20, _MANY, "TrainingInfoProto"),
        "functions": (25, _MANY, "FunctionProto"),
    },
    "TrainingInfoProto": {"initialization": (1, _ONE, "GraphProto"), "algorithm": (2, _ONE, "GraphProto")},
    "FunctionProto": {
        "name": (1, _ONE, _STRING),
        "node": (7, _MANY, "NodeProto"),
        "domain": (10, _ONE, _STRING),
        "attribute_proto": (11, _MANY, "AttributeProto"),
    },
    "GraphProto": {
        "node": (1, _MANY, "NodeProto"),
        "initializer": (5, _MANY, "TensorProto"),
        "sparse_initializer": (15, _MANY, "SparseTensorProto"),
    },
    "NodeProto": {
        "input": (1, _MANY, _STRING),
        "output": (2, _MANY, _STRING),
        "name": (3, _ONE, _STRING),
        "op_type": (4, _ONE, _STRING),
        "attribute": (5, _MANY, "AttributeProto"),
        "domain": (7, _ONE, _STRING),
    },
    "AttributeProto": {
        "t": (5, _ONE, "TensorProto"),
        "g": (6, _ONE, "GraphProto"),
        "tensors": (10, _MANY, "TensorProto"),
        "graphs": (11, _MANY, "GraphProto"),
        "sparse_tensor": (22, _ONE, "SparseTensorProto"),
        "sparse_tensors": (23, _MANY, "SparseTensorProto"),
    },
    "SparseTensorProto": {"values": (1, _ONE, "TensorProto"), "indices": (2, _ONE, "TensorProto")},
    "TensorProto": {
        "int32_data": (5, _MANY, _INT),
        "raw_data": (9, _ONE, _BYTES),
        "name": (8, _ONE, _STRING),
        "external_data": (13, _MANY, "StringStringEntryProto"),
        "data_location": (14, _ONE, _INT),
    },
    "StringStringEntryProto": {"key": (1, _ONE, _STRING), "value": (2, _ONE, _STRING)},
}


def check_onnx(data: bytes, where: str) -> None:
    """Raises ModelRefused for a file that is too large, is no ONNX, or does not hold all that predicts."""
    if len(data) > MAX_BYTES:
        raise ModelRefused(f"model {where} has {len(data)} bytes, {MAX_BYTES} are allowed: use a smaller one")
    model = _MODEL()
    try:
        model.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ModelRefused(f"model {where} is no ONNX file: export it anew") from error
    if not model.graph.node:
        raise ModelRefused(f"model {where} is no ONNX file with a graph: export it anew")
    own = {(function.domain, function.name) for function in model.functions}
    false = set(_false_constants(model))
    for part in _parts(model):
        kind = part.DESCRIPTOR.name
        if kind == "TensorProto" and (part.external_data or part.data_location):
            files = [entry.value for entry in part.external_data if entry.key == "location"]
            raise ModelRefused(
                f"model {where}: tensor {part.name!r:.80} lies in {', '.join(files) or 'another file'!r:.80}, outside "
                "the file that is hashed: export it with external_data=False"
            )
        if kind == "NodeProto":
            _check_operator(part, own, where)
            if part.op_type == "Dropout" and any(name not in false for name in part.input[2:3]):
                raise ModelRefused(
                    f"model {where}: operator 'Dropout' of node {part.name!r:.80} is in training mode, where it is "
                    "random: export the module in eval mode"
                )


def _false_constants(model: Any) -> Iterator[str]:
    """Yields the names of the constants that are false, and of an input that is left out."""
    yield ""
    for part in _parts(model):
        kind = part.DESCRIPTOR.name
        if kind == "GraphProto":
            yield from (tensor.name for tensor in part.initializer if _is_false(tensor))
        elif kind == "NodeProto" and part.op_type == "Constant":
            held = [attribute.t for attribute in part.attribute if attribute.HasField("t")]
            yield from part.output if any(map(_is_false, held)) else ()


def _is_false(tensor: Any) -> bool:
    return (bool(tensor.raw_data) or len(tensor.int32_data) > 0) and not any((*tensor.raw_data, *tensor.int32_data))


def _check_operator(node: Any, own: set[tuple[str, str]], where: str) -> None:
    """Raises ModelRefused for an operator that neither ONNX nor the file itself has, and for a random one."""
    shown = f"model {where}: operator {node.op_type!r:.80} of node {node.name!r:.80}"
    if node.domain not in STANDARD_DOMAINS and (node.domain, node.op_type) not in own:
        raise ModelRefused(f"{shown} is of {node.domain!r:.80}, not of ONNX: custom operators are not allowed")
    if node.op_type in RANDOM_OPERATORS:
        raise ModelRefused(f"{shown} is random: the same input would give different predictions")


def _parts(model: Any) -> Iterator[Any]:
    """Yields a model, and every message in it, however deep: graphs in attributes, functions, sparse tensors."""
    waiting = [model]
    while waiting:
        part = waiting.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])


def _declare() -> Any:
    """Returns protobuf's class of a ModelProto with the fields in DECLARED."""
    file = descriptor_pb2.FileDescriptorProto(name="tickline_onnx.proto", package="tickline.onnx", syntax="proto2")
    for name, fields in DECLARED.items():
        message = file.message_type.add(name=name)
        for field, (number, label, kind) in fields.items():
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _MESSAGE, f".tickline.onnx.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tickline.onnx.ModelProto"))


_MODEL = _declare()


def onnx_bytes(module: "nn.Module", shape: tuple[int, ...], where: str) -> bytes:
    """Returns the module as the content of an ONNX file, for one input of `shape`; raises ModelRefused.

    All weights are in it (`external_data=False`; torch writes them beside the file otherwise, where no hash sees them).
    """
    import torch

    try:
        import onnx
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ModuleNotFoundError as error:
        raise ModelRefused(f"{where}: writing ONNX needs {error.name}: {to_install('onnx', 'export')}") from error
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                (torch.zeros(shape),),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        assert program is not None  # torch's own exporter gives one
        model = onnx.ModelProto.FromString(program.model_proto.SerializeToString())
    except Exception as error:  # the exporter runs the user's code, and has many errors of its own
        why = described(error, "torch.onnx.export").splitlines()[0]
        raise ModelRefused(f"{where} cannot be written as ONNX: {why:.300}") from error
    for part in _parts(model):
        for field in TOLD:
            if field in part.DESCRIPTOR.fields_by_name:
                part.ClearField(field)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's progress and its warnings about its own insides from a notebook."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
