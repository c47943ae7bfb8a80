"""What a fake venue trades. All quantities are base units; a dialect turns them into its own contracts."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple


class Listing(NamedTuple):
    """One market. id: the venue's own. price: the first mid price. step, min_qty: base units. min_notional: quote.

    most_limit, most_market: the largest order with a price and without one, in base units.
    """

    id: str
    kind: Literal["swap", "spot"]
    base: str
    quote: str
    price: Decimal
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    most_leverage: int = 100
    most_limit: Decimal = Decimal(1000)
    most_market: Decimal = Decimal(120)


def btcusdt(id_: str = "BTCUSDT", price: Decimal = Decimal("42000.00")) -> Listing:
    """As the venue lists it; other coins by their id, with the same steps."""
    return Listing(
        id_, "swap", id_.removesuffix("USDT"), "USDT", price, Decimal("0.10"), Decimal("0.001"), Decimal("0.001"),
        Decimal(100),
    )  # fmt: skip


def okx_swap(base: str = "BTC", price: Decimal = Decimal("42000.0")) -> Listing:
    """A contract of 0.01 of the coin, traded in hundredths of a contract."""
    return Listing(
        f"{base}-USDT-SWAP", "swap", base, "USDT", price, Decimal("0.1"), Decimal("0.0001"), Decimal("0.0001"),
        contract_size=Decimal("0.01"), most_limit=Decimal(10_000), most_market=Decimal(120),
    )  # fmt: skip


def okx_spot(base: str = "BTC", price: Decimal = Decimal("42000.0")) -> Listing:
    """The pair with USDT."""
    return Listing(
        f"{base}-USDT", "spot", base, "USDT", price, Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00001")
    )


def binance_spot(base: str = "BTC", price: Decimal = Decimal("42000.00")) -> Listing:
    """The pair with USDT."""
    return Listing(
        f"{base}USDT", "spot", base, "USDT", price, Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5)
    )


def bybit_swap(base: str = "BTC", price: Decimal = Decimal("42000.00")) -> Listing:
    """A linear perpetual. P: https://bybit-exchange.github.io/docs/v5/market/instrument has this row of BTCUSDT."""
    return Listing(
        f"{base}USDT", "swap", base, "USDT", price, Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(5),
        most_limit=Decimal("1190.000"), most_market=Decimal("500.000"),
    )  # fmt: skip


def bybit_spot(base: str = "BTC", price: Decimal = Decimal("42000.0")) -> Listing:
    """The pair with USDT. P: the same page."""
    return Listing(
        f"{base}USDT", "spot", base, "USDT", price, Decimal("0.1"), Decimal("0.000001"), Decimal("0.000011"),
        Decimal(5), most_limit=Decimal(83), most_market=Decimal("41.5"),
    )  # fmt: skip


COINS = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "TRX", "AVAX", "LINK", "DOT", "LTC", "BCH", "UNI", "ATOM",
         "ETC", "XLM", "NEAR", "APT", "FIL", "ARB", "OP", "SUI", "INJ", "AAVE", "HBAR", "ICP", "TON", "SEI",
         "TIA")  # fmt: skip


MAKERS: Mapping[str, Callable[[str, Decimal], Listing]] = {
    "binance": lambda base, price: btcusdt(f"{base}USDT", price),
    "binance-spot": binance_spot,
    "okx": okx_swap,
    "okx-spot": okx_spot,
    "bybit": bybit_swap,
    "bybit-spot": bybit_spot,
}


def markets(venue: str, count: int) -> tuple[Listing, ...]:
    """So many markets of a venue's, at most 30, the dearest first: BTC, ETH, SOL ...

    >>> [listing.id for listing in markets("okx", 2)]
    ['BTC-USDT-SWAP', 'ETH-USDT-SWAP']
    """
    return tuple(MAKERS[venue](coin, Decimal(42_000) / (1 + at) ** 2 // 1) for at, coin in enumerate(COINS[:count]))


def swaps(count: int) -> tuple[Listing, ...]:
    """So many markets of Binance's, e.g. BTCUSDT."""
    return markets("binance", count)
