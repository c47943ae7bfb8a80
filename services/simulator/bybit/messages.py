"""Bybit's websocket messages, as text.

Fields as in messages recorded from its streams in 2025 and 2026 (hftbacktest's example files for contracts, and the
pages that bybit_streams.py names): a contract's best prices come as snapshots, those of spot as deltas in which a
price that is gone has size 0; trades have `seq` and `RPI`, and a contract's `i` is a random UUID.
"""

from decimal import Decimal

from services.simulator.bybit.rows import exec_id
from services.simulator.engine.digits import digits
from services.simulator.engine.intervals import BYBIT as INTERVALS
from services.simulator.engine.listing import Listing
from services.simulator.engine.market import FakeBar
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.trade_history import FIRST_ID, TradeHistory
from services.simulator.websocket.trade_streams import TellBar, TellTrades

BLOCKS = "block_trades"  # the setting: each so-manyth trade has a block trade beside it, far from the price
BLOCK_SHARE = Decimal("0.9")
SEQ = 816_281_000_000


def every_block(floor: SimulatorState) -> int:
    """0: there are none."""
    return int(floor.book.settings.get(BLOCKS, "0"))


def block_price(price: Decimal, tick: Decimal) -> Decimal:
    """Agreed between two parties, and not to be had by others."""
    return (price * BLOCK_SHARE / tick).to_integral_value() * tick


def trades(tape: TradeHistory, floor: SimulatorState) -> TellTrades:
    """Of publicTrade: all of one millisecond, in the order in which they were matched."""
    listing = tape.listing
    price, qty, sym, swap = digits(listing.tick), digits(listing.step), listing.id, listing.kind == "swap"

    def row(index: int, at_ms: int, told: str, size: str, sold: bool, block: bool) -> str:
        direction = '"L":"PlusTick",' if swap else ""
        id_ = exec_id((-1 if block else 1) * (FIRST_ID + index), listing.kind)
        return (
            f'{{"T":{at_ms},"s":"{sym}","S":"{"Sell" if sold else "Buy"}","v":"{size}","p":"{told}",{direction}'
            f'"i":"{id_}","BT":{"true" if block else "false"},"RPI":false,"seq":{SEQ + index}}}'
        )

    def made(first: int, last: int) -> str:
        rows, out, every = tape.rows(first, last), list[str](), every_block(floor)
        for index, at_ms, ticks, steps, sold in zip(
            range(first, last), rows.at_ms, rows.ticks, rows.steps, rows.sold, strict=True
        ):
            out.append(row(index, at_ms, price(ticks), qty(steps), sold, False))
            if every and index % every == 0:
                far = block_price(ticks * listing.tick, listing.tick)
                out.append(row(index, at_ms, format(far, "f"), qty(steps), sold, True))
        return f'{{"topic":"publicTrade.{sym}","type":"snapshot","ts":{rows.at_ms[-1] + 1},"data":[{",".join(out)}]}}'

    return made


def best(tape: TradeHistory, floor: SimulatorState) -> TellTrades:
    """Of orderbook.1: after each millisecond with trades, one tick below and above the last one's price."""
    listing = tape.listing
    price, qty, sym, swap = digits(listing.tick), digits(listing.step), listing.id, listing.kind == "swap"
    told: list[int] = []

    def made(first: int, last: int) -> str:
        rows = tape.rows(last - 1, last)
        ticks, size, at_ms = rows.ticks[0], qty(rows.steps[0]), rows.at_ms[0]
        bids, asks = (f'["{price(ticks + side)}","{size}"]' for side in (-1, 1))
        kind = "snapshot" if swap or not told else "delta"
        if kind == "delta" and told[0] != ticks:
            bids += f',["{price(told[0] - 1)}","0"]' if told[0] - 1 != ticks - 1 else ""
            asks += f',["{price(told[0] + 1)}","0"]' if told[0] + 1 != ticks + 1 else ""
        told[:] = [ticks]
        return (
            f'{{"topic":"orderbook.1.{sym}","type":"{kind}","ts":{at_ms},"data":{{"s":"{sym}","b":[{bids}],'
            f'"a":[{asks}],"u":{last},"seq":{SEQ + last}}},"cts":{at_ms}}}'
        )

    return made


def ticker(tape: TradeHistory, floor: SimulatorState) -> TellTrades:
    """Of tickers: a contract's first message is whole, the others have what has changed; spot's have no bid and ask."""
    listing = tape.listing
    price, sym, swap = digits(listing.tick), listing.id, listing.kind == "swap"
    whole: list[bool] = []

    def made(first: int, last: int) -> str:
        rows = tape.rows(last - 1, last)
        ticks, at_ms = rows.ticks[0], rows.at_ms[0]
        last_price = price(ticks)
        kind = "delta" if swap and whole else "snapshot"
        whole[:] = [True]
        day = (
            f'"highPrice24h":"{last_price}","lowPrice24h":"{last_price}","prevPrice24h":"{last_price}",'
            '"volume24h":"1","turnover24h":"1","price24hPcnt":"0"'
        )
        fields = f'"symbol":"{sym}","lastPrice":"{last_price}"'
        if not swap:
            fields += f',{day},"usdIndexPrice":"{last_price}"'
        else:
            bid, ask = (price(ticks + side) for side in (-1, 1))
            fields += f',"bid1Price":"{bid}","bid1Size":"1","ask1Price":"{ask}","ask1Size":"1"'
        if swap and kind == "snapshot":
            fields += (
                f',{day},"markPrice":"{last_price}","indexPrice":"{last_price}","openInterest":"1",'
                '"openInterestValue":"1","fundingRate":"0.0001","nextFundingTime":"0","tickDirection":"PlusTick"'
            )
        return f'{{"topic":"tickers.{sym}","type":"{kind}","data":{{{fields}}},"cs":{SEQ + last},"ts":{at_ms + 1}}}'

    return made


def kline(listing: Listing, interval: str) -> TellBar:
    """Of kline: `confirm` is true in the last one of a bar."""
    sym = listing.id

    def made(bar: FakeBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        end_ms = bar.at_ms + INTERVALS[interval] - 1
        return (
            f'{{"topic":"kline.{interval}.{sym}","data":[{{"start":{bar.at_ms},"end":{end_ms},'
            f'"interval":"{interval}","open":"{bar.open}","close":"{bar.close}","high":"{bar.high}",'
            f'"low":"{bar.low}","volume":"{bar.volume}","turnover":"0","confirm":{"true" if finished else "false"},'
            f'"timestamp":{now_ms}}}],"ts":{now_ms},"type":"snapshot"}}'
        )

    return made
