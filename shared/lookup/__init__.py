"""The lookup finds a line's messages where they still are: on the bus, else in the recording. It never writes."""

from shared.lookup.lookup import Lookup, Reach
from shared.lookup.stores import Found, TimeSpan

__all__ = ["Found", "Lookup", "Reach", "TimeSpan"]
