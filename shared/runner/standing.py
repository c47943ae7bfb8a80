"""What a worker is at, for the health check and for a person: at work, standing by, or kept from its work for long."""

import time
from collections.abc import Callable, Container
from pathlib import Path

import structlog

from shared.record import NewerWire
from shared.runner.health import tell, touch
from shared.runner.leases import OtherRuntime, PartitionLeases

log = structlog.get_logger()

PATIENCE_S = 20.0  # for what keeps a service from its work: a take-over, a deploy, a retry are over by then
ANOTHERS, REFUSED, FAILED = "another one holds it", "its commits are refused", "its stage fails"


class Hindrances:
    """Hindrances are what keeps a service from its work on a partition, each since when, and seen when last.

    One that is not seen again for PATIENCE_S is over: where there is no work, nothing else shows that it is.

    - clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen_s: dict[tuple[int, str], tuple[float, float]] = {}

    def note(self, p: int, what: str, stands: bool) -> None:
        """Notes whether something stands in the way of partition `p` now."""
        if not stands:
            self._seen_s.pop((p, what), None)
            return
        now_s = self._clock()
        since_s, last_s = self._seen_s.get((p, what), (now_s, now_s))
        self._seen_s[p, what] = (since_s if now_s - last_s <= PATIENCE_S else now_s, now_s)

    def keep(self, share: Container[int]) -> None:
        """Forgets what is not of these partitions: they are another's to work on."""
        self._seen_s = {key: seen for key, seen in self._seen_s.items() if key[0] in share}

    @property
    def lasting(self) -> str:
        """Returns what has lasted for too long; empty where nothing has."""
        now_s = self._clock()
        return "; ".join(
            f"partition {p}: {what}"
            for (p, what), (since_s, last_s) in sorted(self._seen_s.items())
            if last_s - since_s > PATIENCE_S >= now_s - last_s
        )


class Standing:
    """The standing of one worker goes into its health file, and into the log where it changes.

    A round with the bus touches the file. Where something keeps the worker from its work for long, the file says so and
    grows old.

    - stands_by_why: why it stood by last; empty where it never did.
    """

    def __init__(self, instance: str) -> None:
        self.hindrances = Hindrances()
        self._instance = instance
        self.stands_by_why = self._hindered = ""  # what was said last: one reason is logged once

    def show(self, file: Path | None, leases: PartitionLeases) -> None:
        """Tells after a round how it stands."""
        for p in leases.share:
            self.hindrances.note(p, ANOTHERS, p not in leases.leases)
        self.hindrances.keep(leases.share)
        why = self.hindrances.lasting
        if why and why != self._hindered:
            log.warning("no progress", instance=self._instance, why=why)
        self._hindered = why
        if file is not None:
            tell(file, why) if why else touch(file, leases.standing)

    def tell(self, p: int, alarms: list[str], missed: list[str]) -> None:
        """Logs what a partition has met until a commit, and empties both: what a person must see, and what is gone."""
        for alarm in alarms:
            log.error("alarm", instance=self._instance, p=p, what=alarm)
        for gone in missed:
            log.warning("entries missed", instance=self._instance, p=p, what=f"{gone}: a gap")
        alarms.clear()
        missed.clear()

    def stands_by(self, file: Path | None, why: NewerWire | OtherRuntime) -> None:
        """Tells that the work is left to other replicas."""
        if str(why) != self.stands_by_why:
            log.warning("stands by", instance=self._instance, why=str(why), remedy=why.remedy)
            self.stands_by_why = str(why)
        if file is not None:
            touch(file, f"stands by: {why}")

    def begin_anew(self) -> None:
        """Forgets what stood in the way: the session with the bus is over."""
        self.hindrances = Hindrances()
