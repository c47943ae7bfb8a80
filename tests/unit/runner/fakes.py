"""Stages, messages and a store of state to test the runner with, all without a bus."""

from decimal import Decimal
from typing import cast
from zlib import crc32

from shared.bus.api import Commit, Lease, Stored
from shared.bus.entry import Entry, Outgoing
from shared.bus.names import PartitionId
from shared.messages import (
    ExecutionReport,
    Features,
    Gap,
    Leg,
    MarketTick,
    Message,
    OrderStatus,
    Prediction,
    Stream,
    Tensor,
    decode,
)
from shared.runner.partition import Partition
from shared.runner.spec import Input, Limits, Output, SequenceNumbers, ServiceSpec, Stage
from shared.tick import State

FIELDS = ("t", "k", "n", "h", "tr", "d", "w")


def tick(n: int, sym: str = "A", tr: str = "") -> MarketTick:
    return MarketTick(n=n, sym=sym, ts_event=n, tr=tr or f"t:{sym}:{n}", venue="t", price=Decimal(n))


def prediction(n: int, sym: str = "A") -> Prediction:
    return Prediction(
        n=n, sym=sym, ts_event=n, tr=f"t:{sym}:{n}", tick_n=n, price=Decimal(n), y_hat=0.5, model="m"
    )  # fmt: skip


def report(n: int, sym: str = "A", tr: str = "") -> ExecutionReport:
    return ExecutionReport(
        n=n, sym=sym, ts_event=n, tr=tr or f"t:{sym}:{n}", tick_n=n, order_n=n, client_order_id="0" * 32, leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(1), last_px=Decimal(1), commission=Decimal(0), reason=None,
    )  # fmt: skip


def features(n: int, sym: str, ts_event: int, tr: str, spec: str) -> Features:
    return Features(
        n=n, sym=sym, ts_event=ts_event, tr=tr, spec=spec, values=Tensor(dtype="float32", shape=(1,), data=bytes(4))
    )


def entry(message: Message, position: int, **changed: bytes) -> Entry:
    """The message as it is read at this position; with other bytes in some fields if wanted."""
    values = {
        name: value if isinstance(value, bytes) else str(value).encode()
        for name, value in zip(FIELDS, (*Outgoing.of(message)[1:], 1), strict=True)
    }
    values.update(changed)
    return Entry(b"%d-0" % position, [part for name, value in values.items() for part in (name.encode(), value)])


class Echo(Stage):
    """A Features message for every tick; passes gaps on; raises at ticks whose n is in `bad`."""

    def __init__(self, bad: set[int] | None = None) -> None:
        self._bad = bad if bad is not None else set()
        self._numbers = SequenceNumbers()
        self._seen = 0

    def on_tick(self, val: Message) -> list[Message] | None:
        self._seen += 1  # before it may raise: a spoilt memory must not survive
        if isinstance(val, MarketTick) and val.n in self._bad:
            raise RuntimeError(f"cannot take {val.n}")
        n = self._numbers.next(Stream.FEATURES)
        if isinstance(val, Gap):
            return [val.model_copy(update={"n": n, "stream": Stream.FEATURES})]
        return [features(n, val.sym, val.ts_event, val.tr, f"seen {self._seen}")]

    def state(self) -> State:
        return [self._seen, self._numbers.state()]

    def restore(self, state: State) -> None:
        assert isinstance(state, list)
        self._seen = cast(int, state[0])
        self._numbers.restore(state[1])


class Holding(Stage):
    """Two inputs, as a strategy has: each prediction waits until the reports that its predecessor asked for are in.

    A prediction with number n asks for n % 3 reports, by that many FEATURES. Each output carries a checksum over all
    that the stage has taken so far, so that another order of its input is seen.
    """

    def __init__(self) -> None:
        self._numbers = SequenceNumbers()
        self._awaited = 0
        self._sum = 0

    def ready(self, val: Message) -> bool:
        return not self._awaited or isinstance(val, ExecutionReport)

    def on_tick(self, val: Message) -> list[Message] | None:
        self._sum = crc32(f"{type(val).__name__} {val.n} {val.tr} {val.ts_event}".encode(), self._sum)
        if isinstance(val, ExecutionReport):
            self._awaited -= 1
            return None
        n = self._numbers.next(Stream.PREDICTIONS)
        if isinstance(val, Gap):
            return [val.model_copy(update={"n": n, "tr": f"{self._sum}"})]
        self._awaited = val.n % 3
        asked = [self._ask(val) for _ in range(self._awaited)]
        return [cast(Prediction, val).model_copy(update={"n": n, "model": f"{self._sum}"}), *asked]

    def _ask(self, val: Message) -> Message:
        return features(self._numbers.next(Stream.FEATURES), val.sym, val.ts_event, val.tr, f"{self._sum}")

    def state(self) -> State:
        return [self._awaited, self._sum, self._numbers.state()]

    def restore(self, state: State) -> None:
        assert isinstance(state, list)
        self._awaited, self._sum = cast(int, state[0]), cast(int, state[1])
        self._numbers.restore(state[2])


PLACE = PartitionId("signal", 3)
LEASE = Lease(PLACE, "me", 1)
TICKS_IN = ServiceSpec("signal", lambda sym: Echo(), (Input(Stream.TICKS, "ingestor"),), (Output(Stream.FEATURES),))
STRICT_IN = ServiceSpec(
    "gateway", lambda sym: Echo(), (Input(Stream.TICKS, "ingestor", strict=True),), (Output(Stream.FEATURES),)
)
HOLDING = ServiceSpec(
    "strategy",
    lambda sym: Holding(),
    (Input(Stream.EXECUTIONS, "gateway", strict=True), Input(Stream.PREDICTIONS, "signal")),
    (Output(Stream.PREDICTIONS), Output(Stream.FEATURES)),
)


class Store:
    """What the bus keeps of a partition: the state and the entries of the commits that were written."""

    def __init__(self, plan: ServiceSpec, limits: Limits | None = None) -> None:
        self.plan = plan
        self.limits = limits or Limits()
        self.stored = Stored(0, {})
        self.written: list[Outgoing] = []
        self.poison: dict[tuple[str, bytes], str] = {}
        self.run_id = "run1"

    def partition(self) -> Partition:
        """A fresh memory out of what is stored."""
        stored = Stored(self.stored.seq, dict(self.stored.fields))
        return Partition(self.plan, self.limits, LEASE, stored, self.run_id, self.poison)

    def write(self, commit: Commit | None) -> list[Outgoing]:
        if commit is None:
            return []
        assert commit.seq == self.stored.seq
        new = {name: v if isinstance(v, bytes) else v.encode() for name, v in commit.fields.items()}
        self.stored = Stored(commit.seq + 1, {**self.stored.fields, **new})
        self.written += commit.entries
        return commit.entries

    def run(self, part: Partition, stream: Stream, *entries: Entry) -> list[str]:
        """Offer, work, commit; what went out, in short."""
        if entries:
            part.offer(stream, entries)
        part.work(10_000)
        return [short(out) for out in self.write(part.commit())]

    def field(self, name: str) -> str:
        return self.stored.fields[name].decode()


def short(out: Outgoing) -> str:
    """`A 3` a message, `A 3 GAP MISSED` a gap, `DEAD A` a dead letter."""
    if out.stream == Stream.DEAD:
        return f"DEAD {out.k}"
    message = decode(out.t, out.d)
    return f"{out.k} {out.n}" + (f" GAP {message.cause}" if isinstance(message, Gap) else "")
