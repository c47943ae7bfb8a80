"""A window keeps the last n values of a stream. Only `shared.windows.tensor_window` needs torch."""

from shared.windows.deque_window import DequeWindow
from shared.windows.last import Last
from shared.windows.numpy_window import NumpyWindow

__all__ = ["DequeWindow", "Last", "NumpyWindow"]
