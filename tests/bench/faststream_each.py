"""Baseline (b), as FastStream's documentation shows it: one handler call for each message, its result published.

python -m tests.bench.faststream_each signal --url redis://… --namespace b1 --rate 0
"""

import asyncio
import time
from collections.abc import Callable

import uvloop
from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub

from tests.bench.common import (
    BLOCK_MS,
    COUNT,
    MAXLEN,
    PARTITIONS,
    Pace,
    Run,
    partition,
    stage_arguments,
    symbols_in_turn,
)
from tests.bench.faststream_messages import (
    Book,
    Decision,
    ExecutionReport,
    Market,
    MarketTick,
    OrderIntent,
    Prediction,
    fill,
    see,
)

TELL_EVERY = 32  # decisions between two words to the ingestor about the progress


def each(key: str, group: str) -> StreamSub:
    """A subscription to one stream through a consumer group; one read brings up to COUNT messages."""
    return StreamSub(key, group=group, consumer="c1", max_records=COUNT, polling_interval=BLOCK_MS)


def to(key: str) -> StreamSub:
    """The stream a publisher writes."""
    return StreamSub(key, maxlen=MAXLEN)


def signal(broker: RedisBroker, run: Run, p: int) -> None:
    """Ticks to features and predictions, partition `p`."""
    write_features = broker.publisher(stream=to(run.key("features", p)))

    @broker.subscriber(stream=each(run.key("ticks", p), "signal"))  # type: ignore[untyped-decorator]
    @broker.publisher(stream=to(run.key("predictions", p)))
    async def on_tick(tick: MarketTick) -> Prediction:
        features, prediction = see(tick)
        await write_features.publish(features)
        return prediction


def strategy(broker: RedisBroker, run: Run, p: int) -> None:
    """Predictions and executions to decisions and orders, partition `p`."""
    write_decision = broker.publisher(stream=to(run.key("decisions", p)))
    write_order = broker.publisher(stream=to(run.key("orders", p)))
    book = Book()
    decided = 0

    async def publish(made: tuple[Decision, OrderIntent] | None) -> None:
        nonlocal decided
        if made is None:
            return
        await write_decision.publish(made[0])
        await write_order.publish(made[1])
        decided += 1
        if decided == TELL_EVERY:
            decided = 0
            await broker.config.connection.client.incrby(run.progress_key, TELL_EVERY)

    @broker.subscriber(stream=each(run.key("predictions", p), "strategy"))  # type: ignore[untyped-decorator]
    async def on_prediction(prediction: Prediction) -> None:
        await publish(book.on_prediction(prediction))

    @broker.subscriber(stream=each(run.key("executions", p), "strategy"))  # type: ignore[untyped-decorator]
    async def on_execution(execution: ExecutionReport) -> None:
        await publish(book.on_execution(execution))


def gateway(broker: RedisBroker, run: Run, p: int) -> None:
    """Orders to executions, partition `p`."""

    @broker.subscriber(stream=each(run.key("orders", p), "gateway"))  # type: ignore[untyped-decorator]
    @broker.publisher(stream=to(run.key("executions", p)))
    async def on_order(order: OrderIntent) -> ExecutionReport:
        return fill(order)


async def ingest(broker: RedisBroker, run: Run) -> None:
    """Write ticks at the run's rate, never too far ahead of the strategy."""
    client = await broker.connect()
    market, ticks, pace = Market(), symbols_in_turn(), Pace(run.ticks_per_s)
    keys = run.keys("ticks")
    while True:
        due = pace.due()
        if not due:
            await asyncio.sleep(pace.pause_s())
            if not pace.must_ask():
                continue
        for _ in range(due):
            n, sym = next(ticks)
            await broker.publish(market.tick(n, sym, time.time_ns()), stream=keys[partition(sym)], maxlen=MAXLEN)
        pace.sent += due
        pace.decided = int(await client.get(run.progress_key) or 0)


STAGES: dict[str, Callable[[RedisBroker, Run, int], None]] = {
    "signal": signal,
    "strategy": strategy,
    "gateway": gateway,
}


async def main() -> None:
    """Run the stage that the command line names."""
    name, run = stage_arguments()
    broker = RedisBroker(run.url, logger=None)  # type: ignore[arg-type]  # None is documented: no log
    if name == "ingestor":
        await ingest(broker, run)
    else:
        for p in range(PARTITIONS):
            STAGES[name](broker, run, p)
        await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    uvloop.run(main())
