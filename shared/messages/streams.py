"""The names of the streams; each stands here and nowhere else."""

from enum import StrEnum


class Stream(StrEnum):
    """A stream's name. The bus adds namespace, instance and partition: `tickline:ticks:{ingestor.3}`."""

    TICKS = "ticks"
    FEATURES = "features"
    PREDICTIONS = "predictions"
    DECISIONS = "decisions"
    ORDERS = "orders"
    EXECUTIONS = "executions"
    DEAD = "dead"
