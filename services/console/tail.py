"""`tickline tail`: a stream's last entries, or those of a time, decoded, over all partitions.

The last ones are read from the bus, as they lie there, damage and all. What the bus has no more is recorded, and what
is asked for by time is found by the lookup.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from contextlib import ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from services.console.options import instant
from services.console.output import AsJson, InUtc, leaving, plain_data, wall_time
from services.console.run.streams import Source, later_entries, newest_entries
from services.console.run_id import LAST, RunId, of_run, replay_of
from services.console.settings import with_bus
from shared.bus.api import BusLost
from shared.bus.entry import Entry
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable, ConfigError
from shared.messages import (
    Decision,
    DecodeError,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    Prediction,
    Stream,
    decode,
)
from shared.messages.codec import newer
from shared.messages.monitor import BOOK, POOLED
from shared.record import NewerWire
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from shared.lookup import Found, Lookup, Reach

LIMIT = 20
RENAMED = {"type": "order_type"}  # a message's fields that would hide what stands beside them in JSON


class TailOptions(NamedTuple):
    """The options say what one call shows. limit: None where nobody named one."""

    stream: Stream
    sym: str | None
    limit: int | None
    since: str | None
    at: str | None
    as_json: bool
    follow: bool
    run_id: str | None
    wall: WallTime

    @property
    def by_time(self) -> bool:
        """Returns whether the messages of a time are asked for."""
        return self.since is not None or self.at is not None

    @property
    def most(self) -> int | None:
        """Returns how many rows are shown; None: all of the time that `--since` names."""
        return LIMIT if self.limit is None and self.since is None else self.limit


class Row(NamedTuple):
    """A row is what was found of one entry.

    - at_ns: when it was written. id: on the bus; empty for what was recorded.
    - message: None where there is none in it; then `lacks` says why, and `human` is the writer's line.
    - newer: a newer Tickline wrote it.
    """

    sym: str
    n: int
    tr: str
    tag: str
    at_ns: int
    origin: str
    id: str = ""
    message: Message | None = None
    lacks: str = ""
    human: str = ""
    data: bytes = b""
    newer: bool = False

    @classmethod
    def of_entry(cls, entry: Entry) -> "Row":
        """Returns the row of an entry as it lies on the bus."""
        message, lacks = None, ""
        try:
            message = decode(entry.t, entry.d)
        except (DecodeError, NewerWire) as error:
            lacks = str(error)
        return cls(
            entry.k, entry.n, entry.tr, entry.t.decode(errors="replace"), entry.w, "bus", entry.id.decode(), message,
            lacks, entry.h.decode(errors="replace"), entry.d, newer(entry.t) is not None,
        )  # fmt: skip

    @classmethod
    def of_found(cls, found: "Found") -> "Row":
        """Returns the row of a message that was looked up."""
        message = found.message
        return cls(message.sym, message.n, message.tr, message.TAG, found.at_ns, found.origin, message=message)


class DecisionsAround(NamedTuple):
    """Other streams say this of decisions: prices by symbol and number of the prediction, orders by their ids."""

    prices: Mapping[tuple[str, int], Decimal]
    orders: Mapping[str, OrderIntent]

    @classmethod
    async def of(cls, lookup: "Lookup", rows: list[Row]) -> "DecisionsAround":
        """Looks up the predictions and the orders of the decisions among the rows."""
        prices: dict[tuple[str, int], Decimal] = {}
        orders: dict[str, OrderIntent] = {}
        decisions = [row.message for row in rows if isinstance(row.message, Decision)]
        for sym in dict.fromkeys(decision.sym for decision in decisions):
            times = [decision.ts_event for decision in decisions if decision.sym == sym]
            for found in await lookup.messages(Stream.PREDICTIONS, sym, min(times), max(times)):
                if isinstance(found.message, Prediction):
                    prices[sym, found.message.n] = found.message.price
            if any(decision.orders for decision in decisions if decision.sym == sym):
                for found in await lookup.messages(Stream.ORDERS, sym, min(times), max(times)):
                    if isinstance(found.message, OrderIntent):
                        orders[found.message.client_order_id] = found.message
        return cls(prices, orders)


NOTHING_AROUND = DecisionsAround({}, {})


def tail(
    stream: Annotated[Stream, typer.Argument(help="The stream's name.")],
    sym: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="How many of the last ones; 20, or with --since all of them.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From this time on, e.g. 2h (ago), 12:00, 2024-10-29T12:00.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="The last ones up to this time.")] = None,
    as_json: AsJson = False,
    utc: InUtc = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    run_id: RunId = None,
) -> None:
    """Show a stream's last messages, or those of a time, from the bus and from the recording."""
    options = TailOptions(stream, sym, limit, since, at, as_json, follow, run_id, wall_time(utc))
    if options.by_time and (follow or stream is Stream.DEAD):
        other = "--follow" if follow else "dead letters, whose times nobody knows"
        raise ConfigError(f"--since and --at do not go with {other}: leave them out")
    with ExitStack() as stack:
        settings, no_bus = load_settings(), ""
        try:
            settings = stack.enter_context(with_bus(settings))
        except BusUnreachable as unreachable:
            no_bus = str(unreachable)
        try:
            with leaving():
                asyncio.run(_tail(options, settings, no_bus))
        except KeyboardInterrupt:
            pass  # Ctrl-C is how --follow ends


