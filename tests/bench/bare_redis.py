"""Baseline (a): the same hops bare on redis-py asyncio with hiredis and uvloop.

Per batch one XREADGROUP over all input streams, then one pipeline (no transaction) with every XADD and one XACK per
stream. Entries are plain dicts of the messages' own fields. Nothing is kept over a restart, no model runs.

    python -m tests.bench.bare_redis signal --url redis://… --namespace b1 --rate 0
"""

import asyncio
import random
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import redis.asyncio as redis
import uvloop

from tests.bench.common import (
    BALANCE,
    BLOCK_MS,
    COUNT,
    FEE,
    LEVERAGE,
    MAXLEN,
    SEED,
    SYMBOLS,
    Pace,
    Run,
    partition,
    stage_arguments,
    symbols_in_turn,
)

Entry = dict[bytes, bytes]
LAGS = struct.pack("<3f", 0.001, -0.002, 0.003)


def streams_by_symbol(run: Run, kind: str) -> dict[bytes, bytes]:
    """The stream of `kind` for each symbol, all as bytes, which spares redis-py the encoding."""
    return {sym.encode(): run.key(kind, partition(sym)).encode() for sym in SYMBOLS}


async def ingest(client: Any, run: Run) -> None:
    """Write ticks at the run's rate, never more than AHEAD_TICKS ahead of the strategy."""
    streams = streams_by_symbol(run, "ticks")
    rng = random.Random(SEED)
    prices = dict.fromkeys(SYMBOLS, 100.0)
    ticks = symbols_in_turn()
    pace = Pace(run.ticks_per_s)
    while True:
        due = pace.due()
        if not due:
            await asyncio.sleep(pace.pause_s())
            if not pace.must_ask():
                continue
        pipe = client.pipeline(transaction=False)
        now_ns = time.time_ns()
        for _ in range(due):
            n, sym = next(ticks)
            raw = sym.encode()
            price = prices[sym] = prices[sym] * (1.0 + 0.0001 * (rng.random() - 0.5))
            fields = {
                b"n": n,
                b"sym": raw,
                b"ts_event": now_ns,
                b"tr": f"sim:{sym}:{now_ns}:{n}",
                b"w": time.time_ns(),
                b"venue": b"sim",
                b"price": f"{price:.4f}",
            }
            pipe.xadd(streams[raw], fields, maxlen=MAXLEN)
        pace.sent += due
        pipe.get(run.progress_key)
        pace.decided = int((await pipe.execute())[-1] or 0)


class Stage(Protocol):
    """One stage: input kinds, and what it adds to the pipeline for each entry and at a batch's end."""

    inputs: tuple[str, ...]

    def take(self, pipe: Any, first: bool, entry: Entry) -> None:
        """One entry; `first` tells whether it is of the first input kind."""

    def finish(self, pipe: Any) -> None:
        """The batch is complete."""


class Signal:
    """Ticks to features and predictions; the prediction's sign changes with every tick of a symbol."""

    inputs: tuple[str, ...] = ("ticks",)

    def __init__(self, run: Run) -> None:
        self._features = streams_by_symbol(run, "features")
        self._predictions = streams_by_symbol(run, "predictions")

    def take(self, pipe: Any, first: bool, entry: Entry) -> None:
        """One tick."""
        sym, n = entry[b"sym"], entry[b"n"]
        head = {b"n": n, b"sym": sym, b"ts_event": entry[b"ts_event"], b"tr": entry[b"tr"]}
        features = head | {b"spec": b"log_return_lags(3)", b"dtype": b"float32", b"shape": b"3", b"values": LAGS}
        pipe.xadd(self._features[sym], features, maxlen=MAXLEN)
        y_hat = b"0.001" if int(n) & 1 else b"-0.001"
        prediction = head | {b"tick_n": n, b"price": entry[b"price"], b"y_hat": y_hat, b"model": b"0123456789abcdef"}
        pipe.xadd(self._predictions[sym], prediction, maxlen=MAXLEN)

    def finish(self, pipe: Any) -> None:
        """Nothing to add to a batch."""


