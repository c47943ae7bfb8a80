"""Baseline (b), written for speed: batch subscribers, and each batch's messages published in one pipeline.

python -m tests.bench.faststream_batch signal --url redis://… --namespace b1 --rate 0
"""

import asyncio
import time
from collections.abc import Callable, Iterable

import uvloop
from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.annotations import Pipeline
from pydantic import BaseModel

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
    ExecutionReport,
    Market,
    MarketTick,
    OrderIntent,
    Prediction,
    fill,
    see,
)


def batches(key: str, group: str) -> StreamSub:
    """A subscription to whole batches of one stream, through a consumer group."""
    return StreamSub(key, group=group, consumer="c1", batch=True, max_records=COUNT, polling_interval=BLOCK_MS)


def signal(broker: RedisBroker, run: Run, p: int) -> None:
    """Ticks to features and predictions, partition `p`."""
    features_key, predictions_key = run.key("features", p), run.key("predictions", p)

    @broker.subscriber(stream=batches(run.key("ticks", p), "signal"))  # type: ignore[untyped-decorator]
    async def on_ticks(ticks: list[MarketTick], pipe: Pipeline) -> None:
        for tick in ticks:
            features, prediction = see(tick)
            await broker.publish(features, stream=features_key, maxlen=MAXLEN, pipeline=pipe)
            await broker.publish(prediction, stream=predictions_key, maxlen=MAXLEN, pipeline=pipe)
        await pipe.execute()


def strategy(broker: RedisBroker, run: Run, p: int) -> None:
    """Predictions and executions to decisions and orders, partition `p`."""
    decisions_key, orders_key = run.key("decisions", p), run.key("orders", p)
    book = Book()

    async def publish(made: Iterable[tuple[BaseModel, BaseModel] | None], pipe: Pipeline) -> None:
        decided = 0
        for pair in made:
            if pair is not None:
                decided += 1
                await broker.publish(pair[0], stream=decisions_key, maxlen=MAXLEN, pipeline=pipe)
                await broker.publish(pair[1], stream=orders_key, maxlen=MAXLEN, pipeline=pipe)
        if decided:
            pipe.incrby(run.progress_key, decided)
            await pipe.execute()

    @broker.subscriber(stream=batches(run.key("predictions", p), "strategy"))  # type: ignore[untyped-decorator]
    async def on_predictions(predictions: list[Prediction], pipe: Pipeline) -> None:
        await publish(map(book.on_prediction, predictions), pipe)

    @broker.subscriber(stream=batches(run.key("executions", p), "strategy"))  # type: ignore[untyped-decorator]
    async def on_executions(executions: list[ExecutionReport], pipe: Pipeline) -> None:
        await publish(map(book.on_execution, executions), pipe)


def gateway(broker: RedisBroker, run: Run, p: int) -> None:
    """Orders to executions, partition `p`."""
    executions_key = run.key("executions", p)

    @broker.subscriber(stream=batches(run.key("orders", p), "gateway"))  # type: ignore[untyped-decorator]
    async def on_orders(orders: list[OrderIntent], pipe: Pipeline) -> None:
        for order in orders:
            await broker.publish(fill(order), stream=executions_key, maxlen=MAXLEN, pipeline=pipe)
        await pipe.execute()


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
        pipe = client.pipeline(transaction=False)
        for _ in range(due):
            n, sym = next(ticks)
            tick = market.tick(n, sym, time.time_ns())
            await broker.publish(tick, stream=keys[partition(sym)], maxlen=MAXLEN, pipeline=pipe)
        pace.sent += due
        pipe.get(run.progress_key)
        pace.decided = int((await pipe.execute())[-1] or 0)


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
