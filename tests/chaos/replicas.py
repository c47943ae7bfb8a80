"""Two replicas of one service: who they are on the bus, and who owns what."""

from shared.bus.names import PartitionId
from tests.chaos.line import Line
from tests.chaos.watch import PARTITIONS, Status, Watch


class Replicas:
    """Starts replicas one by one, so that their random owner ids become known. `ids`: process name -> owner id."""

    def __init__(self, service: str, line: Line, watch: Watch) -> None:
        self.service = service
        self.ids: dict[str, str] = {}
        self._line = line
        self._watch = watch

    def start(self, name: str) -> None:
        """Start the process `name` and wait until it has registered."""
        self._line.start(name)
        self.learn(name)

    def learn(self, name: str) -> None:
        """Wait until the process `name`, already started, has registered."""
        self._watch.wait(f"{name} registers", lambda s: bool(self._strangers()))
        (self.ids[name],) = self._strangers()

    def registered(self) -> set[str]:
        """Owner ids on the register."""
        fields = [field.decode() for field in self._watch.client.hkeys(self._watch.names.replicas())]
        return {owner for instance, _, owner in (field.partition(" ") for field in fields) if instance == self.service}

    def _strangers(self) -> set[str]:
        return self.registered() - set(self.ids.values())

    def owned(self, name: str, status: Status) -> list[PartitionId]:
        """The partitions that a replica owns."""
        places = [PartitionId(self.service, p) for p in range(PARTITIONS)]
        return [place for place in places if status.owner(place) == self.ids[name]]

    def settle(self, *names: str) -> Status:
        """Wait until these replicas own everything, in even shares; the gateway's has all or nothing."""

        def settled(status: Status) -> bool:
            shares = sorted(len(self.owned(name, status)) for name in names)
            even = (
                [0] * (len(names) - 1) + [PARTITIONS]
                if self.service == "gateway"
                else [PARTITIONS // len(names)] * len(names)
            )
            return shares == even

        return self._watch.wait(f"{', '.join(names)} share", settled)
