"""The line's pace in a replay: between two disturbances it gets a share of the ticks, so that it outlasts them all."""

import signal
import time

from redis import Redis
from redis.exceptions import RedisError

from shared.messages import Stream
from tests.chaos.line import Line
from tests.chaos.replay import NAMESPACE
from tests.chaos.watch import Watch
from tests.cluster import ClusterClient

LOOK_S = 0.05
LEFT = 2_000  # ticks for what follows the last turn: more than LINE_SLOWED lets stand between the processes
LEAST = 100  # ticks of a turn: with fewer not every service would commit several times


class Pace:
    """Where the line is ahead of its turn, the ingestor is stopped. turns: the disturbances that are to come."""

    def __init__(self, line: Line, client: Redis | ClusterClient, ticks: int, turns: int) -> None:
        self.turns = turns
        self._line, self._watch = line, Watch(client, NAMESPACE)
        self._ticks = ticks
        self._look_s = 0.0
        self._from = self._upto = 0
        self._share(0)

    def tend(self) -> None:
        """Keep the line alive, and no further than it may be."""
        self._line.tend()
        if time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + LOOK_S
        try:
            done = self._watch.status().out(Stream.TICKS)
        except RedisError:
            return
        self._line.send("ingestor", signal.SIGSTOP if done > self._upto else signal.SIGCONT)

    def pause(self, seconds: float) -> None:
        """Tend for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(0.002)

    def mark(self, part: float) -> int:
        """So many ticks are written when this part of the turn is over."""
        return self._from + int(part * (self._upto - self._from))

    def lift(self) -> None:
        """The ingestor is at work until the next turn."""
        self._upto = self._ticks
        self._line.send("ingestor", signal.SIGCONT)

    def hold(self) -> None:
        """No more ticks until `lift` or the next turn."""
        self._upto = -1

    def turn(self) -> None:
        """A disturbance is over: the next share, of what is left; after the last one, all of it."""
        self.turns -= 1
        self._share(self._watch.wait("the bus answers", lambda _: True).out(Stream.TICKS))

    def _share(self, done: int) -> None:
        share = max((self._ticks - LEFT - done) // self.turns, LEAST) if self.turns else self._ticks
        self._from, self._upto = done, min(done + share, self._ticks)
