"""Torch's exporter writes an ONNX file; here it writes one that holds everything, and nothing of where it was made."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from shared.extras import to_install
from shared.models.card import ModelRefused
from shared.user_code import described

INPUT, OUTPUT = "x", "y_hat"
TOLD = ("doc_string", "metadata_props")  # source lines, and paths of the machine


def onnx_bytes(module: nn.Module, shape: tuple[int, ...], where: str) -> bytes:
    """Returns the module as the content of an ONNX file, for one input of `shape`; raises ModelRefused.

    All weights are in it (`external_data=False`; torch writes them beside the file otherwise, where no hash sees them).
    """
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


def _parts(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                yield from _parts(part)


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
