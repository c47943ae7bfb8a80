"""The engine's events are orders, fills, payments and settings; a file keeps them over a restart.

An order is never changed: each change is a new version, and all versions stay. The fields' names are also those that
`POST /_fake/book` shows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from enum import Enum, StrEnum, auto
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

Code = TypeVar("Code", int, str)


class DeclineReason(Enum):
    """The reason why the engine does not take an order. Each dialect has its own code and text for it."""

    MARGIN = auto()
    REDUCE_ONLY = auto()
    DUPLICATE = auto()
    STEP = auto()
    MIN_QTY = auto()
    MIN_NOTIONAL = auto()
    MOST_MARKET = auto()
    NOT_TRADING = auto()
    WOULD_TRIGGER = auto()
    PRICE_STEP = auto()
    PRICE_TOO_HIGH = auto()
    PRICE_TOO_LOW = auto()


class Declined(Exception):
    """The engine does not take the order.

    - bound: the price that it may have at most, or must have at least, where that is why.
    """

    def __init__(self, why: DeclineReason, bound: Decimal | None = None) -> None:
        super().__init__(why.name)
        self.why, self.bound = why, bound

    def told(self, codes: Mapping[DeclineReason, tuple[Code, str]]) -> tuple[Code, str]:
        """Returns a dialect's code and text for it; `{}` in a text stands for the bound."""
        code, text = codes[self.why]
        return code, text.replace("{}", "" if self.bound is None else format(self.bound, "f"))


class PlannedFill(NamedTuple):
    """A part of a market order, and when it is filled."""

    at_ms: int
    qty: Decimal


class FillPlan(NamedTuple):
    """A plan says how a market order fills: at once, in parts over time, or in part only.

    - parts: how many, each `apart_ms` after the one before.
    - share: of the quantity; what is left expires.

    >>> FillPlan(2, 100, Decimal("0.7")).of(Decimal("-0.010"), Decimal("0.001"), 5)
    (PlannedFill(at_ms=5, qty=Decimal('-0.003')), PlannedFill(at_ms=105, qty=Decimal('-0.004')))
    """

    parts: int = 1
    apart_ms: int = 0
    share: Decimal = Decimal(1)

    def of(self, signed_qty: Decimal, step: Decimal, now_ms: int) -> tuple[PlannedFill, ...]:
        """Returns the parts of this quantity, each a multiple of step."""
        whole = (signed_qty * self.share / step).to_integral_value(ROUND_DOWN)
        each = (whole / self.parts).to_integral_value(ROUND_DOWN)
        counts = [each] * (self.parts - 1) + [whole - each * (self.parts - 1)]
        return tuple(
            PlannedFill(now_ms + number * self.apart_ms, count * step) for number, count in enumerate(counts) if count
        )


class Lags(NamedTuple):
    """Lags say how long after the fact reads see an order: its row, how it ended, and its trades. All in ms.

    The row comes first: where `end_ms` is more, it shows the order as it came, without a fill, until then.
    """

    row_ms: int = 0
    end_ms: int = 0
    trades_ms: int = 0


