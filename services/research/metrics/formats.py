"""A format writes the value of a metric for tables; an undefined one is `NONE`."""

from datetime import datetime

NONE = "-"
_HUGE = 1e6  # more than that is written as 1.23e+06: a growth that a few bars made of a year


def percent(value: float | None) -> str:
    """Returns a share as a person reads it.

    >>> percent(0.12345), percent(None)
    ('12.35 %', '-')
    """
    if value is None:
        return NONE
    return f"{100 * value:,.2f} %" if abs(value) < _HUGE else f"{100 * value:.3g} %"


def money(value: float | None) -> str:
    """Returns quote units; a small amount has four digits that count.

    >>> money(1234567.891), money(0.0123456), money(0.0)
    ('1,234,567.89', '0.01235', '0.00')
    """
    if value is None:
        return NONE
    return f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"


def number(value: float | None) -> str:
    """Returns a ratio.

    >>> number(1.23456), number(2.5e7)
    ('1.235', '2.5e+07')
    """
    if value is None:
        return NONE
    return f"{value:,.3f}" if abs(value) < _HUGE else f"{value:.3g}"


def count(value: int | None) -> str:
    """Returns how many there are.

    >>> count(12345)
    '12,345'
    """
    return NONE if value is None else f"{value:,}"


def moment(value: datetime | None) -> str:
    """Returns a time in UTC, to the second.

    >>> moment(datetime(2025, 1, 2, 12))
    '2025-01-02 12:00:00'
    """
    return NONE if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def days(value: float | None) -> str:
    """Returns a time span; in hours or seconds where it is short.

    >>> days(12.5), days(0.25), days(0.0001), days(0.0)
    ('12.5 d', '6 h', '8.64 s', '0 d')
    """
    if value is None:
        return NONE
    if value == 0 or value >= 1:
        return f"{value:,.6g} d"
    return f"{24 * value:.4g} h" if value >= 1 / 24 else f"{86_400 * value:.4g} s"
