"""Fixtures of the live ingestor's tests."""

from tests.memory_wire import wires

__all__ = ["wires"]
