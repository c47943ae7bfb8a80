"""The names of everything on the bus, and which partition a symbol lives in.

    tickline:ticks:{ingestor.3}      a stream, written by instance `ingestor`, partition 3
    tickline:state:{ingestor.3}      that partition's owner, epoch, commit number and snapshot
    tickline:replicas                the replicas of every instance, and the wire that all of them know
    tickline:meta                    partition count and bus id

The braces are Cluster hash tags: all that one commit writes has the same tag. On a Cluster itself the tag is the
partition alone, so that what one read asks for has the same tag, too:

    tickline:ticks:ingestor.{3}      tickline:state:signal.{3}      tickline:cluster
"""

import re
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

_NAMESPACE = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_INSTANCE = re.compile(r"[A-Za-z0-9_-]{1,60}")


def partition_of(sym: str, partitions: int) -> int:
    """Returns the partition of a symbol, the same in every process and for ever.

    >>> partition_of("BTCUSDT", 8)
    3
    """
    return crc32(sym.encode()) % partitions


class PartitionId(NamedTuple):
    """An id names one partition of one instance."""

    instance: str
    p: int

    def __str__(self) -> str:
        return f"{self.instance}.{self.p}"


@dataclass(frozen=True)
class Names:
    """The names are the keys under one namespace.

    >>> Names("tickline").stream("ticks", PartitionId("ingestor", 3))
    'tickline:ticks:{ingestor.3}'
    """

    namespace: str

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(f"namespace {self.namespace!r}: use letters, digits and . _ : - only")

    def stream(self, stream: str, partition: PartitionId) -> str:
        """Returns a stream's key."""
        return f"{self.namespace}:{stream}:{{{partition}}}"

    def state(self, partition: PartitionId) -> str:
        """Returns the key of a partition's state hash."""
        return f"{self.namespace}:state:{{{partition}}}"

    def replicas(self) -> str:
        """Returns the key of the replicas' register."""
        return f"{self.namespace}:replicas"

    @staticmethod
    def replica(instance: str, owner: str) -> str:
        """Returns a replica's field in the register."""
        if not _INSTANCE.fullmatch(instance):
            raise ValueError(f"instance {instance!r}: use letters, digits, _ and - only")
        return f"{instance} {owner}"

    def meta(self) -> str:
        """Returns the key of what holds for the whole namespace."""
        return f"{self.namespace}:meta"


class ClusterNames(Names):
    """The names of a namespace on a Cluster: all instances' keys of one partition lie in one slot, and so on one node.

    What was copied here from one server, or back, is not found: `meta` has another name, and with it the bus another
    id, which no journal takes for its own.

    >>> ClusterNames("tickline").stream("ticks", PartitionId("ingestor", 3))
    'tickline:ticks:ingestor.{3}'
    """

    def stream(self, stream: str, partition: PartitionId) -> str:
        """Returns a stream's key."""
        return f"{self.namespace}:{stream}:{partition.instance}.{{{partition.p}}}"

    def state(self, partition: PartitionId) -> str:
        """Returns the key of a partition's state hash."""
        return f"{self.namespace}:state:{partition.instance}.{{{partition.p}}}"

    def meta(self) -> str:
        """Returns the key of what holds for the whole namespace."""
        return f"{self.namespace}:cluster"