async def _tail(options: TailOptions, settings: Settings, no_bus: str) -> None:
    rows: list[Row] = []
    ends: dict[Source, bytes] = {}
    if not no_bus:
        try:
            settings, rows, ends = await _on_bus(options, settings)
        except BusLost as lost:
            no_bus = str(lost)
    if no_bus and options.follow:
        raise BusUnreachable(no_bus)
    if no_bus and options.run_id not in (None, LAST):
        settings = replay_of(settings, str(options.run_id))
    around = NOTHING_AROUND
    if options.stream is not Stream.DEAD and options.most != 0:
        rows, around = await _looked_up(options, settings, rows)
    elif no_bus:
        raise BusUnreachable(no_bus)
    for row in rows:
        _echo(options, row, around)
    if options.follow:
        await _follow(options, settings, ends)
    elif not rows and options.most != 0:
        typer.echo(nothing(options, settings), err=True)


async def _on_bus(options: TailOptions, settings: Settings) -> tuple[Settings, list[Row], dict[Source, bytes]]:
    """Returns the run's settings, the newest rows on the bus, and where each stream ends; raises BusLost."""
    from shared.runner.service import make_bus  # it loads the server's client

    settings = await of_run(settings, options.run_id)
    if options.by_time:
        return settings, [], {}
    found, ends = await newest_entries(make_bus(settings), settings, options.stream, options.sym, options.most or 0)
    return settings, [Row.of_entry(entry) for entry in found], ends


async def _follow(options: TailOptions, settings: Settings, ends: dict[Source, bytes]) -> None:
    """Writes what comes behind the ends, until cancelled; raises BusUnreachable."""
    from shared.runner.service import make_bus

    try:
        async for entry in later_entries(make_bus(settings), ends, options.sym):
            _echo(options, Row.of_entry(entry), NOTHING_AROUND)
    except BusLost as lost:
        raise BusUnreachable(str(lost)) from lost


def nothing(options: TailOptions, settings: Settings) -> str:
    """Returns that there is nothing to show, and what else there is where the symbol is not the config's."""
    of = "" if options.sym is None else f" of {options.sym}"
    said = f"tail: nothing{of} is known on {options.stream}{' in that time' if options.by_time else ''}"
    if options.sym is None or options.sym in (*settings.symbols, POOLED, BOOK):
        return said
    return f"{said}: the config's symbols are {', '.join(settings.symbols)}"


def _echo(options: TailOptions, row: Row, around: DecisionsAround) -> None:
    typer.echo(json_line(row) if options.as_json else text_line(row, options.wall, around))


async def _looked_up(options: TailOptions, settings: Settings, rows: list[Row]) -> tuple[list[Row], DecisionsAround]:
    """Returns the rows, with those that the bus has no more, and what other streams say of them.

    Where there are none without the bus, raises BusUnreachable, or DataError if there is a recording.
    """
    whole = not options.by_time and len(rows) == options.most
    if whole and (options.as_json or options.stream is not Stream.DECISIONS):
        return rows, NOTHING_AROUND
    from shared.lookup import Lookup  # as above

    async with Lookup.open(settings) as lookup:
        if not whole:
            rows = await _with_recorded(options, lookup, rows)
        if not rows and (reach := await lookup.reach()).no_bus:
            raise reach.unknown(nothing(options, settings))
        if any(row.origin == "recording" for row in rows) and not options.as_json:
            typer.echo(_where(await lookup.reach(), options), err=True)
        return rows, NOTHING_AROUND if options.as_json else await DecisionsAround.of(lookup, rows)


