"""Binance's public streams over a tape: each gives the messages of what has happened since it was last asked."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.fake_exchange import binance_messages
from services.fake_exchange.frame_blocks import FrameBlocks
from services.fake_exchange.frames import framed
from services.fake_exchange.intervals import INTERVALS_MS
from services.fake_exchange.tape import FIRST_ID, Tape

KLINE_MS = 250
KLINE = "kline_"
MAKERS = {
    "trade": binance_messages.trade,
    "aggTrade": binance_messages.agg_trade,
    "bookTicker": binance_messages.book_ticker,
}


class Stream(Protocol):
    """A client's place in a market's messages."""

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """The next frames, at most so many of those due by now."""

    def due_ms(self) -> int | None:
        """When there is something to take, at the earliest; None: never."""


class TradeStream:
    """One message for every trade after `now_ms`."""

    def __init__(self, tape: Tape, blocks: FrameBlocks, now_ms: int) -> None:
        self._tape, self._blocks = tape, blocks
        self._next = tape.upto(now_ms)

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """In the order of their ids."""
        first, last = self._next, min(self._tape.upto(now_ms), self._next + most)
        if last <= first:
            return ()
        self._next = last
        return self._blocks.between(first, last)

    def due_ms(self) -> int | None:
        """When the next trade is."""
        return self._tape.due_ms(self._next)


class KlineStream:
    """The bar as it stands, four times a second while it changes, and once more when it is finished: `x` is true."""

    def __init__(self, tape: Tape, interval: str, now_ms: int) -> None:
        self._tape, self._interval, self._length_ms = tape, interval, INTERVALS_MS[interval]
        self._bar_ms = now_ms // self._length_ms * self._length_ms
        self._told, self._told_ms = tape.upto(now_ms), now_ms

    def take(self, now_ms: int, most: int) -> Sequence[bytes]:
        """The ends of bars, or the one that goes on."""
        out: list[bytes] = []
        while now_ms >= self._bar_ms + self._length_ms and len(out) < most:
            out.append(self._message(self._bar_ms + self._length_ms, finished=True))
            self._bar_ms += self._length_ms
        if not out and now_ms >= self._told_ms + KLINE_MS:
            self._told_ms = now_ms
            if (count := self._tape.upto(now_ms)) > self._told:
                self._told = count
                out.append(self._message(now_ms, finished=False))
        return out

    def due_ms(self) -> int | None:
        """When it may tell of the bar again, or must."""
        return min(self._bar_ms + self._length_ms, self._told_ms + KLINE_MS)

    def _message(self, now_ms: int, finished: bool) -> bytes:
        bar, first, last = self._tape.bar(self._bar_ms, self._length_ms, now_ms)
        sym, ids = self._tape.listing.id, (FIRST_ID + first, FIRST_ID + last - 1) if last > first else (-1, -1)
        return framed(
            f'{{"e":"kline","E":{now_ms},"s":"{sym}","k":{{"t":{bar.at_ms},"T":{bar.at_ms + self._length_ms - 1},'
            f'"s":"{sym}","i":"{self._interval}","f":{ids[0]},"L":{ids[1]},"o":"{bar.open}","c":"{bar.close}",'
            f'"h":"{bar.high}","l":"{bar.low}","v":"{bar.volume}","n":{last - first},'
            f'"x":{"true" if finished else "false"},"q":"0","V":"0","Q":"0","B":"0"}}}}'.encode()
        )


class BinanceStreams:
    """All streams of some tapes, by the venue's name for them: btcusdt@trade, btcusdt@kline_1m."""

    def __init__(self, tapes: Mapping[str, Tape], kept: int) -> None:
        self._tapes, self._kept = {sym.lower(): tape for sym, tape in tapes.items()}, kept
        self._blocks: dict[str, FrameBlocks] = {}

    def stream(self, name: str, now_ms: int) -> Stream | None:
        """From now on; None where the venue has no such market. Raises ValueError where the name is none."""
        sym, _, kind = name.partition("@")
        interval = kind.removeprefix(KLINE)
        if kind not in MAKERS and (interval == kind or interval not in INTERVALS_MS):
            raise ValueError(name)
        tape = self._tapes.get(sym)
        if tape is None:
            return None
        if kind not in MAKERS:
            return KlineStream(tape, interval, now_ms)
        if name not in self._blocks:
            self._blocks[name] = FrameBlocks(tape, MAKERS[kind](tape.listing), self._kept)
        return TradeStream(tape, self._blocks[name], now_ms)

    def prepare(self, kind: str, count: int) -> None:
        """Make the first `count` frames of every market now, so that sending is all that is left: for benchmarks."""
        for sym, tape in self._tapes.items():
            name = f"{sym}@{kind}"
            self.stream(name, tape.start_ms)
            self._blocks[name].between(tape.past, tape.past + count)
