"""The rules that every feature keeps, checked on one: a shipped one's suite and a user's test call `check_feature`."""

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from shared.bar import Bar, BarArrays, fields_needed
from shared.errors import UserCodeFailed
from shared.features.feature import AnyFeature, BarFeature, as_numbers
from shared.features.registry import MAX_ARGUMENT
from shared.features.spec import parsed
from shared.messages.codec import pack, unpack
from shared.messages.market import BarGroup, FundingGroup, Group, QuoteGroup

Make: TypeAlias = Callable[[], AnyFeature[Any, Any]]
_LONGEST = 2 * MAX_ARGUMENT
_NS = 60 * 10**9
_MARKETS: dict[str, float] = {"a market that moves": 0.01, "a wild market": 0.5, "one without movement": 0.0}


class RuleBroken(AssertionError):
    """A feature broke a rule; the text says in one line which, and what it did."""


def check_feature(make: Make, values: Sequence[Any] | None = None, *, may_be_infinite: bool = False) -> None:
    """Raises RuleBroken unless the features that `make` makes keep the rules.

    1. The spec builds an equal feature.
    2. None comes until it has seen enough, and never again.
    3. A result has `width` numbers, finite (unless `may_be_infinite`), in memory that no later tick changes, and
       `numbers` gives `on_tick`'s as float32.
    4. Restored from `state()` over the wire, at any point and over anything, it goes on as one never stopped.
    5. After `reset` it is as new.
    6. A new one gives the same for the same values, and for a beginning of them the beginning: it knows no future, no
       clock, no chance, and shares nothing with others.
    7. What it remembers does not grow.
    8. It does not keep the given Bar.
    9. Its `array`, where it has one, gives the same bits, of bars too.
    10. One that has seen no more than `looks_back` values, where it says so, gives the same bits.

    - make: e.g. `lambda: Momentum(20)`; called many times.
    - values: prices or bars to check with; by default several markets, of which bars have the groups that `needs`
      names, and no other, and of the bar group what every source tells, and `fields`.

    >>> from shared.features.ema import Ema
    >>> check_feature(lambda: Ema(5))
    """
    feature = make()
    _check_spec(feature)
    if values is not None:
        _check(make, list(values), may_be_infinite)
        return
    warm = _ticks_to_warm(make)
    for name, moves in _MARKETS.items():
        try:
            _check(make, list(islice(market(feature, moves), 2 * warm + 50)), may_be_infinite)
        except RuleBroken as broken:
            raise RuleBroken(f"{broken} (in {name})") from None
    _check_memory(make, warm)


def market(feature: AnyFeature[Any, Any], moves: float, seed: int = 0) -> Iterator[Any]:
    """Yields prices for a feature of prices; else bars with the groups and fields that it needs, and no other.

    - moves: a tick's move, as a share. 0 is a market without a trade.
    """
    rng = random.Random(seed)  # noqa: S311  (no secret)
    price = 100.0
    for n in range(1, sys.maxsize):
        before, price = price, price * (1 + moves * rng.uniform(-0.9, 1))
        if not 1e-6 < price < 1e9:
            price = 100.0
        yield _bar(feature, n, before, price, rng if moves else None) if _of_bars(feature) else price


def _of_bars(feature: AnyFeature[Any, Any]) -> bool:
    return isinstance(feature, BarFeature)


def _bar(feature: AnyFeature[Any, Any], n: int, opened: float, close: float, rng: random.Random | None) -> Bar:
    needs = feature.needs
    wide, volume, taken = (rng.uniform(0, 0.01), rng.uniform(0, 50), rng.random()) if rng else (0.0, 0.0, 0.0)
    high, low = max(opened, close) * (1 + wide), min(opened, close) * (1 - wide)
    told: dict[str, Any] = {"quote_volume": volume * close, "trades": int(volume), "taker_volume": volume * taken}
    told = {field: value for field, value in told.items() if field in feature.fields}
    bar = BarGroup(open=opened, high=high, low=low, volume=volume, **told)
    quote = QuoteGroup(bid=close * (1 - wide / 9), ask=close * (1 + wide / 9), bid_qty=volume, ask_qty=volume * taken)
    return Bar.of(
        "BTCUSDT", n * _NS, Decimal(repr(close)), bar if Group.BAR in needs else None,
        quote if Group.QUOTE in needs else None, FundingGroup(rate=wide / 9) if Group.FUNDING in needs else None,
    )  # fmt: skip


def _check_spec(feature: AnyFeature[Any, Any]) -> None:
    """Checks rule 1."""
    spec = feature.spec
    call = parsed(spec)
    again = type(feature)(*call.args, **call.kwargs)
    if again.made_of.arguments != feature.made_of.arguments or _saved(again) != _saved(feature):
        raise RuleBroken(f"{spec} builds a {again!r:.200}, not a {feature!r:.200}")


def _ticks_to_warm(make: Make) -> int:
    """Returns after how many ticks the feature has seen enough."""
    feature = make()
    for n, value in enumerate(islice(market(feature, _MARKETS["a market that moves"]), _LONGEST), 1):
        if feature.on_tick(value) is not None:
            return n
    raise RuleBroken(f"{feature.spec} gave only None in {_LONGEST} ticks")


