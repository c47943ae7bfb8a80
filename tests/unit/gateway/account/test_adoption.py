"""What adopting a difference means: the quantity, price and fee that are known, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from services.gateway.account.adoption import Adopted, AdoptRequest, Booking, adopted, written
from services.gateway.account.resolution import ResolveAs
from services.gateway.execution.baseline import BALANCE_BESIDE, Beside, beside, mine_of, mine_row
from shared.control.whereabouts import Currencies
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.rows import ExternalRow, LimitRow

D = Decimal
SYM = "BTCUSDT"
SWAP, SPOT = {SYM: Currencies.of("BTC/USDT:USDT")}, {SYM: Currencies.of("BTC/USDT")}
BALANCE = ExternalRow("BALANCE", "", "balance", "10 more", 1, "", "1000", "1010")


def position(expected: str | None, found: str | None) -> ExternalRow:
    return ExternalRow("POSITION", SYM, SYM, f"the venue holds {found}, the books {expected}", 1, "", expected, found)


def trade(qty: str, price: str, fees: str, id_: str = "7") -> ExternalRow:
    return ExternalRow("EXTERNAL_FILL", SYM, f"{SYM}:{id_}", f"trade of {qty}", 1, "", "no trade", qty, D(price), fees)


def said(ending: str = "bot", **given: str) -> AdoptRequest:
    return AdoptRequest(
        ResolveAs(ending), *(D(given[n]) if n in given else None for n in ("qty", "price", "fee")), "ada", 9
    )


def first(row: ExternalRow, *waiting: ExternalRow, word: AdoptRequest | None = None, **more: Any) -> Adopted:
    markets, limits = more.get("markets", SWAP), more.get("limits", {})
    return adopted([row], [row, *waiting], word or said(), markets, limits)[0]


@pytest.mark.parametrize(
    ("row", "waiting", "word", "markets", "booking"),
    [
        (
            position("0.010", "0.006"),
            (trade("-0.004", "42000", "0.08 USDT"),),
            said(),
            SWAP,
            Booking(D("-0.004"), D(42_000), D("0.08")),
        ),
        # two trades: their average
        (
            position("0", "3"),
            (trade("1", "40", "0.1 USDT", "1"), trade("2", "46", "0.2 USDT", "2")),
            said(),
            SWAP,
            Booking(D(3), D(44), D("0.3")),
        ),
        # of a fee in the coin less is held, and its worth is a cost, as with an order of ours
        (
            position("0", "0.999"),
            (trade("1", "40", "0.001 BTC"),),
            said(),
            SPOT,
            Booking(D("0.999"), D(40), D("0.040")),
        ),
        # a person's word goes before what is known
        (
            position("0", "1"),
            (trade("1", "40", "0.1 USDT"),),
            said(price="41", fee="0.5"),
            SWAP,
            Booking(D(1), D(41), D("0.5")),
        ),
        (
            position("0", "1"),
            (trade("1", "40", "0.002 BNB"),),
            said(fee="1.2"),
            SWAP,
            Booking(D(1), D(40), D("1.2"), elsewhere=D("1.2")),
        ),
        (
            position("0", "1"),
            (trade("1", "40", "0.2 USDT, 0.002 BNB"),),
            said(fee="1.4"),
            SWAP,
            Booking(D(1), D(40), D("1.4"), elsewhere=D("1.2")),
        ),
        # trades that do not make the difference explain nothing
        (position("0", "2"), (trade("1", "40", "0.1 USDT"),), said(price="41"), SWAP, Booking(D(2), D(41), D(0))),
        # of a version that kept no numbers
        (position(None, None), (), said(qty="-1", price="41"), SWAP, Booking(D(-1), D(41), D(0))),
        # a short that was closed
        (position("-1", "0"), (), said(price="41", qty="1"), SWAP, Booking(D(1), D(41), D(0))),
    ],
)
def test_what_is_booked(
    row: ExternalRow,
    waiting: tuple[ExternalRow, ...],
    word: AdoptRequest,
    markets: dict[str, Currencies],
    booking: Booking,
) -> None:
    assert first(row, *waiting, word=word, markets=markets).booking == booking


@pytest.mark.parametrize(
    ("row", "word", "error", "why"),
    [
        (position("0", "1"), said(qty="-1", price="1"), SafetyRefusal, "leads away"),
        (position("0", "1"), said(qty="2", price="1"), SafetyRefusal, "leads away"),
        (position("-1", "-2"), said(qty="0.5", price="1"), SafetyRefusal, "leads away"),
        (position("0 to 1", "2"), said(price="1"), SafetyRefusal, "orders are on their way"),
        (position("0", "1"), said(), ConfigError, "--price: say at which price the 1 BTCUSDT were bought"),
        (position(None, None), said(price="1"), ConfigError, "--qty and --price: say what"),
        (position("0", "1"), said("mine"), SafetyRefusal, "a swap is one position of the account"),
        (BALANCE, said("external", price="1"), ConfigError, "only a difference of kind POSITION is booked"),
        (BALANCE, said("mine"), ConfigError, "--as mine: a position can be yours"),
    ],
)
def test_what_cannot_be(row: ExternalRow, word: AdoptRequest, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        first(row, word=word)


def test_a_fee_in_another_coin_wants_its_worth() -> None:
    with pytest.raises(ConfigError, match="--fee: a fee in BNB was paid: say what it was worth in USDT"):
        first(position("0", "1"), trade("1", "40", "0.002 BNB"))


def test_that_the_balance_is_measured_anew_is_said_before_it_is_confirmed() -> None:
    anew = "the account's BALANCE is measured anew when the books are flat"
    assert anew in first(position("0", "0.2"), word=said("mine"), markets=SPOT).shown
    assert anew in first(BALANCE, word=said("external")).shown
    assert anew not in first(position("0", "0.2"), word=said("bot", price=D(1)), markets=SPOT).shown


def test_what_is_mine_adds_up_and_no_more_than_that_can_go() -> None:
    row = mine_row(SYM, D("0.5"))
    limits = {row.name: row.value}
    assert first(position("0", "0.2"), word=said("mine"), markets=SPOT, limits=limits).mine == D("0.7")
    assert first(position("0.1", "-0.4"), word=said("mine"), markets=SPOT, limits=limits).mine == 0
    with pytest.raises(SafetyRefusal, match=r"0.5 BTC are yours, so 0.1 of what is missing were the bot's"):
        first(position("0.1", "-0.5"), word=said("mine"), markets=SPOT, limits=limits)


def test_money_that_a_person_traded_with_is_measured_anew_and_only_then() -> None:
    made = first(position("0", "0.2"), word=said("mine"), markets=SPOT)
    rows = written(made, said("mine"), "b", 1)
    found = {type(one): one for one in rows}
    assert mine_of({found[LimitRow].name: found[LimitRow].value}, [SYM]) == {SYM: D("0.2")}  # type: ignore[attr-defined]
    noted = [one for one in rows if isinstance(one, ExternalRow)]
    measured = Beside(amount=D(1_000), measured_ms=5)
    limits = {BALANCE_BESIDE: measured.row().value}
    assert beside(limits, [], D(900), D(7), 10) == measured
    assert beside(limits, noted, D(900), D(7), 10) == Beside(amount=D(893), measured_ms=10)
