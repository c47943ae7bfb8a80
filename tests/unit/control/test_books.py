"""What an account's books know beside their positions: who opened them, and what of them is dust."""

from decimal import Decimal

from shared.control.books import Books
from shared.messages import ExecutionReport, Leg, OrderStatus

D = Decimal
SYM = "BTCUSDT"


def report(name: str, qty: str, dust: str = "0") -> ExecutionReport:
    filled = bool(D(qty))
    return ExecutionReport(
        n=1, sym=SYM, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=name, leg=Leg.NET,
        status=OrderStatus.FILLED if filled else OrderStatus.REJECTED, last_qty=D(qty),
        last_px=D(50) if filled else None, commission=D(0), reason=None, dust=D(dust),
    )  # fmt: skip


def test_what_joins_dust_opens_the_position() -> None:
    """Its stops hang on the price of that order, and not on that of the one which left the dust."""
    books = Books([SYM], D(100))
    books.book(report("first", "3"))
    books.book(report("more", "1"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("first", 4)
    books.book(report("close", "-3.5"))
    assert books.opened_by(SYM) == "first"
    books.book(report("refused", "0", dust="0.5"))
    assert (books.opened_by(SYM), books.tradable(SYM), books.position(SYM), books.dust(SYM)) == (
        "",
        0,
        D("0.5"),
        D("0.5"),
    )
    books.book(report("next", "2"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("next", D("2.5"))
    books.book(report("turned", "-4"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("turned", D("-1.5"))
    books.book(report("closed", "1.5"))
    assert books.opened_by(SYM) == ""
