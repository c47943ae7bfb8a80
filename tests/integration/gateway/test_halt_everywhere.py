"""`tickline halt --flatten` on every dialect, with two positions, orders that rest and that wait, a hedge pair and a
broken config: flat, nothing resting, and each piece sent once. How long it takes: tests/contract/test_flatten_time.py.

An order is valid for longer than a busy machine needs to sign and send it: one that is late is refused, and another
piece sent."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.console.halt import stop
from services.simulator.engine.events import LIVE, NewOrder
from services.simulator.simulator import Simulator, serving
from shared.config import load_settings
from shared.control.whereabouts import Whereabouts
from shared.journal.journal import Journal
from shared.journal.rows import Change
from shared.messages.reasons import OrderPhase
from tests.integration.gateway.test_broken_config import booked
from tests.simulator_venues import BINANCE, BYBIT, HYPERLIQUID, OKX, Place, named

D = Decimal
ETH = {"binance": "ETHUSDT", "okx": "ETH-USDT-SWAP", "bybit": "ETHUSDT", "hyperliquid": "ETH"}
HEDGED = {"binance": ("dual", "true"), "bybit": ("dual", "true"), "okx": ("mode", "long_short_mode")}
CONFIG = """\
symbols = ["BTCUSDT", "ETHUSDT"]
[gateway]
mode = "testnet"
venue = "fake"
exchange = "EXCHANGE"
account = "main"
fake_url = "URL"
request_validity_ms = 20000
grace_ms = 300
markets = {BTCUSDT = "BTC", ETHUSDT = "ETH"}
"""


def crowded(fake: Simulator, place: Place, hedged: bool) -> None:
    """Two positions, or a hedge pair beside one side of another; an order that rests, some that wait."""
    btc, eth, now_ms = place.id, ETH[place.exchange], fake.state.now_ms()
    if hedged:
        fake.engine.set(*HEDGED[place.exchange])
    legs = [(btc, "0.050", "LONG"), (btc, "-0.030", "SHORT"), (eth, "-1", "SHORT")]
    for sym, size, leg in legs if hedged else [(btc, "0.050", ""), (eth, "-1", "")]:
        fake.engine.place(NewOrder(sym, D(size), leg=leg), now_ms)
    if place is OKX and not hedged:
        fake.engine.place(NewOrder(btc, D("-0.020"), leg="CROSS"), now_ms)
    leg = "LONG" if hedged else ""
    fake.engine.place(NewOrder(btc, D("0.010"), "resting", limit=D(40_000), leg=leg), now_ms)
    for number in range(3):
        fake.engine.place(NewOrder(btc, D("-0.010"), f"waiting{number}", trigger=D(30_000 + number), leg=leg), now_ms)


@pytest.mark.parametrize(
    ("place", "hedged"),
    [*((place, hedged) for place in (BINANCE, OKX, BYBIT) for hedged in (False, True)), (HYPERLIQUID, False)],
    ids=lambda of: named(of) or ("hedge" if of else "one-way"),
)
async def test_flat_and_nothing_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place, hedged: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    async with serving(place.exchange, chances={}) as fake:
        crowded(fake, place, hedged)
        for sym in (place.id, ETH[place.exchange]):  # more than the venue takes at once
            fake.engine.listings[sym] = fake.engine.listings[sym]._replace(
                most_market=D("0.020") if sym == place.id else D(1)
            )
        config = tmp_path / "tickline.toml"
        text = CONFIG.replace("URL", fake.url).replace("EXCHANGE", place.exchange)
        for base in ("BTC", "ETH"):
            text = text.replace(f'"{base}"', f'"{place.market_of(base)}"')
        config.write_text(text)
        url = f"sqlite:///{tmp_path / '.tickline' / 'journal-main.db'}"
        async with await Journal.open(url, "main", durable=False) as journal:
            held = booked("0" if hedged else "0.050")
            rows: list[Change] = [Whereabouts.of(load_settings()).row(), booked("0", sym="ETHUSDT"), held]
            await journal.write(rows, await journal.raise_epoch("gateway"))
        config.write_text(config.read_text().replace("symbols", "symbol =").replace("venue =", "vennue ="))
        fake.server.requests.clear()
        await stop(cancel=True, flatten=True, within_s=60)
        wallet = fake.engine.wallet
        legs = {
            (sym, leg): wallet.holding(sym, leg=leg).qty for sym in fake.engine.listings for leg in wallet.legs(sym)
        }
        assert not any(legs.values()), legs
        assert not [order for order in fake.engine.orders() if order.state in LIVE]
        async with await Journal.open(url, "main", durable=False) as journal:
            ours = await journal.orders()
        pieces = ["-0.05"] if place is HYPERLIQUID else ["-0.020", "-0.020", "-0.010"]
        assert [row.signed_qty for row in ours] == ([] if hedged else [D(piece) for piece in pieces])
        assert {row.state for row in ours} <= {OrderPhase.SENT}
        assert fake.server.count(place.orders, "POST") == fewest(place, hedged), "each piece once"


def fewest(place: Place, hedged: bool) -> int:
    """Orders that it takes: 0.05 in three pieces, 0.03 in two, and ETH in one; at OKX a position at cross margin, too.

    What cancels has `/order` in its path as well at Bybit: one request for what rests, as only one market has anything
    to cancel, and one for each of three orders that wait.
    """
    if place is HYPERLIQUID:
        return 2  # its largest order is one of a million
    closing = 6 if hedged else 4 + (place is OKX)
    return closing + {"bybit": 1 + 3}.get(place.exchange, 0)
