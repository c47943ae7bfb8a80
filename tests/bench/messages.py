"""What a tick and a prediction cost with the groups that they carry: `python -m tests.bench.messages`."""

import timeit
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from shared.messages import MarketTick, Message, Prediction, decode, encode
from shared.messages.codec import content_hash
from shared.messages.market import BarGroup, FundingGroup, QuoteGroup
from shared.record import unvalidated

NUMBER, REPEAT = 500, 150
_tick, _prediction = unvalidated(MarketTick), unvalidated(Prediction)
_bar, _quote, _funding = unvalidated(BarGroup), unvalidated(QuoteGroup), unvalidated(FundingGroup)
AT = 1_730_203_200_000_000_000
SAID: dict[str, Any] = {"n": 1_000, "sym": "BTCUSDT", "ts_event": AT, "tr": f"binance:BTCUSDT:{AT}:1000"}
OHLV = {"open": 71_401.5, "high": 71_499.9, "low": 71_388.2, "volume": 812.443}
WHOLE = {**OHLV, "quote_volume": 58_039_120.12, "trades": 18_231, "taker_volume": 401.2}
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


def best_us(work: Callable[[], object]) -> float:
    """The best of many rounds."""
    return min(timeit.repeat(work, number=NUMBER, repeat=REPEAT)) / NUMBER * 1e6


def main() -> None:
    """Print the table of docs/benchmarks.md."""
    print("| | bytes | make | encode | decode | hash |\n|---|---|---|---|---|---|")
    for make in (tick, prediction):
        for name, groups in CASES.items():
            message = make(groups)
            data, tag = encode(message), message.TAG.encode()
            works: list[Callable[[], object]] = [
                lambda make=make, groups=groups: make(groups),
                lambda message=message: encode(message),
                lambda tag=tag, data=data: decode(tag, data),
                lambda message=message: content_hash(message),
            ]  # type: ignore[misc]
            costs = " | ".join(f"{best_us(work):.1f}" for work in works)
            print(f"| {type(message).__name__}, {name} | {len(data)} | {costs} µs |", flush=True)


if __name__ == "__main__":
    main()
