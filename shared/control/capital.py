"""The capital of each book: what it was begun with stands in the journal, and every change is a report of its sequence.

The config's `strategy.balance` is what a new book begins with. From then on the books decide: capital is changed by a
person (`tickline capital`), and a config that says neither what a book was begun with nor what it has now is refused.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b

from shared.errors import ConfigError, SafetyRefusal
from shared.journal.rows import LimitRow
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.messages.codec import keep, kept
from shared.record import Record

NS_PER_MS = 1_000_000
BEGUN = "capital:"  # and the book: the row of what it was begun with
_ZERO = Decimal(0)


class Begun(Record):
    """What a book was begun with, quote units."""

    capital: Decimal


def begun_row(book: str, capital: Decimal) -> LimitRow:
    """What a book was begun with, as it stands in the journal."""
    return LimitRow(BEGUN + book, keep(Begun(capital=capital)))


def begun_with(limits: Mapping[str, bytes], book: str) -> Decimal | None:
    """What a book was begun with, in quote units; None for one that is not begun.

    >>> row = begun_row("strategy:BTCUSDT", Decimal(1_000))
    >>> begun_with({row.name: row.value}, "strategy:BTCUSDT"), begun_with({}, "strategy:BTCUSDT")
    (Decimal('1000'), None)
    """
    return kept(Begun, limits[BEGUN + book]).capital if BEGUN + book in limits else None


def unknown_capital(sym: str, config: Decimal) -> SafetyRefusal:
    """For a book that has executions and not what it was begun with: an early version has written its journal."""
    return SafetyRefusal(
        f"{sym}: its book has executions, and its journal does not tell what it was begun with: say what that was, "
        f"e.g. `tickline capital --sym {sym} --set {config:f}`"
    )


def check_capital(sym: str, config: Decimal, begun: Decimal, now: Decimal) -> None:
    """Raise ConfigError where the config says something else than the book, in one line with the way out."""
    if config in (begun, now):
        return
    has = f"a capital of {now:f}" if begun == now else f"a capital of {now:f}, and was begun with {begun:f}"
    raise ConfigError(
        f"config: strategy.balance is {config:f}, but the book of {sym} has {has}: put {now:f} back, "
        f"or let the book follow: `tickline capital --sym {sym} --set {config:f}`"
    )


def capital_report(sym: str, book: str, seq: int, capital: Decimal, at_ms: int) -> ExecutionReport:
    """What tells a book that its capital is another one from here on."""
    return ExecutionReport(
        n=seq, sym=sym, ts_event=at_ms * NS_PER_MS, tr=f"capital:{sym}:{at_ms}", tick_n=0, order_n=0,
        client_order_id=blake2b(f"capital|{book}|{seq}".encode(), digest_size=16).hexdigest(), leg=Leg.CAPITAL,
        status=OrderStatus.FILLED, last_qty=_ZERO, last_px=None, commission=_ZERO, reason=None, capital=capital,
    )  # fmt: skip
