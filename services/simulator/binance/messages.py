"""Binance's websocket messages about trades, as text.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from services.simulator.engine.digits import digits
from services.simulator.engine.intervals import INTERVALS_MS
from services.simulator.engine.listing import Listing
from services.simulator.engine.market import FakeBar
from services.simulator.engine.trade_history import BEHIND, FIRST_ID
from services.simulator.websocket.frame_blocks import Make
from services.simulator.websocket.trade_streams import TellBar


def trade(listing: Listing) -> Make:
    """Of `@trade`."""
    price, qty, sym = digits(listing.tick), digits(listing.step), listing.id
    rest = ',"M":true}' if listing.kind == "spot" else ',"X":"MARKET"}'

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"e":"trade","E":{at_ms},"T":{at_ms},"s":"{sym}","t":{id_},"p":"{price(ticks)}","q":"{qty(steps)}",'
            f'"m":{"true" if sold else "false"}{rest}'
        )

    return made


def agg_trade(listing: Listing) -> Make:
    """Of `@aggTrade`: each aggregates one trade, and has an id of its own."""
    price, qty, sym = digits(listing.tick), digits(listing.step), listing.id
    rest = ',"M":true}' if listing.kind == "spot" else "}"

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"e":"aggTrade","E":{at_ms},"s":"{sym}","a":{id_ - BEHIND},"p":"{price(ticks)}","q":"{qty(steps)}",'
            f'"f":{id_},"l":{id_},"T":{at_ms},"m":{"true" if sold else "false"}{rest}'
        )

    return made


def book_ticker(listing: Listing) -> Make:
    """Of `@bookTicker`: after each trade, one tick below and above its price."""
    price, qty, sym = digits(listing.tick), digits(listing.step), listing.id
    futures = listing.kind != "spot"

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        event = f'"e":"bookTicker","E":{at_ms},"T":{at_ms},' if futures else ""
        return (
            f'{{{event}"u":{id_},"s":"{sym}","b":"{price(ticks - 1)}","B":"{qty(steps)}","a":"{price(ticks + 1)}",'
            f'"A":"{qty(steps)}"}}'
        )

    return made


def kline(listing: Listing, interval: str) -> TellBar:
    """Of `@kline_`: `x` is true in the last one of a bar."""
    sym, length_ms = listing.id, INTERVALS_MS[interval]

    def made(bar: FakeBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        ids = (FIRST_ID + first, FIRST_ID + last - 1) if last > first else (-1, -1)
        return (
            f'{{"e":"kline","E":{now_ms},"s":"{sym}","k":{{"t":{bar.at_ms},"T":{bar.at_ms + length_ms - 1},'
            f'"s":"{sym}","i":"{interval}","f":{ids[0]},"L":{ids[1]},"o":"{bar.open}","c":"{bar.close}",'
            f'"h":"{bar.high}","l":"{bar.low}","v":"{bar.volume}","n":{last - first},'
            f'"x":{"true" if finished else "false"},"q":"0","V":"0","Q":"0","B":"0"}}}}'
        )

    return made
