"""What a person sees before arming."""

import runpy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.gateway.account.preview import AccountSeen, MarketSeen, preview_lines
from services.gateway.risk import RiskRules
from shared.config import load_settings
from shared.control.books import Books
from shared.control.capital import capital_report
from shared.errors import UserCodeFailed
from shared.exchanges.trading.venue import MarketRules
from shared.journal.rows import ArmingRow, LatchRow
from shared.messages import ExecutionReport, Leg, OrderStatus, StopKind
from shared.orders import VenueQuote
from shared.orders.answers import VenuePosition
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from shared.strategies import BasicTaker

D = Decimal
NOW_MS = 1_763_985_600_000
SWAP = MarketRules("swap", "BTC/USDT:USDT", "BTC", "USDT", D("0.001"), D("0.001"), None, D(100), D("0.1"), D(1))
BTC = MarketSeen("BTCUSDT", SWAP, D(0), 0, VenueQuote("BTCUSDT", D("41999.9"), D("42000.0"), NOW_MS - 60_000))
SEEN = AccountSeen(NOW_MS, D(10_000), [BTC], [], 0, 0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shown(seen: AccountSeen = SEEN, max_notional: int = 2_000, balance: int = 1_000, **own: Any) -> list[str]:
    risk = {"max_order_notional": 2_000, "max_position_notional": 2_000, **own.pop("risk", {})}
    protect = own.pop("protect", {})
    gateway = {"mode": "live", "venue": "ccxt", "exchange": "okx", "account": "main", "risk": risk, **own}
    settings = load_settings(
        symbols=("BTCUSDT",),
        interval="12h",
        strategy={"balance": balance, "protect": protect},
        signal={"model": "btcusdt_12h_linear"},
        gateway={"markets": {"BTCUSDT": "BTC/USDT:USDT"}, **gateway},
    )
    rules = RiskRules.of(settings)
    arming = ArmingRow(D(max_notional), NOW_MS, NOW_MS + 3_600_000, rules.config_hash, "ada", "0123456789abcdef")
    return list(preview_lines(settings, rules, arming, seen))


def first(lines: list[str]) -> str:
    (line,) = (line for line in lines if "first order" in line)
    return line.partition("first order ")[2]


def test_a_market_without_a_price_keeps_nobody_from_arming_the_others() -> None:
    market = BTC._replace(quote=BTC.quote._replace(bid=D(0), ask=D(0)))
    assert first(shown(SEEN._replace(markets=[market]))) == "not known: nobody asks a price now"


def test_a_live_account_says_so() -> None:
    lines = shown()
    assert lines[0] == "account main: LIVE at okx, isolated margin, leverage 1"
    assert lines[-1].startswith("arms until 2025-11-24 13:00:00 UTC, for positions of at most 2000 together; config ")
    assert first(lines) == "BUY 0.023 at about 42000 = 966 USDT, at 42210 at most"
    (traded,) = (line for line in lines if line.startswith("model "))
    assert traded.startswith("model btcusdt_12h_linear (")
    assert "), strategy basic_taker(leverage=1, netting=False, " in traded


def test_code_that_raises_is_named_with_file_line_and_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("def decide(self, prediction, account):\n    return [1 / 0]\n")
    monkeypatch.setattr(BasicTaker, "decide", runpy.run_path(str(tmp_path / "mine.py"))["decide"])
    with pytest.raises(UserCodeFailed, match=r"BTCUSDT: ZeroDivisionError: .*mine.py:2, in decide"):
        shown()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"balance": 30}, "none: 0.00071031 would be refused, BELOW_MINIMUM (step 0.001)"),
        ({"max_notional": 900}, "would be refused: ARMED_NOTIONAL"),
        ({"risk": {"max_order_notional": 900}}, "would be refused: ORDER_NOTIONAL"),
        ({"risk": {"reduce_only": True}}, "would be refused: REDUCE_ONLY"),
        ({"balance": 11_000, "risk": {"max_order_notional": 20_000}}, "would be refused: POSITION_NOTIONAL"),
        ({"seen": SEEN._replace(equity=D(900))}, "would be refused: LEVERAGE"),
        ({"seen": SEEN._replace(equity=D(999))}, "would be refused: CAPITAL_ABOVE_EQUITY"),
        ({"seen": SEEN._replace(markets=[BTC._replace(position=D("-0.010"))])}, ""),
        (
            {"seen": SEEN._replace(markets=[BTC._replace(position=D("-0.010"))]), "risk": {"reduce_only": True}},
            "cut by REDUCE_ONLY",
        ),
    ],
)
def test_what_the_first_order_would_become(given: dict[str, Any], said: str) -> None:
    assert first(shown(**given)).endswith(said)


