"""OKX's websocket messages, as text. Sizes of a swap are contracts.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel and its neighbours
"""

from services.simulator.engine.digits import digits
from services.simulator.engine.listing import Listing
from services.simulator.engine.market import FakeBar
from services.simulator.websocket.frame_blocks import Make
from services.simulator.websocket.trade_streams import TellBar


def trade(listing: Listing) -> Make:
    """Of `trades`: `count` trades at one price by one taker, with the id of the last one. Here it is one."""
    price, size, sym = digits(listing.tick), digits(listing.step / listing.contract_size), listing.id

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"arg":{{"channel":"trades","instId":"{sym}"}},"data":[{{"instId":"{sym}","tradeId":"{id_}",'
            f'"px":"{price(ticks)}","sz":"{size(steps)}","side":"{"sell" if sold else "buy"}","ts":"{at_ms}",'
            f'"count":"1","source":"0","seqId":{id_}}}]}}'
        )

    return made


def best(listing: Listing) -> Make:
    """Of `bbo-tbt`: after each trade, one tick below and above its price."""
    price, size, sym = digits(listing.tick), digits(listing.step / listing.contract_size), listing.id

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        return (
            f'{{"arg":{{"channel":"bbo-tbt","instId":"{sym}"}},"data":[{{"asks":[["{price(ticks + 1)}",'
            f'"{size(steps)}","0","1"]],"bids":[["{price(ticks - 1)}","{size(steps)}","0","1"]],"ts":"{at_ms}",'
            f'"seqId":{id_}}}]}}'
        )

    return made


def ticker(listing: Listing) -> Make:
    """Of `tickers`."""
    price, size, sym = digits(listing.tick), digits(listing.step / listing.contract_size), listing.id

    def made(id_: int, at_ms: int, ticks: int, steps: int, sold: bool) -> str:
        last, of = price(ticks), size(steps)
        return (
            f'{{"arg":{{"channel":"tickers","instId":"{sym}"}},"data":[{{"instType":"{listing.kind.upper()}",'
            f'"instId":"{sym}","last":"{last}","lastSz":"{of}","askPx":"{price(ticks + 1)}","askSz":"{of}",'
            f'"bidPx":"{price(ticks - 1)}","bidSz":"{of}","open24h":"{last}","high24h":"{last}","low24h":"{last}",'
            f'"volCcy24h":"1","vol24h":"1","sodUtc0":"{last}","sodUtc8":"{last}","ts":"{at_ms}"}}]}}'
        )

    return made


def candle(listing: Listing, channel: str) -> TellBar:
    """Of a candle's channel: the last field is 1 when the bar is finished."""
    sym, size = listing.id, listing.contract_size

    def made(bar: FakeBar, first: int, last: int, now_ms: int, finished: bool) -> str:
        return (
            f'{{"arg":{{"channel":"{channel}","instId":"{sym}"}},"data":[["{bar.at_ms}","{bar.open}","{bar.high}",'
            f'"{bar.low}","{bar.close}","{bar.volume / size}","{bar.volume}","{bar.volume * bar.close}",'
            f'"{int(finished)}"]]}}'
        )

    return made