def _check(make: Make, values: list[Any], may_be_infinite: bool) -> None:
    """Checks rules 2 to 6 and 8 to 10 on these values: one feature sees them all, others are held against it."""
    feature, states = make(), []
    spec, results = feature.spec, []
    for value in values:
        states.append(_saved(feature))
        results.append(_result(feature, value, may_be_infinite))
    states.append(_saved(feature))
    full = [n for n, result in enumerate(results) if result is not None]
    if full and len(full) < len(results) - full[0]:
        at = next(n for n in range(full[0], len(results)) if results[n] is None)
        raise RuleBroken(f"{spec} gave None at tick {at + 1}, after it had given numbers at tick {full[0] + 1}")
    _check_same(spec, "a new one", make(), values, results)
    _check_numbers(make(), values, results)
    _check_array(make(), values, results)
    _check_looks_back(make, values, results)
    for cut in _cuts(len(values), full[0] if full else 0):
        _check_same(spec, f"a new one, with the first {cut} values alone,", make(), values[:cut], results[:cut])
        restored = make()
        for value in values[: cut // 2 + 3]:
            restored.on_tick(value)
        restored.restore(unpack(states[cut]))
        if _saved(restored) != states[cut]:
            raise RuleBroken(f"{spec}, restored after {cut} ticks, gives another state than it took")
        _check_same(spec, f"restored after {cut} ticks,", restored, values[cut:], results[cut:])
        if _saved(restored) != states[-1]:
            raise RuleBroken(f"{spec}, restored after {cut} ticks, ends with another state than one never stopped")
        restored.reset()
        _check_same(spec, "after reset", restored, values, results)


def _saved(feature: AnyFeature[Any, Any]) -> bytes:
    return pack(feature.state())


def _result(feature: AnyFeature[Any, Any], value: Any, may_be_infinite: bool) -> bytes | None:
    """Returns the numbers as bytes, which are equal where the bits are."""
    held = sys.getrefcount(value)
    try:
        numbers = feature.numbers(value)
    except UserCodeFailed as error:  # no number, or another width
        raise RuleBroken(str(error)) from error
    if _of_bars(feature) and sys.getrefcount(value) > held:
        raise RuleBroken(f"{feature.spec} keeps the given Bar: keep what you need of it, e.g. bar.close")
    if numbers is None:
        return None
    if numbers.shape != (feature.width,):
        raise RuleBroken(f"{feature.spec} gave numbers of shape {numbers.shape}; its width is {feature.width}")
    if numbers.dtype != "float32":
        raise RuleBroken(f"{feature.spec}: numbers gave {numbers.dtype}, not float32")
    if not may_be_infinite and not bool(abs(numbers).max() < float("inf")):
        raise RuleBroken(f"{feature.spec} gave {numbers.tolist()} for {value!r:.200}: say what it gives instead")
    return numbers.tobytes()


def _check_same(
    spec: str, who: str, feature: AnyFeature[Any, Any], values: list[Any], results: list[bytes | None]
) -> None:
    """Raises RuleBroken where a feature gives other results for these values."""
    for n, (value, expected) in enumerate(zip(values, results, strict=True)):
        numbers = feature.numbers(value)
        if (None if numbers is None else numbers.tobytes()) != expected:
            raise RuleBroken(f"{spec}: {who} gave another result at its tick {n + 1}")


def _check_array(feature: AnyFeature[Any, Any], values: list[Any], results: list[bytes | None]) -> None:
    if _of_bars(feature):
        rows = feature.array(BarArrays.of(values, fields_needed(feature.needs, feature.fields)))
    else:
        rows = feature.array(np.array(values, np.float64))
    if rows is None:
        return
    if rows.shape != (len(values), feature.width) or rows.dtype != np.float32:
        raise RuleBroken(
            f"{feature.spec}: array gave {rows.dtype} of shape {rows.shape}, not float32 of "
            f"{(len(values), feature.width)}"
        )
    for n, (row, expected) in enumerate(zip(rows, results, strict=True), 1):
        if row.tobytes() != expected if expected is not None else not np.isnan(row).all():
            raise RuleBroken(f"{feature.spec}: array gave {row.tolist()} at tick {n}, where on_tick gives otherwise")


def _check_looks_back(make: Make, values: list[Any], results: list[bytes | None]) -> None:
    count = make().looks_back
    if count is None:
        return
    for end in _cuts(len(values), count):
        feature, last = make(), None
        for value in values[max(end - count, 0) : end]:
            last = feature.numbers(value)
        if end and (None if last is None else last.tobytes()) != results[end - 1]:
            raise RuleBroken(
                f"{feature.spec} looks back {count} values, and one that has seen these alone gave another result at "
                f"tick {end}"
            )


def _check_numbers(feature: AnyFeature[Any, Any], values: list[Any], results: list[bytes | None]) -> None:
    """Checks that `on_tick` gives what `numbers` did, in memory that no later tick changes."""
    kept = []
    for value in values:
        result = feature.on_tick(value)
        kept.append((result, None if result is None else as_numbers(result).tobytes()))
    for n, ((result, then), expected) in enumerate(zip(kept, results, strict=True), 1):
        if then != expected:
            raise RuleBroken(f"{feature.spec}: numbers and on_tick differ at tick {n}")
        if result is not None and as_numbers(result).tobytes() != then:
            raise RuleBroken(f"{feature.spec}: a later tick changed the result of tick {n}: give a copy")


def _cuts(length: int, warm: int) -> list[int]:
    """Returns where to stop: the beginning, around the first result, and some places after."""
    wanted = {*range(6), *range(warm - 2, warm + 4), *range(0, length, max(1, length // 7)), length}
    return sorted(cut for cut in wanted if 0 <= cut <= length)


def _check_memory(make: Make, warm: int) -> None:
    """Checks rule 7: the state after many ticks is no larger than after half of them, but for a few digits."""
    feature, sizes = make(), []
    values = market(feature, _MARKETS["a market that moves"])
    for _ in range(2):
        for value in islice(values, 2 * warm + 200):
            feature.on_tick(value)
        sizes.append(len(_saved(feature)))
    if sizes[1] > sizes[0] + 64:  # bytes
        raise RuleBroken(f"{feature.spec} remembers ever more: its state grew from {sizes[0]} to {sizes[1]} bytes")
