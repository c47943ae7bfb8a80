"""What an account's books know beside their positions: who opened them, what of them is dust, what all have."""

from decimal import Decimal

from shared.control.books import Books
from shared.messages import ExecutionReport, Leg, OrderStatus

D = Decimal
SYM = "BTCUSDT"


def report(name: str, qty: str, dust: str = "0") -> ExecutionReport:
    filled = bool(D(qty))
    return ExecutionReport(
        n=1, sym=SYM, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=name * 8, leg=Leg.NET,
        status=OrderStatus.FILLED if filled else OrderStatus.REJECTED, last_qty=D(qty),
        last_px=D(50) if filled else None, commission=D(0), reason=None, dust=D(dust),
    )  # fmt: skip


def test_what_joins_dust_opens_the_position() -> None:
    """Its stops hang on the price of that order, and not on that of the one which left the dust."""
    books = Books([SYM], D(100))
    books.book(report("1", "3"))
    books.book(report("2", "1"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("1" * 8, 4)
    books.book(report("3", "-3.5"))
    assert books.opened_by(SYM) == "1" * 8
    books.book(report("4", "0", dust="0.5"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("", 0)
    assert books.position(SYM) == books.dust(SYM) == D("0.5")
    books.book(report("5", "2"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("5" * 8, D("2.5"))
    books.book(report("6", "-4"))
    assert (books.opened_by(SYM), books.tradable(SYM)) == ("6" * 8, D("-1.5"))
    books.book(report("7", "1.5"))
    assert books.opened_by(SYM) == ""


def test_the_balance_of_all_books_is_kept_to_the_last_digit() -> None:
    books = Books([SYM, "ETHUSDT"], D("0.1"))
    books.begin("XRPUSDT", D(10) ** 20)
    books.begin(SYM, D("1e-18"))
    for qty in ("3", "-1", "-2"):
        books.book(report("1", qty).model_copy(update={"commission": D("1e-15"), "last_px": D("33.333")}))
    each = [books.balance_of(sym) for sym in (SYM, "ETHUSDT", "XRPUSDT")]
    assert books.balance() == sum(each)
    books.begin("XRPUSDT", D(0) + 1)
    assert books.balance() == each[0] + each[1] + 1, "what was large has left nothing"
