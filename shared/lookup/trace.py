"""A trace leads through the streams: the tick, its features and prediction, its decisions, their orders and reports."""

from collections.abc import Callable, Sequence
from typing import TypeGuard

from shared.lookup.series import MARGIN_N, SymbolSeries
from shared.lookup.stores import Found
from shared.messages import Decision, ExecutionReport, Leg, Message, OrderIntent, Reason, Stream
from shared.messages.market import TickTrace
from shared.messages.monitor import POOLED

# A decision for one of these reasons may stand before one of an earlier tick, which waited.
MEANWHILE = frozenset({Reason.WAITING, Reason.IN_FLIGHT, Reason.SUPERSEDED})

SeriesOf = Callable[[Stream, str], SymbolSeries]


async def messages_of_tick(series: SeriesOf, tr: str, tick: TickTrace) -> list[Found]:
    """Returns all messages of a tick, in the line's order."""
    found = [each for each in await series(Stream.TICKS, tick.sym).between(tick.n, tick.n) if each.message.tr == tr]
    for stream in (Stream.FEATURES, Stream.PREDICTIONS):
        same_time = await series(stream, tick.sym).within(tick.ts_event, tick.ts_event)
        found += [each for each in same_time if each.message.tr == tr]
    decisions = await _decisions(series(Stream.DECISIONS, tick.sym), tr, tick.ts_event)
    found += decisions
    wanted = {name for each in decisions if isinstance(each.message, Decision) for name in each.message.orders}
    at_once = await series(Stream.ORDERS, tick.sym).within(tick.ts_event, tick.ts_event)
    wanted |= {one.client_order_id for each in at_once if _is_stop(one := each.message) and one.tr == tr}
    if wanted or not decisions:
        found += await _orders(series(Stream.ORDERS, tick.sym), tr, tick.ts_event, wanted)
        found += await _reports(series(Stream.EXECUTIONS, tick.sym), tr, tick.ts_event, wanted)
    readings = await series(Stream.MONITOR, POOLED).within(tick.ts_event, tick.ts_event)
    return [*found, *(each for each in readings if each.message.tr == tr)]


async def messages_of_event(series: SeriesOf, tr: str, symbols: Sequence[str]) -> list[Found]:
    """Returns the reports of what no tick led to: a funding payment, an adoption, a halt's own orders."""
    named = [sym for sym in symbols if f":{sym}:" in tr]
    return [
        found
        for sym in named or symbols
        async for found in series(Stream.EXECUTIONS, sym).from_on(1, lambda entry: entry.tr == tr)
    ]


async def messages_of_order(series: SeriesOf, client_order_id: str, symbols: Sequence[str]) -> list[Found]:
    """Returns the order of this id and its report; its decisions have it, too, and are left out."""
    name = client_order_id.encode()
    for sym in symbols:
        async for order in series(Stream.ORDERS, sym).from_on(1, lambda entry: name in entry.d):
            if isinstance(order.message, OrderIntent) and order.message.client_order_id == client_order_id:
                tr, at_ns = order.message.tr, order.message.ts_event
                reports = await _reports(series(Stream.EXECUTIONS, sym), tr, at_ns, {client_order_id})
                return [order, *(each for each in reports if _is_of(each.message, client_order_id))]
    return []


async def _decisions(series: SymbolSeries, tr: str, ts_event: int) -> list[Found]:
    """One when the message arrives, and a second one where it waited, which may come long after."""
    begin = await series.number_at(ts_event)
    found: list[Found] = []
    async for each in series.from_on(begin):
        message = each.message
        if message.tr == tr:
            found.append(each)
        elif message.ts_event > ts_event and message.n > begin + 2 * MARGIN_N and not _meanwhile(message):
            break
    return found


def _is_of(message: Message, client_order_id: str) -> bool:
    return isinstance(message, ExecutionReport) and message.client_order_id == client_order_id


def _is_stop(message: Message) -> TypeGuard[OrderIntent]:
    """Says whether it is an order of which no decision is: a simulated stop's."""
    return isinstance(message, OrderIntent) and message.leg is Leg.STOP


def _meanwhile(message: Message) -> bool:
    return isinstance(message, Decision) and message.reason in MEANWHILE


async def _orders(series: SymbolSeries, tr: str, ts_event: int, wanted: set[str]) -> list[Found]:
    begin = await series.number_at(ts_event)
    found, missing = list[Found](), set(wanted)
    async for each in series.from_on(begin):
        message = each.message
        if message.tr == tr:
            found.append(each)
            if isinstance(message, OrderIntent):
                missing.discard(message.client_order_id)
        elif message.ts_event > ts_event and message.n > begin + 2 * MARGIN_N:
            break
        if wanted and not missing:
            break
    return found


async def _reports(series: SymbolSeries, tr: str, ts_event: int, wanted: set[str]) -> list[Found]:
    """Each order has one report, when it has ended; that may be long after its tick."""
    found, missing = list[Found](), set(wanted)
    async for each in series.from_on(await series.number_at(ts_event), lambda entry: entry.tr == tr):
        found.append(each)
        if isinstance(each.message, ExecutionReport):
            missing.discard(each.message.client_order_id)
        if wanted and not missing:
            break
    return found