def test_what_stands_against_it() -> None:
    latch = LatchRow("DAILY_LOSS", "equity 900", "gateway", NOW_MS)
    lines = shown(SEEN._replace(latches=[latch], unsettled=2, differences=1))
    assert "latched: DAILY_LOSS since 2025-11-24 12:00:00 UTC: equity 900" in lines
    assert "2 orders are not settled, 1 difference is not adopted: `tickline resolve` lists them" in lines
    assert first(lines).endswith("would be refused: DAILY_LOSS")


def test_no_secret_is_on_it() -> None:
    assert "hush" not in "\n".join(shown(api_key="hush", api_secret="hush"))


def test_books_that_have_another_capital_are_shown_with_it_and_sized_by_it() -> None:
    """The first order is that of the line, which trades with what the book has."""
    books = Books(["BTCUSDT"], D(1_000))
    books.book(capital_report("BTCUSDT", "strategy:BTCUSDT", 1, D(500), 1))
    lines = shown(SEEN._replace(books=books))
    assert "equity 10000; 1 book of 1000, now BTCUSDT 500 of a capital of 500" in lines
    assert first(lines) == "BUY 0.011 at about 42000 = 462 USDT, at 42210 at most"


def test_what_is_lost_when_everything_dies_now() -> None:
    (flat,) = (line for line in shown() if line.startswith("if everything dies"))
    assert flat.endswith("nothing is open, nothing is lost; with all open that is armed: at most 2000, by liquidation")
    held = VenuePosition("BTCUSDT", D("-0.010"), D(42_000), at_stake=D(140), liquidation=D(56_000))
    market = BTC._replace(position=D("-0.010"), rows=[held])
    (open_,) = (line for line in shown(SEEN._replace(markets=[market]), leverage=4) if line.startswith("if everything"))
    assert (
        "at most 140 of 10000: BTCUSDT 140 by liquidation at 56000; with all open that is armed: at most 500" in open_
    )


def lying(kind: StopKind, price: str, phase: StopPhase = StopPhase.WAITING, **changed: Any) -> StopLife:
    """A stop of a long of 0.010."""
    return StopLife(
        "a1", "b", "BTCUSDT", "e1", kind, 0, D("0.010"), D(price), None, True, phase, NOW_MS, NOW_MS + 5_000
    )._replace(**changed)


@pytest.mark.parametrize(
    ("stops", "by_stops"),
    [
        ([], "140 by stops, 140 by liquidation, of 10000: BTCUSDT has no stop; BTCUSDT 140 by liquidation at 28000"),
        (
            [lying(StopKind.STOP, "40950"), lying(StopKind.TAKE_PROFIT, "44100")],
            "10.5 by stops, 140 by liquidation, of 10000: BTCUSDT 10.5 by its stop at 40950; BTCUSDT 140 by liq",
        ),
        ([lying(StopKind.STOP, "40950", StopPhase.UNKNOWN)], "140 by stops, 140 by liquidation, of 10000: BTCUSDT has"),
        (
            [lying(StopKind.STOP, "40950"), lying(StopKind.TRAIL, "42000", trail_bps=D(200))],
            "8.4 by stops, 140 by liquidation, of 10000: BTCUSDT 8.4 by its stop at 41160;",
        ),
    ],
)
def test_what_is_lost_where_the_stops_hold(stops: list[StopLife], by_stops: str) -> None:
    held = VenuePosition("BTCUSDT", D("0.010"), D(42_000), at_stake=D(140), liquidation=D(28_000))
    market = BTC._replace(position=D("0.010"), rows=[held])
    lines = shown(SEEN._replace(markets=[market], stops=stops), leverage=4, protect={"stop_bps": 250})
    (open_,) = (line for line in lines if line.startswith("if everything"))
    assert open_.startswith(f"if everything dies now: at most {by_stops}")
    # 2.5 % to the stop, and 0.5 % that an entry may be filled away from its decision price
    assert open_.endswith("; with all open that is armed: at most 60 by stops, 500 by liquidation")
    assert (
        "protect(stop_bps=250, after_stop=next_bar): where an exchange takes a stop only after the fill, a posit"
        in ("\n".join(lines))
    )