class State(StrEnum):
    """The state of an order, in Binance's words."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    UNTRIGGERED = "UNTRIGGERED"  # it waits for a price
    TRIGGERED = "TRIGGERED"  # it became another order, and is none any more


OPEN = frozenset({State.NEW, State.PARTIALLY_FILLED})
LIVE = OPEN | {State.UNTRIGGERED}
ORIGINS = ("liquidation", "adl", "settlement")
LONG, SHORT, CROSS = "LONG", "SHORT", "CROSS"
HEDGE = (LONG, SHORT)


class NewOrder(NamedTuple):
    """An order as a request asks for it; quantities in base units.

    - limit: the worst price that it takes; None: a market order.
    - ioc: it takes what there is within its limit at once, and is over; without, it rests.
    - stamp_ms, validity_ms: as they stand in the signed request.
    - leg, trigger, rises, origin, algo: as in EngineOrder.
    """

    sym: str
    signed_qty: Decimal
    client_id: str = ""
    reduce_only: bool = False
    limit: Decimal | None = None
    stamp_ms: int = 0
    validity_ms: int = 0
    leg: str = ""
    trigger: Decimal | None = None
    rises: bool = False
    origin: str = ""
    algo: str = ""
    ioc: bool = False


class EngineOrder(NamedTuple):
    """A version of an order holds from one event to the next.

    - signed_qty, filled: base units, + buys.
    - limit: an order with a price rests until it is cancelled, but for `ioc`.
    - stamp_ms, validity_ms: as they stood in the signed request.
    - parts: the plan of the fills of an order that does not rest; `done` of them are filled.
    - paid: the sum of |qty| x price.
    - leg: which of a swap's positions it is of, see Wallet.
    - trigger: it waits until the price is there; `rises`: from below.
    - origin: who made it, if not the account: one of ORIGINS.
    - algo: the exchange's word for the kind of one that waits.
    - became, was: where an exchange makes another order of one that waited, the ids of the new one and of the old one.
    - late_ms: so long after it happened reads see this version.
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
    ioc: bool = False
    late_ms: int = 0

    @property
    def side(self) -> int:
        """Returns 1 where it buys, -1 where it sells."""
        return 1 if self.signed_qty > 0 else -1

    def came_to_nothing(self, before_ms: int) -> bool:
        """Returns whether it was over by then without a fill: exchanges forget such orders after a while."""
        return self.state in (State.CANCELED, State.EXPIRED) and not self.filled and self.updated_ms < before_ms


class EngineFill(NamedTuple):
    """A fill is one trade of an order.

    - qty: base units, + bought.
    - fee: positive when paid.
    - profit: what the trade realised, in the quote currency.
    - leg, origin: those of the order.
    - extra: what was paid beside the fee, in its currency.
    - late_ms: so long after it happened reads see it.
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
    late_ms: int = 0

    @property
    def seen_ms(self) -> int:
        """Returns from when on reads see it."""
        return self.at_ms + self.late_ms


class Payment(NamedTuple):
    """A payment is funding or a transfer; a positive amount came in."""

    id: int
    kind: str
    sym: str
    currency: str
    amount: Decimal
    at_ms: int


class Setting(NamedTuple):
    """A setting holds for the account or for a market: leverage, margin mode, status ..."""

    key: str
    value: str


# The names are those in the files: they stay, whatever the classes are called.
KINDS: dict[str, Any] = {"Order": EngineOrder, "Fill": EngineFill, "Payment": Payment, "Setting": Setting}


class EventFile:
    """A file of events, one line for those that belong together. It only grows.

    - path: None keeps nothing.
    - others: kinds of events beside those here, by their names in the file.
    """

    def __init__(self, path: Path | None, others: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._path, self._kinds = path, {**KINDS, **others}
        self._names = {kind: name for name, kind in self._kinds.items()}

    def events(self) -> Iterator[Sequence[NamedTuple]]:
        """Yields what was written, together what was written together. Drops a last line that a kill has cut off."""
        if self._path is None or not self._path.exists():
            return
        whole = self._path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if kept != whole:
            self._path.write_bytes(kept)
        for line in kept.splitlines():
            yield [_event(self._kinds, row) for row in json.loads(line)]

    def write(self, events: Sequence[NamedTuple]) -> None:
        """Appends all of them or, after a kill, none."""
        if self._path is not None:
            with self._path.open("ab") as out:
                rows = [[self._names[type(event)], *event] for event in events]
                out.write(json.dumps(rows, default=str).encode() + b"\n")


def _event(kinds: Mapping[str, Any], row: list[object]) -> NamedTuple:
    name, *rest = row
    kind = kinds[str(name)]
    fields: dict[str, Any] = dict(zip(kind._fields, rest, strict=False))  # an older file has fewer
    for key, value in fields.items():
        if "Decimal" in str(kind.__annotations__[key]) and value is not None:
            fields[key] = Decimal(str(value))
    if kind is EngineOrder:
        fields["parts"] = tuple(PlannedFill(at_ms, Decimal(qty)) for at_ms, qty in fields["parts"])
        fields["state"] = State(str(fields["state"]))
    made: NamedTuple = kind(**fields)
    return made
