"""`tickline parity`: a recorded session, computed again by the stages that made it."""

from services.research.recording.job import Parity, parity

__all__ = ["Parity", "parity"]
