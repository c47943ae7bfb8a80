"""The last n values of a stream. TensorWindow is in `shared.windows.tensor_window`: nothing here needs torch."""

from shared.windows.deque_window import DequeWindow
from shared.windows.last import Last
from shared.windows.numpy_window import NumpyWindow

__all__ = ["DequeWindow", "Last", "NumpyWindow"]