def test_that_nobody_bids_now_makes_no_loss_small() -> None:
    held = VenuePosition("BTCUSDT", D("0.010"), D(42_000), at_stake=D(140), liquidation=D(28_000))
    market = BTC._replace(position=D("0.010"), rows=[held], quote=BTC.quote._replace(bid=D(0)))
    seen = SEEN._replace(markets=[market], stops=[lying(StopKind.STOP, "40950")])
    (open_,) = (line for line in shown(seen, leverage=4, protect={"stop_bps": 250}) if line.startswith("if everything"))
    assert "BTCUSDT 10.5 by its stop at 40950" in open_


def test_a_take_profit_alone_limits_no_loss() -> None:
    (flat,) = (line for line in shown(protect={"take_profit_bps": 500}) if line.startswith("if everything dies"))
    assert flat.endswith("with all open that is armed: at most 2000, by liquidation")


def test_spot_has_neither_margin_nor_leverage_nor_funding() -> None:
    lines = shown(SEEN._replace(markets=[BTC._replace(rules=SWAP._replace(kind="spot", market="BTC/USDT"))]))
    assert lines[0] == "account main: LIVE at okx, spot: coins are paid in full, nothing is borrowed"
    (limits,) = (line for line in lines if line.startswith("limits: "))
    assert "coins over equity 1, " in limits
    words = " ".join(line for line in lines if not line.startswith("model "))  # whose strategy has a parameter leverage
    assert not [word for word in ("margin", "leverage", "liquidation", "funding") if word in words]


def test_what_is_lost_of_coins() -> None:
    spot = SWAP._replace(kind="spot", market="BTC/USDT")
    books = Books(["BTCUSDT"], D(1_000))
    books.book(fill("0.010"))
    market = BTC._replace(rules=spot, position=D("0.050"))
    (said,) = (line for line in shown(SEEN._replace(markets=[market], books=books)) if line.startswith("if everything"))
    assert "at most 420 of 10000: BTCUSDT 420 if the coin is worth nothing" in said
    assert said.endswith("at most 2000, if the coins are worth nothing")


def fill(qty: str) -> ExecutionReport:
    return ExecutionReport(
        n=1,
        sym="BTCUSDT",
        ts_event=1,
        tr="t",
        tick_n=1,
        order_n=1,
        client_order_id="a" * 8,
        leg=Leg.OPEN,
        status=OrderStatus.FILLED,
        last_qty=D(qty),
        last_px=D(42_000),
        commission=D(0),
        reason=None,
    )


def test_coins_that_no_book_holds_count_for_no_limit_and_dust_is_shown() -> None:
    """Savings of 5 BTC would be past every limit."""
    rules = SWAP._replace(kind="spot", market="BTC/USDT", step=D("0.00001"), min_qty=D("0.00001"), min_notional=D(5))
    books = Books(["BTCUSDT"], D(1_000))
    left = D("0.000005")
    books.book(
        capital_report("BTCUSDT", "b", 1, D(1_000), 1).model_copy(
            update={"leg": Leg.OPEN, "capital": None, "last_qty": left, "last_px": D(42_000), "dust": left}
        )
    )
    lines = shown(SEEN._replace(books=books, markets=[BTC._replace(rules=rules, position=D(5) + left)]))
    (line,) = (line for line in lines if "first order" in line)
    assert "position 5.000005, of it dust 0.000005, 5 of it no book's, 0 open orders" in line
    assert first(lines) == "BUY 0.02367 at about 42000 = 994.14 USDT, at 42210 at most"


def test_a_person_reads_that_no_edge_was_shown() -> None:
    """Of the shipped model with its own strategy, by the figures of its card; of another fee the card knows nothing."""
    (line,) = (line for line in shown() if line.startswith("EDGE: "))
    assert line.startswith("EDGE: NO EDGE SHOWN: net Sharpe 2.07 a year over ")
    (other,) = (line for line in shown(fee="0.001") if line.startswith("EDGE: "))
    assert other.startswith("EDGE: NO EDGE SHOWN: the card of btcusdt_12h_linear does not know this strategy at ")