async def _with_recorded(options: TailOptions, lookup: "Lookup", rows: list[Row]) -> list[Row]:
    """Returns the rows, and the messages that the lookup has beside them, in the order of writing."""
    now_ns = await lookup.now_ns()
    since_ns = None if options.since is None else instant("--since", options.since, options.wall, now_ns)
    until_ns = None if options.at is None else instant("--at", options.at, options.wall, now_ns)
    known = {(row.sym, row.n) for row in rows}
    found = list(rows)
    beside = [POOLED, BOOK] if options.stream is Stream.MONITOR else []
    for sym in [*await lookup.symbols(), *beside] if options.sym is None else [options.sym]:
        if since_ns is None and options.most is not None:
            messages = await lookup.last(options.stream, sym, options.most, until_ns)
        else:
            messages = await lookup.messages(options.stream, sym, since_ns, until_ns)
        found += [Row.of_found(each) for each in messages if (sym, each.message.n) not in known]
    found.sort(key=lambda row: (row.at_ns, row.sym, row.n))
    return found if options.most is None else found[max(0, len(found) - options.most) :]


def _where(reach: "Reach", options: TailOptions) -> str:
    """Returns where the rows come from, and from when on there are any."""
    recorded, on_bus = reach.recording.get(options.stream), reach.bus.get(options.stream)
    said = [reach.no_bus.removesuffix(": is it running?")] if reach.no_bus else []
    said += [f"{path} cannot be read and is left out ({why})" for path, why in reach.damaged.items()]
    if recorded is not None:
        ends = f" until {options.wall.second(recorded.until_ns)}" if reach.no_bus else ""
        said.append(f"from the recording, written since {options.wall.second(recorded.since_ns)}{ends}")
    if on_bus is not None:
        said.append(f"from the bus, written since {options.wall.second(on_bus.since_ns)}")
    return "; ".join(said)


def text_line(row: Row, wall: WallTime, around: DecisionsAround = NOTHING_AROUND) -> str:
    """Returns a line for a person; its last word is `newer` where a newer Tickline wrote the entry.

    The time is that of the event; of what has no message that of writing.
    """
    at_ns = row.at_ns if row.message is None else row.message.ts_event
    time = wall.millisecond(at_ns) if at_ns % 1_000_000_000 else wall.second(at_ns)
    said = row.human if row.message is None else said_of(row.message, around)
    return f"{time}  n={row.n}  {said}  [{row.tr}]{'  newer' if row.newer else ''}"


def json_line(row: Row) -> str:
    """Returns a line of JSON: id, type, number, trace, time of writing, place, and the message's fields."""
    if row.message is None:
        fields: dict[str, Any] = {"undecoded": base64.b64encode(row.data).decode(), "why": row.lacks}
    else:
        fields = {RENAMED.get(name, name): plain_data(value) for name, value in row.message.content().items()}
    beside = {"id": row.id, "type": row.tag, "w": row.at_ns, "read_from": row.origin}
    return json.dumps({**beside, "sym": row.sym, "n": row.n, "tr": row.tr, **fields})


def said_of(message: Message, around: DecisionsAround = NOTHING_AROUND) -> str:
    """Returns what a message says: where it decides, with y_hat, price, sides and reason."""
    if isinstance(message, Decision):
        return _decision(message, around)
    if isinstance(message, ExecutionReport) and message.last_px is not None and message.leg is not Leg.FUNDING:
        reason = "" if message.reason is None else f" {message.reason}"
        qty = _side(message.last_qty)
        return f"{message.sym} {message.status} {qty} at {message.last_px} fee {float(message.commission):.4g}{reason}"
    return message.human()


def _decision(decision: Decision, around: DecisionsAround) -> str:
    y_hat = "none" if decision.y_hat is None else f"{decision.y_hat:+.6f}"
    price = around.prices.get((decision.sym, decision.prediction_n))
    said = f"{decision.sym} y_hat={y_hat}" + ("" if price is None else f" at {price}")
    if not decision.orders:
        return f"{said} no order: {decision.reason}, position {decision.signed_qty.normalize():f}"
    known = [around.orders.get(name) for name in decision.orders]
    sides = [f"{_side(order.signed_qty)} ({order.leg})" for order in known if order is not None]
    return f"{said} {', '.join(sides) if len(sides) == len(known) else decision.human().partition(' ')[2]}"


def _side(qty: Decimal) -> str:
    return f"{'BUY' if qty > 0 else 'SELL'} {abs(float(qty)):.8g}"
