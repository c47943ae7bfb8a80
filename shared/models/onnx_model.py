"""An ONNX model predicts by onnxruntime, without torch and without anybody's code."""

import math
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.models.card import ModelRefused, sample_shape
from shared.models.onnx_file import check_onnx
from shared.tick import Tick

FLOAT = "tensor(float)"
NOWHERE = "/dev/null/no-external-data"


class OnnxModel:
    """An OnnxModel is a session of onnxruntime on one file: CPU, one thread, one operator after the other.

    - data: the file's bytes. where: how it is named in an error.
    - no_features, window: the shape of a sample, (no_features,), or (window, no_features) where window is above 1. The
      file's one input is a float32 of it, with or without a batch before; its one output is one float32.
    - batched: found here; the file wants a batch.

    Raises ModelRefused for any other file.
    """

    def __init__(self, data: bytes, no_features: int, window: int = 1, *, where: str = "onnx") -> None:
        check_onnx(data, where)
        self._where = where
        try:
            session = onnxruntime.InferenceSession(data, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has many errors, and only RuntimeError is above them all
            raise ModelRefused(f"model {where} cannot be loaded by onnxruntime: {error!s:.200}") from error
        sample = sample_shape(no_features, window)
        self.input, self.batched = self._input(session, sample)
        self.shape = (1, *sample) if self.batched else sample
        self.output = self._output(session)
        self.session = session
        self._try_out()

    def __call__(self, x: NDArray[np.float32]) -> float:
        """Returns y_hat for one sample."""
        (found,) = self.session.run([self.output], {self.input: x.reshape(self.shape)})
        y_hat: float = found.item()
        return y_hat

    def _input(self, session: Any, sample: tuple[int, ...]) -> tuple[str, bool]:
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(each.name for each in inputs)
            raise ModelRefused(f"model {self._where} has {len(inputs)} inputs ({names:.100}), not one: export one")
        (only,) = inputs
        batched = len(only.shape) == len(sample) + 1
        wanted = (1, *sample) if batched else sample
        fits = len(only.shape) == len(wanted) and all(
            size == has or not isinstance(has, int) for size, has in zip(wanted, only.shape, strict=True)
        )
        if only.type != FLOAT or not fits:
            raise ModelRefused(
                f"model {self._where}: input {only.name} is {only.type} {_shown(only.shape)}, a sample of its card is "
                f"{FLOAT} {_shown(sample)}, or that with a batch before: correct features and window, or export it anew"
            )
        return only.name, batched

    def _output(self, session: Any) -> str:
        outputs = session.get_outputs()
        if len(outputs) != 1:
            names = ", ".join(each.name for each in outputs)
            raise ModelRefused(f"model {self._where} has {len(outputs)} outputs ({names:.100}), not one: export one")
        (only,) = outputs
        sizes = [size for size in only.shape if isinstance(size, int)]
        if only.type != FLOAT or math.prod(sizes) != 1:
            what = f"output {only.name} is {only.type} {_shown(only.shape)}"
            raise ModelRefused(f"model {self._where}: {what}, not one number of {FLOAT}")
        name: str = only.name
        return name

    def _try_out(self) -> None:
        try:
            (found,) = self.session.run([self.output], {self.input: np.zeros(self.shape, np.float32)})
        except Exception as error:  # see above
            raise ModelRefused(f"model {self._where} fails on a sample of zeros: {error!s:.200}") from error
        if found.size != 1:
            raise ModelRefused(f"model {self._where} gives {_shown(found.shape)} for one sample, not one number")


class OnnxPredict(Tick[NDArray[np.float32], float]):
    """OnnxPredict gives y_hat for one sample: the float32 of the file's output, as a Python float. It has no memory.

    - Input: float32 of shape (no_features,), or (window, no_features).
    - Output: a predicted log return; NaN where the model gives NaN.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._model = model

    def on_tick(self, val: NDArray[np.float32]) -> float | None:
        """Returns the prediction for `val`."""
        return self._model(np.asarray(val))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(input={self._model.input}, shape={self._model.shape})"


def _options() -> onnxruntime.SessionOptions:
    """Returns options under which the same input gives the same bits, and the file nothing but its own bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False  # a sample is small, and an arena keeps what it ever took
    options.log_severity_level = 4  # what is wrong comes as an exception
    options.add_session_config_entry("session.load_model_format", "ONNX")  # onnxruntime's own format is not looked at
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NOWHERE)
    return options


def _shown(shape: object) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"  # type: ignore[attr-defined]
