"""What the recorded bars would have made of each stop that lay at an exchange: mark price against prices of trades."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from services.research.parity.comparison import message_of
from shared.account import Account, Position
from shared.account.account import book_report
from shared.account.simulated_stop import BarPrices, FiredStop, SimulatedStop
from shared.config import Mode
from shared.exchanges.trading.amounts import plain
from shared.messages import ExecutionReport, Leg, Message, OrderIntent, Prediction, Stream
from shared.messages.protect import ProtectTerms
from shared.plural import plural
from shared.recording.checkpoint import last_settings, settings_of
from shared.recording.part import RecordedEntry, read_rows, recorded_symbols
from shared.runner.progress import producers
from shared.wall_time import UTC_TIME

BPS = 10_000
_ZERO = Decimal(0)


class ComparedStop(NamedTuple):
    """A compared stop fired at the exchange, or by the recorded bars, or both; None: there it did not.

    - held: the position before it, signed base units.
    - bars_ns: the end of the bar that fired it.
    """

    held: Decimal
    live: ExecutionReport | None
    bars: FiredStop | None
    bars_ns: int = 0

    @property
    def worse_bps(self) -> Decimal | None:
        """Returns how much worse the exchange's fill was than the bars', in basis points; None where one is missing."""
        if self.live is None or self.live.last_px is None or self.bars is None:
            return None
        side = 1 if self.held > 0 else -1
        return side * (self.bars.price - self.live.last_px) * BPS / self.bars.price + 0  # no negative zero

    def line(self, sym: str) -> str:
        """Returns it for a person."""
        live = "not at the exchange"
        if self.live is not None and self.live.last_px is not None:
            at = UTC_TIME.second(self.live.ts_event)
            live = f"{self.live.reason} at {plain(self.live.last_px)}, {at}, at the exchange"
        bars = "not by the recorded bars"
        if self.bars is not None:
            bars = f"{self.bars.kind} at {plain(self.bars.price)} in the bar to {UTC_TIME.second(self.bars_ns)}"
        worse = self.worse_bps
        apart = "" if worse is None else f": {abs(worse):.2f} bps {'worse' if worse > 0 else 'better'}"
        return f"stop of {self.held.normalize():+f} {sym}: {live}; {bars}{apart}"


def recorded_stops(folder: Path) -> Iterator[str]:
    """Yields how the stops of a recorded session differ from what its bars would have made of them, a line each.

    Nothing of a session on paper, whose stops are simulated by these bars. Raises DataError.
    """
    settings = settings_of(last_settings(folder))
    terms = settings.strategy.protect.terms
    if terms is None or settings.gateway.mode is Mode.PAPER:
        return
    made_by = producers(settings)
    for sym in recorded_symbols(folder):
        rows = [
            read_rows(folder, stream, made_by[stream], [sym])
            for stream in (Stream.PREDICTIONS, Stream.ORDERS, Stream.EXECUTIONS)
        ]
        yield from stop_lines(sym, list(compared_stops(terms, in_order(*rows))))


def compared_stops(terms: ProtectTerms, messages: Iterable[Message]) -> Iterator[ComparedStop]:
    """Yields each stop of one symbol that fired at the exchange, or by the bars of its predictions.

    Positions that were open before the recording are left out: the price that their stop hangs on is not in it.

    - messages: predictions, orders and executions in the order of time; of one time an order before its report, and
      both before the next prediction.
    """
    account, prices, stop = Account(_ZERO), dict[str, Decimal](), SimulatedStop(terms)
    now: ComparedStop | None = None  # of the position that is held, or that a stop at the exchange has just closed
    for message in messages:
        if isinstance(message, OrderIntent):
            prices[message.client_order_id] = message.price
        elif isinstance(message, Prediction):
            fired = stop.on_bar(BarPrices.of(message.price, message.bar))
            if now is not None and now.bars is None and fired is not None:
                now = now._replace(bars=fired, bars_ns=message.ts_event)
            if now is not None and now.live is not None:  # that bar was the one within which it fired
                yield now
                now = None
                stop.follow(_ZERO, _ZERO)
        elif isinstance(message, ExecutionReport):
            before = account.held(message.sym)
            book_report(account, message)
            after, price = account.held(message.sym), prices.get(message.client_order_id)
            if before is not None and _ended(before, after) and now is not None:
                now = now._replace(live=message if message.leg is Leg.STOP else None)
                if now.live is None or after is not None:
                    if now.live is not None or now.bars is not None:
                        yield now
                    now = None
                    stop.follow(_ZERO, _ZERO)
            if after is not None and price is not None:
                stop.follow(after.signed_qty, price)
                now = ComparedStop(after.signed_qty, None, None) if now is None else now._replace(held=after.signed_qty)


def _ended(before: Position, after: Position | None) -> bool:
    return after is None or after.signed_qty.is_signed() is not before.signed_qty.is_signed()


def in_order(*streams: Iterable[RecordedEntry]) -> Iterator[Message]:
    """Yields the messages of recorded rows in the order of time; of one time by the order of the streams."""
    readable = [(message for row in rows if (message := message_of(row)) is not None) for rows in streams]
    return merge(*readable, key=lambda message: message.ts_event)


def stop_lines(sym: str, found: list[ComparedStop]) -> Iterator[str]:
    """Yields each stop, and what they come to."""
    if not found:
        return
    live, bars = (sum(getattr(one, name) is not None for one in found) for name in ("live", "bars"))
    apart = [worse for one in found if (worse := one.worse_bps) is not None]
    told = f"{sym}: {plural(live, 'stop')} fired at the exchange (mark price), {bars} by the recorded bars (trades)"
    if apart:
        told += f"; of both the exchange's fill was {sum(apart, _ZERO) / len(apart):+.2f} bps worse on average, "
        told += f"{max(apart):+.2f} at most"
    yield told
    yield from (one.line(sym) for one in found)
