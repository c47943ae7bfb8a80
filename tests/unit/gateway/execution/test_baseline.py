"""What the account's balance should be: measured once, and moved by profit alone."""

from decimal import Decimal

from shared.control.books import Books, Retired
from shared.control.capital import capital_report

D = Decimal


def test_neither_capital_nor_a_symbol_that_comes_or_goes_is_profit() -> None:
    books = Books(["A", "B"], D(100))
    books.book(capital_report("A", "s:A", 1, D(900), 1))
    assert (books.profit(), books.balance(), books.capital("A") + books.capital("B")) == (0, 1_000, 1_000)
    books.retire(Retired("s:OLD", "OLD", D(0), D(0), D(-3)))
    books.begin("C", D(50))
    assert books.profit() == -3
