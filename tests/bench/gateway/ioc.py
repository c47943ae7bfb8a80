"""What an order with a limit costs beside a market order, from the bus to the socket, in one interleaved run.

make bench WHAT=gateway ARGS="--ioc 5000"

Positions are opened by a market order and by an IOC in turn, and closed by market orders: so both kinds meet the same
disk, the same load and the same minute, and each comes behind a market order. The difference of p50 and of p99 has a
95 % interval by bootstrap: of pairs, in blocks, since a slow disk is slow for many orders in a row.

The disk's noise is much of an order's p99. So the same is told without the journal's write, too; the verdict is on all.

Hyperliquid's orders are signed by a key of ours, all of them: what a signature takes is measured apart.
"""

import itertools
import time
from typing import Any, NamedTuple

import numpy as np

from shared.exchanges.hyperliquid.client import order_row
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import VenueOptions, fake_keys
from tests.bench.gateway.gateway import Gateway
from tests.bench.gateway.measure import MS, beside_the_journal, read_to_sent, summary
from tests.bench.gateway.orders import SYMBOLS, Orders

RESAMPLED, BLOCK = 4_000, 25  # so often, in blocks of so many pairs
WARM = 30  # pairs that are not counted
MOST_MS, MOST_SHARE = 0.1, 0.05  # what an IOC may cost more, at the upper end of the interval
PARTS = (50, 99)
KINDS = ("market", "ioc")
IN_TURN = ("market", "ioc", "ioc", "market")  # so that neither kind comes first in each pair


class Interval(NamedTuple):
    """A difference, IOC less market, in ms, and the ends of its 95 % interval."""

    found: float
    low: float
    high: float


async def measured(gateway: Gateway, orders: Orders, count: int) -> dict[str, Any]:
    """Sends so many market orders and IOCs in turn that open a position, and returns how they compare."""
    for sym in SYMBOLS:
        if orders.holds(sym):
            close = orders.next(sym)
            await gateway.write(close)
            await gateway.filled(close)
    await _interleaved(gateway, orders, WARM)
    names = await _interleaved(gateway, orders, count)
    at = gateway.places.times()
    by_span = {"read to sent": read_to_sent, "of which not the journal's write": beside_the_journal}
    return {
        span: compared(*(took(names[kind], at) for kind in KINDS)) for span, took in by_span.items()
    }  # fmt: skip


async def _interleaved(gateway: Gateway, orders: Orders, count: int) -> dict[str, list[str]]:
    """Returns the client ids of what opened a position, by kind."""
    names: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for sym, kind in zip(itertools.islice(itertools.cycle(SYMBOLS), 2 * count), itertools.cycle(IN_TURN)):
        opens = orders.next(sym, ioc=kind == "ioc")
        assert (opens.limit_price is not None) == (kind == "ioc") and not opens.reduce_only
        for intent in (opens, orders.next(sym)):
            await gateway.write(intent)
            await gateway.filled(intent)
        names[kind].append(opens.client_order_id)
    return names


def difference(market: list[float], ioc: list[float], part: int, seed: int = 1) -> Interval:
    """Returns how much more the IOC's percentile is; both in the order in which they were measured.

    >>> difference([1.0, 2.0, 3.0] * 50, [2.0, 3.0, 4.0] * 50, 50)
    Interval(found=1.0, low=1.0, high=1.0)
    """
    pairs = np.array([market, ioc])
    count = pairs.shape[1]
    block = min(BLOCK, count)
    dice, blocks = np.random.default_rng(seed), -(-count // block)
    found = np.empty(RESAMPLED)
    for number in range(RESAMPLED):
        starts = dice.integers(0, count, blocks)  # a block that begins near the end goes on from the beginning
        drawn = (starts[:, None] + np.arange(block)).ravel()[:count] % count
        found[number] = np.subtract(*np.percentile(pairs[::-1, drawn], part, axis=1))
    low, high = np.percentile(found, (2.5, 97.5))
    base, ours = np.percentile(pairs, part, axis=1)
    return Interval(float(ours - base), float(low), float(high))


def compared(market: list[float], ioc: list[float]) -> dict[str, Any]:
    """Returns both percentiles, their difference, and whether its upper end is within what an IOC may cost more."""
    rows: dict[str, Any] = {"orders of each kind": len(ioc)}
    for part in PARTS:
        base, (found, low, high) = float(np.percentile(market, part)), difference(market, ioc, part)
        most = MOST_MS + MOST_SHARE * base
        rows[f"p{part}"] = {
            "market": round(base, 3), "ioc": round(base + found, 3), "difference": round(found, 3),
            "low": round(low, 3), "high": round(high, 3), "most": round(most, 3), "reached": high <= most,
        }  # fmt: skip
    return rows


def signatures(count: int, now_ms: int = 1_800_000_000_000) -> dict[str, float]:
    """Returns what so many signatures of Hyperliquid's orders took each, in ms; nothing is sent."""
    client = CcxtVenue(VenueOptions("hyperliquid", {"BTCUSDT": "BTC/USDC:USDC"}), fake_keys("hyperliquid"))._client
    took_s = []
    for number in range(count):
        row = order_row(
            {"baseId": "0"}, buys=True, amount="0.01", price="42210", reduce_only=False, cloid=f"0x{number:032x}"
        )
        action = {"type": "order", "orders": [row], "grouping": "na"}
        began_s = time.perf_counter()
        client.sign_l1_action(action, now_ms + number, None, now_ms + number + 5_000)
        took_s.append(time.perf_counter() - began_s)
    return summary([one * MS for one in took_s])


def show(result: dict[str, Any]) -> bool:
    """Prints the comparison; returns whether both percentiles of the whole way are within their bound."""
    reached = []
    for span, rows in result["spans"].items():
        print(f"\nIOC beside market, {span}, {rows['orders of each kind']:,} each, ms")
        for name in (f"p{part}" for part in PARTS):
            row = rows[name]
            print(
                f"{name}: market {row['market']:.3f}, IOC {row['ioc']:.3f}: {row['difference']:+.3f} "
                f"(95 %: {row['low']:+.3f} to {row['high']:+.3f}; target ≤ {row['most']:.3f}) "
                f"{'reached' if row['reached'] else 'MISSED'}"
            )
            reached.append(bool(row["reached"]))
    signed = result["Hyperliquid's signature"]
    print(f"Hyperliquid's signature, apart: p50 {signed['p50']:.3f}, p99 {signed['p99']:.3f}")
    return all(reached[: len(PARTS)])
