"""What a message costs, price alone and with full bars, beside bare msgpack: `make bench WHAT=messages`.

Bare is the same map without a type: prices as text, nothing checked. Prints the table of docs/benchmarks.md and the
ratios, and writes build/bench-messages.json.
"""

import argparse
import json
import timeit
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from time import process_time
from typing import Any

import msgpack

from shared.messages import MarketTick, Message, Prediction, decode, encode
from shared.messages.codec import content_hash
from shared.messages.market import BarGroup, FundingGroup, QuoteGroup
from shared.record import unvalidated
from tests.bench.processes import ROOT

OUTPUT = ROOT / "build" / "bench-messages.json"
NUMBER, REPEAT, SHORT_REPEAT = 500, 150, 5
_tick, _prediction = unvalidated(MarketTick), unvalidated(Prediction)
_bar, _quote, _funding = unvalidated(BarGroup), unvalidated(QuoteGroup), unvalidated(FundingGroup)
AT = 1_730_203_200_000_000_000
SAID: dict[str, Any] = {"n": 1_000, "sym": "BTCUSDT", "ts_event": AT, "tr": f"binance:BTCUSDT:{AT}:1000"}
OHLV: dict[str, Any] = {"open": 71_401.5, "high": 71_499.9, "low": 71_388.2, "volume": 812.443}
WHOLE: dict[str, Any] = {**OHLV, "quote_volume": 58_039_120.12, "trades": 18_231, "taker_volume": 401.2}
Groups = dict[str, Callable[[], object]]
CASES: dict[str, Groups] = {
    "a price": {},
    "bar: open, high, low, volume": {"bar": lambda: _bar(**OHLV)},
    "bar: all seven": {"bar": lambda: _bar(**WHOLE)},
    "bar, quote and funding": {
        "bar": lambda: _bar(**WHOLE),
        "quote": lambda: _quote(bid=71_440.0, ask=71_440.1, bid_qty=3.1, ask_qty=0.42),
        "funding": lambda: _funding(rate=0.0001),
    },
}  # fmt: skip


def tick(groups: Groups) -> Message:
    """A tick with these groups, each made anew."""
    made: dict[str, Any] = {name: make() for name, make in groups.items()}
    return _tick(**SAID, venue="binance", price=Decimal("71440.10"), history=False, **made)


def prediction(groups: Groups) -> Message:
    """Its prediction."""
    made: dict[str, Any] = {name: make() for name, make in groups.items()}
    return _prediction(
        **SAID, tick_n=1_000, price=Decimal("71440.10"), y_hat=0.0008, model="0123456789abcdef", history=False, **made
    )


def best_us(work: Callable[[], object], repeat: int) -> float:
    """CPU time, the best of many rounds."""
    return min(timeit.repeat(work, process_time, number=NUMBER, repeat=repeat)) / NUMBER * 1e6


def measured(make: Callable[[Groups], Message], groups: Groups, repeat: int) -> dict[str, float]:
    """Bytes, and microseconds of each step and of bare msgpack's."""
    message = make(groups)
    data, tag = encode(message), message.TAG.encode()
    fields = msgpack.unpackb(data, ext_hook=lambda _, text: text.decode())
    bare = msgpack.packb(fields)
    works: dict[str, Callable[[], object]] = {
        "make": partial(make, groups),
        "encode": partial(encode, message),
        "decode": partial(decode, tag, data),
        "hash": partial(content_hash, message),
        "bare encode": partial(msgpack.packb, fields),
        "bare decode": partial(msgpack.unpackb, bare),
    }
    return {"bytes": len(data), **{name: best_us(work, repeat) for name, work in works.items()}}


def times_bare(row: dict[str, float]) -> float:
    """How many times as long as bare msgpack it takes to write a message and to read it."""
    return (row["encode"] + row["decode"]) / (row["bare encode"] + row["bare decode"])


def main() -> None:
    """Measure, print, write the file."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.messages", description="what a message costs")
    parser.add_argument("--short", action="store_true", help="a quick look")
    repeat = SHORT_REPEAT if parser.parse_args().short else REPEAT
    found: dict[str, dict[str, float]] = {}
    print("| | bytes | make | encode | decode | hash | bare encode | bare decode |\n|" + "---|" * 8)
    for kind, make in ((MarketTick, tick), (Prediction, prediction)):
        for name, groups in CASES.items():
            row = found[f"{kind.__name__}, {name}"] = measured(make, groups, repeat)
            size, *costs = row.values()
            print(
                f"| {kind.__name__}, {name} | {size} | {' | '.join(f'{cost:.1f}' for cost in costs)} µs |", flush=True
            )
    print("\nto write and to read a message, times bare msgpack:")
    for name, row in found.items():
        print(f"  {name:42} {times_bare(row):5.2f}")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(
        json.dumps({name: {**row, "times bare": times_bare(row)} for name, row in found.items()}, indent=1) + "\n"
    )
    print(OUTPUT)


if __name__ == "__main__":
    main()