class Strategy:
    """Predictions to decisions and netted orders; while a symbol's order is in flight its predictions wait."""

    inputs: tuple[str, ...] = ("predictions", "executions")

    def __init__(self, run: Run) -> None:
        self._decisions = streams_by_symbol(run, "decisions")
        self._orders = streams_by_symbol(run, "orders")
        self._progress_key = run.progress_key
        symbols = [sym.encode() for sym in SYMBOLS]
        self._waiting: dict[bytes, deque[Entry]] = {sym: deque() for sym in symbols}
        self._in_flight: set[bytes] = set()
        self._qty = dict.fromkeys(symbols, 0.0)
        self._balance = dict.fromkeys(symbols, BALANCE)
        self._booked_n: dict[bytes, bytes] = dict.fromkeys(symbols, b"0")
        self._decided = 0

    def take(self, pipe: Any, first: bool, entry: Entry) -> None:
        """One prediction (`first`) or one execution."""
        sym = entry[b"sym"]
        if first:
            if sym in self._in_flight:
                self._waiting[sym].append(entry)
            else:
                self._decide(pipe, sym, entry)
            return
        self._qty[sym] += float(entry[b"last_qty"])
        self._balance[sym] -= float(entry[b"commission"])
        self._booked_n[sym] = entry[b"n"]
        self._in_flight.discard(sym)
        if self._waiting[sym]:
            self._decide(pipe, sym, self._waiting[sym].popleft())

    def _decide(self, pipe: Any, sym: bytes, prediction: Entry) -> None:
        price, y_hat, n = float(prediction[b"price"]), float(prediction[b"y_hat"]), prediction[b"n"]
        wanted = (1.0 if y_hat > 0 else -1.0) * self._balance[sym] * LEVERAGE / price
        order_id = sym + b"x" + n
        head = {b"n": n, b"sym": sym, b"ts_event": prediction[b"ts_event"], b"tr": prediction[b"tr"]}
        decision = head | {
            b"tick_n": prediction[b"tick_n"],
            b"prediction_n": n,
            b"booked_n": self._booked_n[sym],
            b"y_hat": prediction[b"y_hat"],
            b"balance": self._balance[sym],
            b"signed_qty": self._qty[sym],
            b"orders": order_id,
            b"reason": b"",
        }
        pipe.xadd(self._decisions[sym], decision, maxlen=MAXLEN)
        order = head | {
            b"tick_n": prediction[b"tick_n"],
            b"client_order_id": order_id,
            b"leg": b"net",
            b"signed_qty": wanted - self._qty[sym],
            b"reduce_only": b"0",
            b"price": prediction[b"price"],
            b"valid_until": b"0",
        }
        pipe.xadd(self._orders[sym], order, maxlen=MAXLEN)
        self._in_flight.add(sym)
        self._decided += 1

    def finish(self, pipe: Any) -> None:
        """Tell the ingestor how far we are."""
        if self._decided:
            pipe.incrby(self._progress_key, self._decided)
            self._decided = 0


class Gateway:
    """Orders to executions: all filled at the decision price."""

    inputs: tuple[str, ...] = ("orders",)

    def __init__(self, run: Run) -> None:
        self._executions = streams_by_symbol(run, "executions")

    def take(self, pipe: Any, first: bool, entry: Entry) -> None:
        """One order."""
        sym = entry[b"sym"]
        execution = {
            b"n": entry[b"n"],
            b"sym": sym,
            b"ts_event": entry[b"ts_event"],
            b"tr": entry[b"tr"],
            b"tick_n": entry[b"tick_n"],
            b"order_n": entry[b"n"],
            b"client_order_id": entry[b"client_order_id"],
            b"leg": entry[b"leg"],
            b"status": b"FILLED",
            b"last_qty": entry[b"signed_qty"],
            b"last_px": entry[b"price"],
            b"commission": abs(float(entry[b"signed_qty"])) * float(entry[b"price"]) * FEE,
            b"reason": b"",
        }
        pipe.xadd(self._executions[sym], execution, maxlen=MAXLEN)

    def finish(self, pipe: Any) -> None:
        """Nothing to add to a batch."""


async def work(client: Any, run: Run, stage: Stage, name: str) -> None:
    """Read, handle, write and acknowledge, batch by batch."""
    streams = {key: ">" for kind in stage.inputs for key in run.keys(kind)}
    firsts = {key.encode() for key in run.keys(stage.inputs[0])}
    take = stage.take
    while True:
        reply = await client.xreadgroup(name, "c1", streams, count=COUNT, block=BLOCK_MS)
        if not reply:
            continue
        pipe = client.pipeline(transaction=False)
        for key, entries in reply:
            first = key in firsts
            for _, fields in entries:
                take(pipe, first, fields)
            pipe.xack(key, name, *[entry_id for entry_id, _ in entries])
        stage.finish(pipe)
        await pipe.execute()


STAGES: dict[str, Callable[[Run], Stage]] = {"signal": Signal, "strategy": Strategy, "gateway": Gateway}


async def main() -> None:
    """Run the stage that the command line names."""
    name, run = stage_arguments()
    client = redis.Redis.from_url(run.url, protocol=2)
    if name == "ingestor":
        await ingest(client, run)
    else:
        await work(client, run, STAGES[name](run), name)


if __name__ == "__main__":
    uvloop.run(main())
