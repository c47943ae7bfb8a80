"""Fixtures of the live ingestor's tests."""

from tests.wire import wires

__all__ = ["wires"]
