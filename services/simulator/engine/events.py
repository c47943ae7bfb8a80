"""An order as the fake keeps it: each change is a new version, and all versions stay."""

import json
from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Any, NamedTuple

# Why the fake's engine does not take an order; each dialect has its own code for it.


class DeclineReason(Enum):
    """The reasons."""

    MARGIN = auto()
    REDUCE_ONLY = auto()
    DUPLICATE = auto()
    STEP = auto()
    MIN_QTY = auto()
    MIN_NOTIONAL = auto()
    MOST_MARKET = auto()
    NOT_TRADING = auto()
    WOULD_TRIGGER = auto()


class Declined(Exception):
    """The engine has not taken the order."""

    def __init__(self, why: DeclineReason) -> None:
        super().__init__(why.name)
        self.why = why


# How a market order is filled: at once, in parts over time, or in part only.


class FillPlan(NamedTuple):
    """parts: how many, each `apart_ms` after the last. share: of the quantity; what is left expires.

    >>> FillPlan(2, 100, Decimal("0.7")).of(Decimal("-0.010"), Decimal("0.001"), 5)
    (PlannedFill(at_ms=5, qty=Decimal('-0.003')), PlannedFill(at_ms=105, qty=Decimal('-0.004')))
    """

    parts: int = 1
    apart_ms: int = 0
    share: Decimal = Decimal(1)

    def of(self, signed_qty: Decimal, step: Decimal, now_ms: int) -> tuple["PlannedFill", ...]:
        """The parts of this order, each a multiple of step."""
        whole = (signed_qty * self.share / step).to_integral_value(ROUND_DOWN)
        each = (whole / self.parts).to_integral_value(ROUND_DOWN)
        counts = [each] * (self.parts - 1) + [whole - each * (self.parts - 1)]
        return tuple(
            PlannedFill(now_ms + number * self.apart_ms, count * step) for number, count in enumerate(counts) if count
        )


class State(StrEnum):
    """As Binance writes them."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    UNTRIGGERED = "UNTRIGGERED"
    TRIGGERED = "TRIGGERED"  # it became another order, and is none any more


OPEN = frozenset({State.NEW, State.PARTIALLY_FILLED})
LIVE = OPEN | {State.UNTRIGGERED}
ORIGINS = ("liquidation", "adl", "settlement")


class PlannedFill(NamedTuple):
    """So much is filled at this time."""

    at_ms: int
    qty: Decimal


class EngineOrder(NamedTuple):
    """signed_qty, filled: base units, + buys. paid: sum of |qty| x price. parts: the plan; `done` of them are filled.

    limit: an order with a price rests until it is cancelled. stamp_ms, validity_ms: as they stood in the request.
    leg: the position it is of, see wallet.py. trigger: it waits until the price is there; rises: from below.
    became, was: ids; where a venue makes another order of one that waited, the new one and the old one.
    origin: who made it, if not the account: `liquidation`, `adl` or `settlement`. algo: the venue's word for its kind.
    """

    id: int
    client_id: str
    sym: str
    signed_qty: Decimal
    reduce_only: bool
    limit: Decimal | None
    stamp_ms: int
    validity_ms: int
    created_ms: int
    updated_ms: int
    parts: tuple[PlannedFill, ...] = ()
    done: int = 0
    state: State = State.NEW
    filled: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    leg: str = ""
    trigger: Decimal | None = None
    rises: bool = False
    origin: str = ""
    algo: str = ""
    became: int = 0
    was: int = 0

    @property
    def side(self) -> int:
        """+1 buys, -1 sells."""
        return 1 if self.signed_qty > 0 else -1


class EngineFill(NamedTuple):
    """One trade of an order. qty is signed; fee is positive when paid; profit: what it realised, in quote units.

    leg, origin: of its order. extra: what was paid beside the fee, in its currency.
    """

    id: int
    order_id: int
    client_id: str
    sym: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    profit: Decimal
    at_ms: int
    leg: str = ""
    origin: str = ""
    extra: Decimal = Decimal(0)


class Payment(NamedTuple):
    """Funding or a transfer: + came in."""

    id: int
    kind: str
    sym: str
    currency: str
    amount: Decimal
    at_ms: int


# The fake's memory on disk: one line per event, read again at its next start.

Event = EngineOrder | EngineFill | Payment


class Setting(NamedTuple):
    """Leverage, margin mode, position mode."""

    key: str
    value: str


# The names stand in files that were written before: they stay, whatever the classes are called.
KINDS: dict[str, Any] = {"Order": EngineOrder, "Fill": EngineFill, "Payment": Payment, "Setting": Setting}
NAMES = {kind: name for name, kind in KINDS.items()}


def _line(event: NamedTuple) -> list[object]:
    return [NAMES[type(event)], *event]


def _event(row: list[object]) -> NamedTuple:
    name, *rest = row
    kind = KINDS[str(name)]
    fields: dict[str, Any] = dict(zip(kind._fields, rest, strict=False))  # an older file has fewer
    for key, value in fields.items():
        if "Decimal" in str(kind.__annotations__[key]) and value is not None:
            fields[key] = Decimal(str(value))
    if kind is EngineOrder:
        fields["parts"] = tuple(PlannedFill(at_ms, Decimal(qty)) for at_ms, qty in fields["parts"])
        fields["state"] = State(str(fields["state"]))
    made: NamedTuple = kind(**fields)
    return made


class EventFile:
    """Appends; a line that a kill has cut off is dropped. path None: keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def events(self) -> Iterator[Sequence[NamedTuple]]:
        """What was written, together what was written together."""
        if self._path is None or not self._path.exists():
            return
        whole = self._path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if kept != whole:
            self._path.write_bytes(kept)
        for line in kept.splitlines():
            yield [_event(row) for row in json.loads(line)]

    def write(self, events: Sequence[NamedTuple]) -> None:
        """All of them or, after a kill, none."""
        if self._path is not None:
            with self._path.open("ab") as out:
                out.write(json.dumps([_line(event) for event in events], default=str).encode() + b"\n")
